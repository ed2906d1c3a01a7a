//go:build linux || netbsd

package main

import (
	"fmt"
	"net/http"
	"syscall"
)

// ownAddress is what the probe gives its interface as program 1, as the
// article's rc does.
var ownAddress = [4]byte{192, 168, 2, 101}

// beInit is the whole of a guest that brings its own program 1.
func beInit() {
	openConsole()
	if err := setAddress(); err != nil {
		fmt.Println("probe: set the address:", err)
	}
	http.HandleFunc("POST /halt", func(http.ResponseWriter, *http.Request) { halt() })
	http.HandleFunc("POST /reboot", func(http.ResponseWriter, *http.Request) { restart() })
	fmt.Println("probe: program 1 serves")
	serve()
}

// openConsole gives program 1 its standard files, which NetBSD starts without.
func openConsole() {
	fd, err := syscall.Open("/dev/console", syscall.O_RDWR, 0)
	if err != nil {
		return
	}
	for n := range 3 {
		if n != fd {
			dup(fd, n)
		}
	}
}
