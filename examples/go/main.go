// Command hello answers HTTP requests with a greeting and what it knows of
// the machine that it runs in.
package main

import (
	"cmp"
	"fmt"
	"log"
	"net/http"
	"os"
	"runtime"
	"time"
)

func main() {
	started := time.Now()
	greeting := cmp.Or(os.Getenv("GREETING"), "Hello")
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s from %s/%s, up for %s\n", greeting, runtime.GOOS, runtime.GOARCH, time.Since(started).Round(time.Millisecond))
	})
	log.Println("listening on :80")
	log.Fatal(http.ListenAndServe(":80", nil))
}
