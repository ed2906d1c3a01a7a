package ship

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fakecracker/fakecracker/internal/image"
)

// goldenShip is a ship, and what its last stage does.
type goldenShip struct {
	Ship       Ship
	Evaluation Evaluation
}

// summarized takes out of each step what the step before has, too.
func summarized(ev Evaluation) Evaluation {
	for i := range ev.Steps {
		ev.Steps[i].Config = image.Config{}
		if r := ev.Steps[i].Run; r != nil && i < len(ev.Steps)-1 {
			r.Env = nil
		}
	}
	return ev
}

// evaluateLast evaluates the ship's last stage on an empty base.
func evaluateLast(t testing.TB, s Ship) Evaluation {
	t.Helper()
	ev, err := s.Stages[len(s.Stages)-1].Evaluate(image.Config{}, s.Guest)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func TestDockerGolden(t *testing.T) {
	for _, path := range []string{
		"testdata/docker/Dockerfile", "testdata/smol/SMOLerfile.caddy", "testdata/smol/Dockerfile.web",
		"testdata/smol/SMOLerfile.ttyd", "testdata/smol/shell.smol",
	} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			s, err := Load(t.Context(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, path+".golden", "testdata", goldenShip{s, summarized(evaluateLast(t, s))})
		})
	}
}

// definition writes a definition under a name of docker's or smolBSD's.
func definitionFile(t testing.TB, name, text string) string {
	t.Helper()
	return filepath.Join(writeFiles(t, map[string]string{name: text}), name)
}

