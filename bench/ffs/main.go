// Ffs compares the making of file systems: package ffs and the command
// `fakecracker makefs` beside Debian's makefs(8), cp -a and copy_file_range(2),
// in turns and with a warm cache. It reads each image back first, and refuses
// to print when one does not hold what went in.
//
//	go run ./bench/ffs [-n 7] [-bin bin/fakecracker] [-dir /tmp]
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench/ffs: ")
	if len(os.Args) > 1 && os.Args[1] == "child" {
		if err := child(os.Args[2:]); err != nil {
			log.Fatal(err)
		}
		return
	}
	rounds := flag.Int("n", 7, "runs of each side")
	bin := flag.String("bin", "bin/fakecracker", "the command under test")
	dir := flag.String("dir", os.TempDir(), "where trees and images are made: 4 GB")
	flag.Parse()
	if flag.NArg() > 0 || *rounds < 1 {
		log.Fatal("usage: ffs [-n N] [-bin FILE] [-dir DIR]")
	}
	work, err := os.MkdirTemp(*dir, "bench-ffs-")
	if err != nil {
		log.Fatal(err)
	}
	err = run(work, *bin, *rounds)
	if e := os.RemoveAll(work); err == nil {
		err = e
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(work, bin string, rounds int) error {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	for _, t := range trees {
		tree := filepath.Join(work, "tree")
		n, err := t.make(tree)
		if err != nil {
			return fmt.Errorf("make the tree of %s: %w", t.name, err)
		}
		fmt.Printf("%s: %d files and folders, %d MB\n", t.name, n.entries, n.bytes/1e6)
		c := comparison{tree: tree, work: work, bin: bin}
		if err := c.run(rounds, t.beside); err != nil {
			return err
		}
		if err := os.RemoveAll(tree); err != nil {
			return err
		}
	}
	return nil
}
