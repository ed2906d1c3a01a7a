package agent

import (
	"bytes"
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
)

// maxAgent is what the guest's program may weigh, in bytes.
const maxAgent = 3_500_000

func needGo(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no Go toolchain")
	}
}

// TestBuild holds the size, and that a second build gives the same bytes,
// which is tried on one target: each link takes a second.
func TestBuild(t *testing.T) {
	needGo(t)
	machines := map[string]elf.Machine{"386": elf.EM_386, "amd64": elf.EM_X86_64}
	for _, target := range Targets() {
		t.Run(target.String(), func(t *testing.T) {
			first, hash, err := Build(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			if len(first) > maxAgent {
				t.Errorf("%d bytes: want at most %d", len(first), maxAgent)
			}
			if !bytes.Contains(first, []byte(hash)) {
				t.Error("the program does not hold its source's hash")
			}
			f, err := elf.NewFile(bytes.NewReader(first))
			if err != nil {
				t.Fatal(err)
			}
			if f.Machine != machines[target.Arch] {
				t.Errorf("built for %v", f.Machine)
			}
			t.Logf("%d bytes", len(first))
			if target != Targets()[0] {
				return
			}
			second, _, err := Build(t.Context(), target)
			if err != nil || !bytes.Equal(first, second) {
				t.Errorf("the second build has %d bytes, %v; want the same", len(second), err)
			}
		})
	}
}

func TestNoToolchain(t *testing.T) {
	t.Setenv("PATH", "")
	_, _, err := Build(t.Context(), Targets()[0])
	if !errors.Is(err, errNoToolchain) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v: want %v", err, errNoToolchain)
	}
}

func TestEmbedded(t *testing.T) {
	target := Targets()[0]
	packed, err := pack([]byte("program"))
	if err != nil {
		t.Fatal(err)
	}
	file := func(data []byte) *fstest.MapFile { return &fstest.MapFile{Data: data} }
	place := "dist/" + target.String() + ".zst"
	tests := []struct {
		name string
		dist fstest.MapFS
		want string
		err  error
	}{
		{"there", fstest.MapFS{"dist/source": file([]byte("abc\n")), place: file(packed)}, "program", nil},
		{"a fresh clone", fstest.MapFS{"dist/.gitkeep": file(nil)}, "", fs.ErrNotExist},
		{"of another source", fstest.MapFS{"dist/source": file([]byte("old\n")), place: file(packed)}, "", fs.ErrNotExist},
		{"of other targets", fstest.MapFS{"dist/source": file([]byte("abc\n"))}, "", fs.ErrNotExist},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := embedded(tt.dist, target, "abc")
			if string(got) != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("embedded = %q, %v; want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestTargetOf(t *testing.T) {
	for _, arch := range []string{"i386", "386"} {
		if got, err := targetOf("netbsd", arch); err != nil || got != (Target{"netbsd", "386"}) {
			t.Errorf("targetOf(netbsd, %s) = %v, %v", arch, got, err)
		}
	}
	if got, err := targetOf("linux", "i386"); err == nil {
		t.Errorf("targetOf(linux, i386) = %v; want an error", got)
	}
}

// TestSource holds that what is embedded is what ./cmd/agent is built from.
func TestSource(t *testing.T) {
	files, err := sourceFiles()
	if err != nil {
		t.Fatal(err)
	}
	for name := range files {
		if strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s is a test", name)
		}
	}
	command, err := os.ReadFile("../../cmd/agent/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if _, body, _ := strings.Cut(mainSource, "import"); !strings.HasSuffix(string(command), "import"+body) {
		t.Error("cmd/agent/main.go does something else than the embedded main")
	}
}