// evaluated loads a definition and evaluates its last stage.
func evaluated(t *testing.T, name, text string, base image.Config) Evaluation {
	t.Helper()
	s, err := Load(t.Context(), definitionFile(t, name, text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ev, err := s.Stages[len(s.Stages)-1].Evaluate(base, s.Guest)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// A Dockerfile's RUN is the guest's shell's, to the letter.
func TestDockerRun(t *testing.T) {
	ev := evaluated(t, "Dockerfile", "FROM base,etc\nARG A=one\nENV B=two\nRUN echo '$A' \\$B\n", image.Config{Env: []string{"PATH=/bin"}})
	want := Run{
		Args: []string{"/bin/sh", "-c", `echo '$A' \$B`}, Shell: true, Env: []string{"PATH=/bin", "A=one", "B=two"},
	}
	if diff := cmp.Diff(want, *ev.Steps[2].Run); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"PATH=/bin", "B=two"}, ev.Config.Env); diff != "" {
		t.Errorf("the configuration has no ARG (-want +got):\n%s", diff)
	}
}

func TestFrom(t *testing.T) {
	tests := []struct {
		from string
		want From
	}{
		{"scratch", From{Scratch: true}},
		{"base", From{Sets: []string{"base"}}},
		{"base,etc,", From{Sets: []string{"base", "etc"}}},
		{"base.tar.xz,etc.tgz,kern-GENERIC.tgz", From{Sets: []string{"base", "etc", "kern-GENERIC"}}},
		{"comp:/usr/bin/strip,comp:./usr/libexec/*", From{Sets: []string{"comp:/usr/bin/strip", "comp:/usr/libexec/*"}}},
		{"./sets/base.tar.xz:/bin/sh", From{Sets: []string{"./sets/base.tar.xz:/bin/sh"}}},
		{"base:10.1", From{Image: "base:10.1"}},
		{"build-amd64.img", From{Disk: "build-amd64.img"}},
		{"earlier", From{Stage: "0"}},
		{"EARLIER", From{Stage: "0"}},
		{"0", From{Stage: "0"}},
		{"1", From{Image: "1"}},
		{"registry.example.org:5000/a/b:tag@sha256:00", From{Image: "registry.example.org:5000/a/b:tag@sha256:00"}},
		{"--platform=netbsd/386 base", From{Sets: []string{"base"}, Guest: image.Guest{OS: "netbsd", Arch: "i386"}}},
		{"--platform=linux/amd64 debian", From{Image: "debian", Guest: image.Guest{OS: "linux", Arch: "amd64"}}},
		{"--platform=$TARGETPLATFORM ${NAME:-debian}", From{Image: "debian"}},
		{"--platform=linux/$TARGETARCH debian", From{Image: "debian", Guest: image.Guest{OS: "linux"}}},
		{"--platform=${PLATFORM} debian", From{Image: "debian", Guest: image.Guest{OS: "linux", Arch: "amd64"}}},
	}
	for _, tt := range tests {
		t.Run(tt.from, func(t *testing.T) {
			s, err := Load(t.Context(), definitionFile(t, "Dockerfile", "ARG NAME\nARG PLATFORM=linux/amd64\nFROM scratch AS earlier\nFROM "+tt.from+"\n"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, s.Stages[1].From); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A variable means what docker says it means.
func TestScope(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"default", "ARG A=1\nLABEL l=$A", "1"},
		{"a build argument is stronger", "ARG GIVEN=1\nLABEL l=$GIVEN", "given"},
		{"a build argument without ARG", "LABEL l=$GIVEN", ""},
		{"from before FROM, if asked for", "ARG GLOBAL\nLABEL l=$GLOBAL", "global"},
		{"from before FROM, not asked for", "LABEL l=$GLOBAL", ""},
		{"the last of ENV and ARG", "ARG A=1\nENV A=2\nLABEL l=$A", "2"},
		{"before the ARG", "LABEL l=$A\nARG A=1", ""},
		{"the base's", "LABEL l=$BASE", "base"},
		{"an ENV sees what was before it", "ENV A=1\nENV A=2 B=$A\nLABEL l=$B", "1"},
		{"another ARG", "ARG A=1\nARG B=x$A\nLABEL l=$B", "x1"},
		{"default by :-", "LABEL l=${A:-d}${BASE:+set}${A:+set}", "dset"},
		{"escaped", `LABEL l=\$BASE'$BASE'"$BASE"`, "$BASE$BASEbase"},
		{"platform", "ARG TARGETARCH TARGETOS\nLABEL l=$TARGETOS/$TARGETARCH", "netbsd/amd64"},
		{"another escape", "LABEL l=`$BASE", "`base"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := definitionFile(t, "Dockerfile", "ARG GLOBAL=global\nFROM base,etc\n"+tt.text+"\n")
			s, err := Load(t.Context(), path, Options{BuildArgs: map[string]string{"GIVEN": "given"}})
			if err != nil {
				t.Fatal(err)
			}
			ev, err := s.Stages[0].Evaluate(image.Config{Env: []string{"BASE=base"}}, image.Guest{OS: "netbsd", Arch: "amd64"})
			if err != nil {
				t.Fatal(err)
			}
			if got := ev.Config.Labels["l"]; got != tt.want {
				t.Errorf("%q; want %q", got, tt.want)
			}
		})
	}
}

func TestEscapeDirective(t *testing.T) {
	ev := evaluated(t, "Dockerfile", "# escape=`\nFROM base,etc\nENV A=1\nLABEL l=`$A\\$A `\n  m=2\n", image.Config{})
	if diff := cmp.Diff(map[string]string{"l": `$A\1`, "m": "2"}, ev.Config.Labels); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// In a heredoc the escape is the shell's, whatever the file's is.
func TestEscapeInHeredoc(t *testing.T) {
	ev := evaluated(t, "Dockerfile", "# escape=`\nFROM base,etc\nENV A=1\nCOPY <<EOF /a\nC:`$A \\$A \"$A\"\nEOF\n", image.Config{})
	if got, want := ev.Steps[1].Copy.Inline[0].Data, "C:`1 $A \"1\"\n"; got != want {
		t.Errorf("%q; want %q", got, want)
	}
}

// A stage has the ARGs of the stage that it builds on, as its ENV.
func TestInheritedArgs(t *testing.T) {
	path := definitionFile(t, "Dockerfile", `FROM base,etc AS one
ARG A=1 GIVEN=1 E=arg NONE
ENV E=env
ARG LATE=$E
FROM one AS two
RUN true
FROM two AS three
ARG A=3
WORKDIR /$A$GIVEN$E$LATE$NONE
FROM base,etc
WORKDIR /x$A
`)
	s, err := Load(t.Context(), path, Options{BuildArgs: map[string]string{"GIVEN": "given"}, Target: "three"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Config.WorkDir, "/3givenenvenv"; got != want {
		t.Errorf("the ship's folder is %s; want %s", got, want)
	}
	base := Evaluation{Config: image.Config{Env: []string{"PATH=/bin"}}}
	for i, want := range [][]string{
		{"A=1", "GIVEN=given", "LATE=env"}, {"A=1", "GIVEN=given", "LATE=env"}, {"A=3", "GIVEN=given", "LATE=env"},
	} {
		if base, err = s.Stages[i].Evaluate(base.Config, s.Guest, base.Args...); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, base.Args); diff != "" {
			t.Errorf("stage %d (-want +got):\n%s", i, diff)
		}
		if i == 1 {
			want := []string{"PATH=/bin", "E=env", "A=1", "GIVEN=given", "LATE=env"}
			if diff := cmp.Diff(want, base.Steps[0].Run.Env); diff != "" {
				t.Errorf("a RUN's environment (-want +got):\n%s", diff)
			}
		}
	}
	if base.Config.WorkDir != "/3givenenvenv" {
		t.Errorf("the folder is %s", base.Config.WorkDir)
	}
	last, err := Load(t.Context(), path, Options{})
	if err != nil || last.Config.WorkDir != "/x" {
		t.Errorf("%s, %v; want no ARG of a stage that isn't built on", last.Config.WorkDir, err)
	}
}

// Configuration of the base goes on, but for a CMD under a new ENTRYPOINT.
func TestBaseConfig(t *testing.T) {
	base := image.Config{
		Entrypoint: []string{"e"}, Cmd: []string{"c"}, WorkDir: "/w", User: "u", Env: []string{"PATH=/p", "A=1"},
		Expose: []uint16{80}, Labels: map[string]string{"k": "v"}, Health: &image.Health{Test: []string{"CMD", "x"}},
	}
	ev := evaluated(t, "Dockerfile", "FROM other\nENV A=2\nENTRYPOINT [\"n\"]\nWORKDIR sub\nEXPOSE 81 80\nLABEL k=w\nHEALTHCHECK NONE\n", base)
	want := image.Config{
		Entrypoint: []string{"n"}, WorkDir: "/w/sub", User: "u", Env: []string{"PATH=/p", "A=2"},
		Expose: []uint16{80, 81}, Labels: map[string]string{"k": "w"}, Health: &image.Health{Test: []string{"NONE"}},
	}
	if diff := cmp.Diff(want, ev.Config, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if base.Labels["k"] != "v" || base.Env[1] != "A=1" || ev.Steps[0].Config.Labels["k"] != "v" || ev.Steps[0].Config.WorkDir != "/w" {
		t.Errorf("an instruction changed what was before it: %v, %+v", base, ev.Steps[0].Config)
	}
}

func TestTargetAndNames(t *testing.T) {
	path := definitionFile(t, "Dockerfile.web", "FROM scratch AS one\nLABEL a=1\nFROM one AS two\nFROM two\n")
	for target, want := range map[string]int{"": 3, "one": 1, "TWO": 2, "1": 2} {
		s, err := Load(t.Context(), path, Options{Target: target})
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Stages) != want || s.Name != "web" || s.Config.Labels["a"] != "1" {
			t.Errorf("target %q: %d stages of %s, labels %v; want %d", target, len(s.Stages), s.Name, s.Config.Labels, want)
		}
	}
	_, err := Load(t.Context(), path, Options{Target: "three"})
	if want := path + `: no stage "three" (it has one, two)`; err == nil || err.Error() != want {
		t.Errorf("error %v; want %s", err, want)
	}
}

// Of several definitions one is taken, and said; -f takes another.
func TestFolderWithSeveral(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"ship.conf": "shipname=conf\n", "Dockerfile": "FROM scratch\nLABEL a=1\n", "SMOLerfile": "FROM base,etc\nLABEL service=smol\n",
		"other": "\uFEFF# a Dockerfile by its text\nFROM scratch\n", "tabs": "\uFEFFarg\tA=1\nFROM scratch\n",
	})
	for file, want := range map[string]string{"": "conf", "SMOLerfile": "smol", filepath.Join(dir, "Dockerfile"): filepath.Base(dir), "other": filepath.Base(dir), "tabs": filepath.Base(dir)} {
		s, err := Load(t.Context(), dir, Options{File: file})
		if err != nil {
			t.Fatal(err)
		}
		if s.Name != nameOf(want) || file != "" && s.Context != dir {
			t.Errorf("-f %q: %s in %s; want %s", file, s.Name, s.Context, want)
		}
		if said := strings.Contains(strings.Join(s.Notes, "\n"), "ship.conf is used, not the Dockerfile or SMOLerfile beside it"); said != (file == "") {
			t.Errorf("-f %q: notes %q", file, s.Notes)
		}
	}
}

// smolBSD's definitions have a .dockerignore, too, and one of their own is
// stronger.
func TestIgnoreOfDefinition(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"web.smol": "FROM base,etc\n", "web.Dockerfile": "FROM scratch\n",
		".dockerignore": "# all but\na/../b\n", "web.Dockerfile.dockerignore": "c\n",
	})
	for name, want := range map[string]string{"web.smol": "b", "web.Dockerfile": "c"} {
		s, err := Load(t.Context(), filepath.Join(dir, name), Options{})
		if err != nil || s.Name != "web" {
			t.Fatalf("%+v, %v", s, err)
		}
		if diff := cmp.Diff([]string{want}, s.Ignore); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestIgnoreErrors(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"a pattern": {"[\n", "syntax error in pattern"},
		"long":      {strings.Repeat("# long\n", 50_000), "over 256 KiB"},
		"a link":    {"", "only files of the definition's folder and of the build context are read"},
	} {
		dir := writeFiles(t, map[string]string{"context/Dockerfile": "FROM scratch\n", "outside": "x\n"})
		path := filepath.Join(dir, "context", ".dockerignore")
		var err error
		if tt.text == "" {
			err = os.Symlink("../outside", path)
		} else {
			err = os.WriteFile(path, []byte(tt.text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err = Load(t.Context(), filepath.Dir(path), Options{}); err == nil || !strings.HasPrefix(err.Error(), "read "+path+": ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v; want %q", name, err, tt.want)
		}
	}
}

// What is only for some definitions is refused for the others.
func TestOptionErrors(t *testing.T) {
	dir := writeFiles(t, map[string]string{"Dockerfile": "FROM scratch\n", "ship.conf": "shipname=x\n"})
	for _, tt := range []struct {
		path, want string
		o          Options
	}{
		{"Dockerfile", "with -f it has to be the folder of the build context", Options{File: "Dockerfile"}},
		{"ship.conf", "only a Dockerfile or SMOLerfile has stages and build arguments", Options{Target: "x"}},
		{"Dockerfile", "build argument A: not text", Options{BuildArgs: map[string]string{"A": "\x00"}}},
		{".", "no such file", Options{File: "none"}},
	} {
		if _, err := Load(t.Context(), filepath.Join(dir, tt.path), tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v; want %q", tt.path, err, tt.want)
		}
	}
	if _, err := (Stage{}).Evaluate(image.Config{}, image.Guest{}); err == nil {
		t.Error("a stage of nobody's was evaluated")
	}
}

func TestTidy(t *testing.T) {
	for p, want := range map[string][2]string{ // without and with --parents
		"/a/./b":          {"/a/b", "/a/./b"},
		"/../a/b":         {"/a/b", "/a/b"},
		"/../a/./../../b": {"/b", "/a/./b"},
		"/a/..":           {"/", "/"},
		"/..x/y":          {"/..x/y", "/..x/y"},
	} {
		if got := [2]string{tidy(p, false), tidy(p, true)}; got != want {
			t.Errorf("tidy(%s) = %q; want %q", p, got, want)
		}
	}
}
