// Command worker is what the steps of the tests run. Its first argument says
// what it does.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	switch os.Args[1] {
	case "change":
		change()
	case "node":
		check(os.Mkdir("/dev/sub", 0o700))
		check(mknod("/dev/own", syscall.S_IFCHR|0o640, 1))
		check(mknod("/dev/sub/own", syscall.S_IFBLK|0o600, 2))
		attributes()
	case "pass":
		check(os.WriteFile("/tmp/x", nil, 0o600))
		check(os.Remove("/tmp/x"))
	case "init":
		check(os.WriteFile("/sbin/new", []byte("another init"), 0o755))
		check(os.Rename("/sbin/new", "/sbin/init"))
	case "tell":
		tell()
	case "print":
		line := bytes.Repeat([]byte("0123456789abcde\n"), 1024)
		for range number(2) / len(line) {
			_, err := os.Stdout.Write(line)
			check(err)
		}
	case "big":
		big(os.Args[2], number(3))
	case "fill":
		fill(os.Args[2])
	case "many":
		many(os.Args[2], number(3))
	case "exit":
		os.Exit(number(2))
	case "die":
		check(syscall.Kill(os.Getpid(), syscall.SIGKILL))
		time.Sleep(time.Hour)
	case "hang":
		fmt.Println("hanging")
		time.Sleep(time.Hour)
	case "leave":
		check(exec.Command(os.Args[0], "linger").Start())
	case "linger":
		linger()
	case "reset":
		reset()
	case "fetch":
		fetch(os.Args[2], os.Args[3])
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// mknod makes a device of major number 9.
func mknod(name string, mode uint32, minor int) error {
	p, err := syscall.BytePtrFromString(name)
	check(err)
	// The syscall package gives NetBSD/i386 half a dev_t.
	_, _, errno := syscall.Syscall6(syscall.SYS_MKNOD, uintptr(unsafe.Pointer(p)), uintptr(mode), uintptr(9<<8|minor), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func number(i int) int {
	n, err := strconv.Atoi(os.Args[i])
	check(err)
	return n
}

// change changes the tree in every way that there is.
func change() {
	syscall.Umask(0)
	add := func(name, text string) {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
		check(err)
		_, err = io.WriteString(f, text)
		check(err)
		check(f.Close())
	}
	check(os.WriteFile("/new", []byte("new\n"), 0o640))
	check(os.Chown("/new", 1000, 100))
	at := time.Unix(1_600_000_000, 123_000)
	check(os.Chtimes("/new", at, at))
	add("/etc/old", "more\n")
	check(os.Remove("/etc/gone"))
	check(os.RemoveAll("/etc/gone.d"))
	check(os.Chmod("/etc/mode", 0o755|os.ModeSetuid))
	check(os.Chown("/etc/owner", 7, 8))
	check(os.WriteFile("/etc/same", []byte("same\n"), 0o644))
	check(os.Mkdir("/d", 0o1777))
	check(os.Chmod("/d", 0o777|os.ModeSticky))
	check(os.Rename("/usr/folder", "/usr/renamed"))
	check(os.Rename("/etc/moved", "/d/moved"))
	check(os.Symlink("../"+strings.Repeat("long/", 40), "/d/link"))
	check(os.Link("/lib/a", "/lib/c"))
	add("/lib/b", "more\n")
	check(os.Remove("/lib/one"))
	check(os.Remove("/etc/kind"))
	check(os.Mkdir("/etc/kind", 0o755))
	check(os.WriteFile("/etc/kind/file", nil, 0o600))
	check(syscall.Mkfifo("/d/fifo", 0o600))
	check(mknod("/d/null", syscall.S_IFCHR|0o666, 1))
	check(os.Chmod("/usr", 0o700))
}

// fetch writes into a file what the server at the address sends.
func fetch(addr, name string) {
	conn, err := net.Dial("tcp", addr)
	check(err)
	text, err := io.ReadAll(conn)
	check(err)
	check(os.WriteFile(name, text, 0o644))
}

// tell prints what it was started with.
func tell() {
	dir, _ := os.Getwd()
	n, err := os.Stdin.Read(make([]byte, 1))
	fmt.Printf("%q\n%q\n%s %d:%d %d %v\n", os.Args[2:], os.Environ(), dir, os.Getuid(), os.Getgid(), n, err)
	fmt.Fprintln(os.Stderr, "an error")
}

// big writes a file of size bytes, no two blocks of which are alike.
func big(name string, size int) {
	f, err := os.Create(name)
	check(err)
	block := bytes.Repeat([]byte("abcdefghijklmnop"), 4096)
	for n := 0; n < size; n += len(block) {
		copy(block, strconv.Itoa(n))
		_, err := f.Write(block[:min(len(block), size-n)])
		check(err)
	}
	check(f.Close())
}

// fill writes until there is no more room.
func fill(name string) {
	f, err := os.Create(name)
	check(err)
	block := make([]byte, 1<<20)
	for err == nil {
		_, err = f.Write(block)
	}
	fmt.Println(err)
	check(f.Close())
	check(os.Remove(name))
}

// many makes n small files.
func many(dir string, n int) {
	check(os.Mkdir(dir, 0o755))
	for i := range n {
		check(os.WriteFile(fmt.Sprintf("%s/%d", dir, i), []byte(strconv.Itoa(i)), 0o644))
	}
}

// linger writes a file for as long as it is let, and heeds no signal.
func linger() {
	signal.Ignore(syscall.SIGTERM)
	f, err := os.Create("/lingered")
	check(err)
	for {
		_, err := f.WriteAt([]byte(time.Now().String()), 0)
		check(err)
	}
}
