package test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// maxInit is what the initialisation of one package may allocate, in bytes:
// it is paid at every start of the command.
const maxInit = 256 << 10

// dear are packages whose init may allocate more, in bytes, for a reason.
var dear = map[string]int{
	// 1 ms, in which it compiles regular expressions that nobody uses. It
	// comes with hcsshim, whose last version without it is older than buildkit
	// allows.
	"go.opencensus.io/trace/tracestate": 600 << 10,
}

var initLine = regexp.MustCompile(`^init (\S+) @.* (\d+) bytes, \d+ allocs$`)

func TestInitsAreCheap(t *testing.T) {
	c := exec.Command("fakecracker", "version")
	c.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace strings.Builder
	c.Stderr = &trace
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(trace.String()) {
		m := initLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		seen++
		most := max(maxInit, dear[m[1]])
		if n, err := strconv.Atoi(m[2]); err != nil || n > most {
			t.Errorf("the init of %s allocates %s bytes; want at most %d", m[1], m[2], most)
		}
	}
	if seen == 0 {
		t.Errorf("no package's init was seen in:\n%s", trace.String())
	}
}
