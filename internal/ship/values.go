package ship

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"github.com/fakecracker/fakecracker/internal/image"
)

// words splits a command as a shell would, quotes and all. What only a shell
// in the guest could do (variables, pipes, patterns) is refused: there may be
// none.
func words(command string) ([]string, error) {
	needShell := errors.New(`this needs a shell: write "/bin/sh -c '…'"`)
	f, err := parse([]byte(command), "")
	if err != nil {
		return nil, err
	}
	if len(f.Stmts) == 0 {
		return nil, nil
	}
	call, ok := f.Stmts[0].Cmd.(*syntax.CallExpr)
	if !ok || len(f.Stmts) > 1 || len(f.Stmts[0].Redirs) > 0 || f.Stmts[0].Negated {
		return nil, needShell
	}
	if len(call.Assigns) > 0 {
		return nil, errors.New("variables go into env")
	}
	var argv []string
	for _, w := range call.Args {
		arg, ok := literal(w)
		if !ok {
			return nil, needShell
		}
		argv = append(argv, arg)
	}
	return argv, nil
}

// literal returns the text of a word that nothing is expanded in.
func literal(w *syntax.Word) (string, bool) {
	plain := true
	syntax.Walk(w, func(n syntax.Node) bool {
		switch n := n.(type) {
		case nil, *syntax.Word, *syntax.SglQuoted, *syntax.DblQuoted:
		case *syntax.Lit:
			if w.Lit() != "" && strings.ContainsAny(n.Value, "*?[~") {
				plain = false
			}
		default:
			plain = false
		}
		return plain
	})
	if !plain {
		return "", false
	}
	fields, err := expand.Fields(nil, w) // takes the quotes and backslashes off
	if err != nil || len(fields) != 1 {
		return "", false
	}
	return fields[0], true
}

// environment splits "A=1 B='x y'".
func environment(s string) ([]string, error) {
	env, err := assignmentWords(s)
	for _, kv := range env {
		if name, _, _ := strings.Cut(kv, "="); !syntax.ValidName(name) {
			return nil, errors.New("not a list of K=V")
		}
	}
	return env, err
}

// assignmentWords splits words of K=V, whose names may be anything.
func assignmentWords(s string) ([]string, error) {
	f, err := parse([]byte(": "+s), "")
	if err != nil {
		return nil, err
	}
	if len(f.Stmts) != 1 {
		return nil, errors.New("more than one line of K=V")
	}
	call, ok := f.Stmts[0].Cmd.(*syntax.CallExpr)
	if !ok || len(f.Stmts[0].Redirs) > 0 {
		return nil, errors.New("not a list of K=V")
	}
	var env []string
	for _, w := range call.Args[1:] {
		kv, ok := literal(w)
		if name, _, has := strings.Cut(kv, "="); !ok || !has || name == "" {
			return nil, errors.New("not a list of K=V")
		}
		env = append(env, kv)
	}
	return env, nil
}

// ports reads "80 443/tcp 53/udp 8000-8010".
func ports(s string, tcp, udp *[]uint16) error {
	for _, word := range strings.Fields(s) {
		r, err := parseRange(word)
		if err != nil {
			return err
		}
		if err := r.addTo(tcp, udp); err != nil {
			return err
		}
	}
	return nil
}

// size reads a number of bytes with K, M or G (powers of 1024) behind it,
// which may have a B or iB.
func size(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	bad := errors.New("not a size such as 128M")
	digits := strings.TrimRight(s, "bBiIkKmMgG")
	unit := strings.ToUpper(s[len(digits):])
	shift, ok := map[string]int{
		"": 0, "B": 0, "K": 10, "KB": 10, "KIB": 10, "M": 20, "MB": 20, "MIB": 20, "G": 30, "GB": 30, "GIB": 30,
	}[unit]
	if !ok {
		return 0, bad
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > 1<<50>>shift {
		return 0, bad
	}
	return n << shift, nil
}

// parseGuest reads "netbsd", "linux" or one of them with "/i386" or "/amd64",
// which also have the names that others give them.
func parseGuest(s string) (image.Guest, error) {
	if s == "" {
		return image.Guest{}, nil
	}
	os, arch, slash := strings.Cut(strings.ToLower(s), "/")
	known, ok := map[string]string{"i386": "i386", "386": "i386", "i686": "i386", "amd64": "amd64", "x86_64": "amd64"}[arch]
	if os != "netbsd" && os != "linux" || slash && !ok {
		return image.Guest{}, errors.New("guests are netbsd and linux, perhaps with /i386 or /amd64")
	}
	return image.Guest{OS: os, Arch: known}, nil
}

// startsWith says whether the host's file begins with magic.
func startsWith(path string, magic []byte) (bool, error) {
	f, err := openRegular(path)
	if err != nil {
		return false, err
	}
	b := make([]byte, len(magic))
	_, err = io.ReadFull(f, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return string(b) == string(magic), errors.Join(err, f.Close())
}
