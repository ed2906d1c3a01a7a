package main

// attributes does nothing: a root disk of NetBSD has no extended attributes.
func attributes() {}
