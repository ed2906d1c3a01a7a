// Probe is the service that the end-to-end tests run in a guest: it does what
// its arguments say, and shows over HTTP what it sees.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if os.Getpid() == 1 {
		beInit()
	}
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"serve"}
	}
	switch args[0] {
	case "serve":
		serve()
	case "exit": // exit CODE
		code, err := strconv.Atoi(args[1])
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("probe: exiting with", code)
		os.Exit(code)
	case "stubborn": // serves, and does not end at SIGTERM
		signal.Ignore(syscall.SIGTERM)
		serve()
	case "chatter": // writes for ever
		for {
			fmt.Println("probe: [ 1.0000000] panic: or so it says")
			time.Sleep(20 * time.Millisecond)
		}
	case "orphans": // leaves processes behind that PID 1 must reap
		orphans()
	default:
		log.Fatalf("probe: unknown word %q", args[0])
	}
}

// A view is what the probe sees of its guest.
type view struct {
	PID      int      `json:"pid"`
	UID      int      `json:"uid"`
	Dir      string   `json:"dir"`
	Hostname string   `json:"hostname"`
	Args     []string `json:"args"`
	Env      []string `json:"env"`
	Marker   string   `json:"marker"` // what /marker holds
	Zombies  int      `json:"zombies"`
}

func serve() {
	http.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		v := view{PID: os.Getpid(), UID: os.Getuid(), Args: os.Args, Env: os.Environ()}
		v.Dir, _ = os.Getwd()
		v.Hostname, _ = os.Hostname()
		marker, err := os.ReadFile("/marker")
		if err == nil {
			v.Marker = string(marker)
		}
		if err := json.NewEncoder(w).Encode(v); err != nil {
			log.Print(err)
		}
	})
	http.HandleFunc("POST /mark", func(w http.ResponseWriter, _ *http.Request) {
		if err := os.WriteFile("/marker", []byte("written"), 0o600); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "marked")
	})
	http.HandleFunc("POST /exit/{code}", func(_ http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(r.PathValue("code"))
		if err != nil {
			code = 1
		}
		go func() {
			time.Sleep(50 * time.Millisecond)
			os.Exit(code)
		}()
	})
	server := &http.Server{Addr: ":80", ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// orphans starts children that outlive their parent, then says so.
func orphans() {
	for range 20 {
		p, err := os.StartProcess("/usr/bin/probe", []string{"probe", "exit", "0"}, &os.ProcAttr{Files: []*os.File{nil, os.Stdout, os.Stderr}})
		if err != nil {
			log.Fatal(err)
		}
		if err := p.Release(); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("probe: left 20 children")
}
