#!/bin/sh
# Answers a request of RFC 3875 in nothing but the shell's own commands.

echo "Content-Type: text/plain"
echo
echo "method: $REQUEST_METHOD"
echo "query: $QUERY_STRING"

# The body is as long as the caller says; who gives none waits for none.
if [ "${CONTENT_LENGTH:-0}" -gt 0 ]; then
	read -r line
	echo "body: $line"
fi
