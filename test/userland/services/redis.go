package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
)

// store is what redis-server remembers.
type store struct {
	mu     sync.Mutex
	values map[string]string
}

// redis is "redis-server [FILE] [--port N] [--bind ADDR]" with PING, ECHO,
// SET, GET, DEL, INCR and DBSIZE.
func redis(args []string) error {
	settings := map[string]string{"port": "6379", "bind": ""}
	if len(args) > 0 && !strings.HasPrefix(args[0], "--") {
		b, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		for text := range strings.Lines(string(b)) {
			if w := strings.Fields(text); len(w) > 1 && w[0][0] != '#' {
				settings[w[0]] = w[1]
			}
		}
		args = args[1:]
	}
	flags, err := longFlags(args)
	if err != nil {
		return err
	}
	for k, v := range flags {
		settings[k] = v
	}
	l, err := net.Listen("tcp4", net.JoinHostPort(settings["bind"], settings["port"]))
	if err != nil {
		return err
	}
	fmt.Println("* Ready to accept connections tcp")
	s := &store{values: map[string]string{}}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go s.talk(c)
	}
}

func (s *store) talk(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		words, err := readCommand(in)
		if err != nil {
			return
		}
		if len(words) == 0 {
			continue
		}
		if _, err := io.WriteString(c, s.obey(words)+"\r\n"); err != nil {
			return
		}
	}
}

// largest is the most that one word may be long, and longest the most words.
const (
	largest = 1 << 20
	longest = 64
)

// readCommand reads a line of words, or an array of the protocol RESP.
func readCommand(in *bufio.Reader) ([]string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimRight(line, "\r\n")
	if !strings.HasPrefix(line, "*") {
		return strings.Fields(line), nil
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n < 0 || n > longest {
		return nil, errors.New("not an array")
	}
	words := make([]string, n)
	for i := range words {
		head, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, err := strconv.Atoi(strings.Trim(head, "$\r\n"))
		if err != nil || size < 0 || size > largest {
			return nil, errors.New("not a string")
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(in, b); err != nil {
			return nil, err
		}
		words[i] = string(b[:size])
	}
	return words, nil
}

func (s *store) obey(words []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.ToUpper(words[0])
	switch {
	case name == "PING" && len(words) == 1:
		return "+PONG"
	case name == "ECHO" && len(words) == 2:
		return bulk(words[1])
	case name == "SET" && len(words) == 3:
		s.values[words[1]] = words[2]
		return "+OK"
	case name == "GET" && len(words) == 2:
		if v, ok := s.values[words[1]]; ok {
			return bulk(v)
		}
		return "$-1"
	case name == "DEL" && len(words) == 2:
		_, ok := s.values[words[1]]
		delete(s.values, words[1])
		if ok {
			return ":1"
		}
		return ":0"
	case name == "INCR" && len(words) == 2:
		n, _ := strconv.Atoi(s.values[words[1]])
		s.values[words[1]] = strconv.Itoa(n + 1)
		return ":" + s.values[words[1]]
	case name == "DBSIZE":
		return ":" + strconv.Itoa(len(s.values))
	}
	return fmt.Sprintf("-ERR unknown command '%s'", words[0])
}

func bulk(v string) string { return fmt.Sprintf("$%d\r\n%s", len(v), v) }
