// Static serves the folder /var/www on port 80: a whole web service of one
// program, which needs no sets and no packages around it.
package main

import (
	"log"
	"net/http"
	"time"
)

func main() {
	server := &http.Server{
		Addr:              ":80",
		Handler:           http.FileServer(http.Dir("/var/www")),
		ReadHeaderTimeout: 10 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}
