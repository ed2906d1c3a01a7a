package ship

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What would take for ever or all memory ends with an error.
func TestDockerBounds(t *testing.T) {
	long := strings.Repeat("x", 60_000)
	tests := []struct{ name, text, want string }{
		{"doubling", "FROM base\nENV A=0123456789\n" + strings.Repeat("ENV A=$A$A\n", 60), "KiB"},
		{"doubling ARGs", "FROM base\nARG A=0123456789\n" + strings.Repeat("ARG A=$A$A\n", 60), "KiB"},
		{"doubling before FROM", "ARG A=0123456789\n" + strings.Repeat("ARG A=$A$A\n", 60) + "FROM base\n", "KiB"},
		{"one word", "FROM base\nENV A=" + long + "\nENV B=" + strings.Repeat("$A", 20_000) + "\n", "would expand to more"},
		{"replacing", "FROM base\nENV A=" + long[:5000] + "\nENV B=${A//x/$A$A$A$A}\n", "would expand to more"},
		{"many variables", "FROM base\nENV L=" + long + "\n" + envs("$L"), "its variables take more"},
		{"many labels", "FROM base\nLABEL " + pairsOf(2_000) + "\n", "more than 1000 labels"},
		{"many names", "FROM base\nENV " + pairsOf(2_000) + "\n", "more than 1000 variables"},
		{"nested", "FROM base\nENV A=" + strings.Repeat("${B:-", 5_000) + strings.Repeat("}", 5_000) + "\n", "without end"},
		{"instructions", "FROM base\n" + strings.Repeat("ARG a\n", 2_100), "more than 2000 instructions"},
		{"stages", strings.Repeat("FROM base\n", 101), "more than 100 stages"},
		{"a long line", "FROM base\nRUN " + strings.Repeat("x", 70_000) + "\n", "greater than max"},
		{"a RUN", "FROM base\nLABEL smolbsd.service=x\nENV A=" + long + "\nRUN " + strings.Repeat("$A", 10_000) + "\n", ":4: it expands to more than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(t.Context(), definitionFile(t, "Dockerfile", tt.text), Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want one with %q", err, tt.want)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

// pairsOf makes that many pairs.
func pairsOf(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "n%d=1 ", i)
	}
	return b.String()
}

// envs sets ten variables to a value.
func envs(value string) string {
	var b strings.Builder
	for _, c := range "abcdefghij" {
		b.WriteString("ENV " + string(c) + "=" + value + "\n")
	}
	return b.String()
}

func TestIncludeBounds(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a.smol", "FROM base\nINCLUDE 1\n")
	for i := range 9 {
		write(string(rune('1'+i)), "INCLUDE "+string(rune('2'+i))+"\n")
	}
	_, err := Load(t.Context(), filepath.Join(dir, "a.smol"), Options{})
	if err == nil || !strings.Contains(err.Error(), "nested more than 8 deep") {
		t.Errorf("deep: %v", err)
	}
	write("b.smol", "FROM base\n"+strings.Repeat("INCLUDE x\n", 150))
	write("x", "LABEL a=1\n")
	_, err = Load(t.Context(), filepath.Join(dir, "b.smol"), Options{})
	if err == nil || !strings.Contains(err.Error(), "more than 100 files") {
		t.Errorf("many: %v", err)
	}
	write("c.smol", "FROM base\nINCLUDE y\nINCLUDE z\n")
	write("y", "INCLUDE z\n")
	write("z", "INCLUDE y\n")
	_, err = Load(t.Context(), filepath.Join(dir, "c.smol"), Options{})
	if err == nil || !strings.Contains(err.Error(), "includes itself") {
		t.Errorf("cycle: %v", err)
	}
}

func FuzzDockerfile(f *testing.F) {
	for _, pattern := range []string{"testdata/docker/Dockerfile", "testdata/smol/*.*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil || strings.HasSuffix(path, ".golden") {
				continue
			}
			f.Add(b)
		}
	}
	f.Add([]byte("# escape=`\nFROM base:x\nENV A=${B:-${C#*x}} `\n D='e'\nEXPOSE 1-9 8:9\nCOPY <<-E a /b/\n\tx\n\tE\n"))
	f.Add([]byte("ARG A=1\nFROM ${A//1/base}\nLABEL smolbsd.publish=1:2\nRUN cat<<E\n${A%x} \\$b\nE\nONBUILD RUN x\n"))
	f.Add([]byte("FROM base AS a\nARG A B=$A\nFROM a\nCOPY --parents ../$A/./../b x/../y /c/\nVOLUME $B\nSTOPSIGNAL 3\nHEALTHCHECK CMD x\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if len(text) > maxFile {
			return
		}
		s, err := loadDockerfile(ctx, filepath.Join(dir, "Dockerfile"), dir, text, Options{BuildArgs: map[string]string{"A": "$B'"}})
		if err != nil {
			if strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), dir) {
				t.Errorf("error %q; want one line with the file", err)
			}
			return
		}
		if !validName(s.Name) || len(s.Stages) == 0 {
			t.Errorf("a ship named %q with %d stages", s.Name, len(s.Stages))
		}
		done := make(map[string]Evaluation)
		for i, stage := range s.Stages {
			base, ok := done[stage.From.Stage]
			if !ok {
				base.Config.Env = []string{"B=1"}
			}
			ev, err := stage.Evaluate(base.Config, s.Guest, base.Args...)
			if err != nil {
				continue
			}
			checkSteps(t, ev)
			done[strconv.Itoa(i)] = ev
		}
		if bytes.Contains(text, []byte("INCLUDE ")) {
			return
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("left in the folder: %v, %v", left, err)
		}
	})
}

// checkSteps holds what a builder relies on.
func checkSteps(t *testing.T, ev Evaluation) {
	t.Helper()
	for _, s := range ev.Steps {
		if c := s.Copy; c != nil {
			if !filepath.IsAbs(c.Dest) || len(c.Sources)+len(c.Inline) == 0 {
				t.Errorf("step %+v copies %+v", s.Text, *c)
			}
			for _, source := range c.Sources {
				if c.From == "" && !IsAddress(source) && !filepath.IsLocal(source) {
					t.Errorf("%s: source %q leaves the context", s.Text, source)
				}
			}
		}
		if r := s.Run; r != nil && (len(r.Args) == 0 || r.Dir != "" && !filepath.IsAbs(r.Dir)) {
			t.Errorf("step %s runs %+v", s.Text, *r)
		}
		for _, port := range s.Config.Expose {
			if port == 0 {
				t.Errorf("%s: port 0", s.Text)
			}
		}
	}
}
