package main

import (
	"bufio"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lines calls f for each line of the files.
func lines(names []string, f func(name, line string)) error {
	return each(operands(names), func(name string) error {
		r, err := input(name)
		if err != nil {
			return err
		}
		defer r.Close()
		in := bufio.NewScanner(r)
		for in.Scan() {
			f(name, in.Text())
		}
		return in.Err()
	})
}

func grep(args []string) error {
	o, err := getopt(args, "ceEFinqsvx")
	if err != nil {
		return err
	}
	if err := o.want(1, -1); err != nil {
		return err
	}
	pattern := o.rest[0]
	if o.has('F') {
		pattern = regexp.QuoteMeta(pattern)
	}
	if o.has('x') {
		pattern = "^(?:" + pattern + ")$"
	}
	if o.has('i') {
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	found := 0
	err = lines(o.rest[1:], func(name, line string) {
		if re.MatchString(line) == o.has('v') {
			return
		}
		found++
		switch {
		case o.has('q') || o.has('c'):
		case len(o.rest) > 2:
			fmt.Println(name + ":" + line)
		default:
			fmt.Println(line)
		}
	})
	if o.has('c') {
		fmt.Println(found)
	}
	switch {
	case err != nil:
		return exit(2)
	case found == 0:
		return exit(1)
	}
	return nil
}

// sed is sed(1) of one command: -n "/RE/p".
func sed(args []string) error {
	o, err := getopt(args, "n")
	if err != nil {
		return err
	}
	if err := o.want(1, -1); err != nil {
		return err
	}
	pattern, isPrint := strings.CutSuffix(o.rest[0], "/p")
	pattern, isPattern := strings.CutPrefix(pattern, "/")
	if !isPrint || !isPattern || !o.has('n') {
		return errors.New(`only -n "/RE/p" is known`)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	return lines(o.rest[1:], func(_, line string) {
		if re.MatchString(line) {
			fmt.Println(line)
		}
	})
}

// count is args with "-3", as head and tail have it, written "-n3".
func count(args []string) []string {
	args = slices.Clone(args)
	for i, a := range args {
		if n, ok := strings.CutPrefix(a, "-"); ok && n != "" && strings.Trim(n, "0123456789") == "" {
			args[i] = "-n" + n
		}
	}
	return args
}

func head(args []string) error {
	o, err := getopt(count(args), "n:")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(o.value('n', "10"))
	if err != nil {
		return err
	}
	seen := 0
	return lines(o.rest, func(_, line string) {
		if seen++; seen <= n {
			fmt.Println(line)
		}
	})
}

func sortLines(args []string) error {
	o, err := getopt(args, "nru")
	if err != nil {
		return err
	}
	var all []string
	err = lines(o.rest, func(_, line string) { all = append(all, line) })
	slices.SortStableFunc(all, func(a, b string) int {
		if o.has('n') {
			x, _ := strconv.Atoi(a)
			y, _ := strconv.Atoi(b)
			return x - y
		}
		return strings.Compare(a, b)
	})
	if o.has('u') {
		all = slices.Compact(all)
	}
	if o.has('r') {
		slices.Reverse(all)
	}
	for _, line := range all {
		fmt.Println(line)
	}
	return err
}

func wc(args []string) error {
	o, err := getopt(args, "clw")
	if err != nil {
		return err
	}
	return each(operands(o.rest), func(name string) error {
		r, err := input(name)
		if err != nil {
			return err
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		text := string(b)
		counts := map[byte]int{'l': strings.Count(text, "\n"), 'w': len(strings.Fields(text)), 'c': len(text)}
		for _, letter := range []byte("lwc") {
			if len(o.list) == 0 || o.has(letter) {
				fmt.Printf(" %7d", counts[letter])
			}
		}
		if name != "-" {
			fmt.Print(" " + name)
		}
		fmt.Println()
		return nil
	})
}

// poll is how often tail -f looks for more.
const poll = 100 * time.Millisecond

// tail is tail(1) of one file: its last lines, and with -f what is added.
func tail(args []string) error {
	o, err := getopt(count(args), "fFn:")
	if err != nil {
		return err
	}
	if err := o.want(0, 1); err != nil {
		return err
	}
	n, err := strconv.Atoi(strings.TrimPrefix(o.value('n', "10"), "-"))
	if err != nil {
		return err
	}
	f, err := input(operands(o.rest)[0])
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	all := strings.SplitAfter(string(b), "\n")
	if all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	if _, err := io.WriteString(os.Stdout, strings.Join(all[max(len(all)-n, 0):], "")); err != nil {
		return err
	}
	for o.has('f') || o.has('F') {
		time.Sleep(poll)
		if _, err := io.Copy(os.Stdout, f); err != nil {
			return err
		}
	}
	return nil
}

// cksum is cksum(1) with -a.
func cksum(args []string) error {
	o, err := getopt(args, "a:n")
	if err != nil {
		return err
	}
	return digest(strings.ToLower(o.value('a', "crc")), o.has('n'), o.rest)
}

func sha256Sum(args []string) error { return digest("sha256", false, args) }

func digest(name string, behind bool, files []string) error {
	makers := map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}
	newHash, ok := makers[name]
	if !ok {
		return errors.New("only -a sha1, sha256 and sha512 are known")
	}
	return each(operands(files), func(file string) error {
		r, err := input(file)
		if err != nil {
			return err
		}
		defer r.Close()
		h := newHash()
		if _, err := io.Copy(h, r); err != nil {
			return err
		}
		switch {
		case file == "-":
			fmt.Printf("%x\n", h.Sum(nil))
		case behind:
			fmt.Printf("%x %s\n", h.Sum(nil), file)
		default:
			fmt.Printf("%s (%s) = %x\n", strings.ToUpper(name), file, h.Sum(nil))
		}
		return nil
	})
}
