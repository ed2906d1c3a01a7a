package ship

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fakecracker/fakecracker/internal/image"
)

func TestDockerErrors(t *testing.T) {
	const sum = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	tests := []struct {
		name, text, want string // want follows the file's name; %s is before the text
	}{
		{"misspelt", "FROM base\nRUNN x\n", ":2: unknown instruction \"RUNN\" (did you mean RUN?)"},
		{"unknown", "FROM base\nZZZZZZ x\n", ":2: unknown instruction \"ZZZZZZ\""},
		{"no FROM", "ARG a=1\n", ": no FROM: begin with one"},
		{"before FROM", "RUN x\nFROM base\n", ":1: RUN stands before the first FROM"},
		{"ONBUILD", "FROM base\nONBUILD RUN x\n", ":2: ONBUILD is not supported"},
		{"a mount", "FROM base\n\nRUN --mount=type=cache,target=/c x\n", ":3: RUN --mount is not supported: COPY what it needs"},
		{"a network", "FROM base\nRUN --network=none x\n", ":2: RUN --network is not supported"},
		{"security", "FROM base\nRUN --security=insecure x\n", ":2: RUN --security is not supported"},
		{"a device", "FROM base\nRUN --device=x x\n", ":2: RUN --device is not supported"},
		{"a flag that nobody has", "FROM base\nCOPY --form=x a b\n", ":2: COPY: unknown flag: --form"},
		{"a flag of git's", "FROM base\nADD --keep-git-dir=true a b\n", ":2: ADD --keep-git-dir is not supported"},
		{"a repository", "FROM base\nADD https://example.org/a.git /a\n", ":2: ADD of a git repository is not supported: clone it"},
		{"another repository", "FROM base\nADD git@example.org:a /a\n", ":2: ADD of a git repository"},
		{"unpacking an address", "FROM base\nADD --unpack=true http://example.org/a.tgz /a\n", ":2: ADD --unpack of an address"},
		{"an address for COPY", "FROM base\nCOPY http://example.org/a /a\n", ":2: COPY http://example.org/a: COPY takes no addresses"},
		{"a checksum of a file", "FROM base\nADD --checksum=" + sum + " a /a\n", ":2: ADD --checksum is for one address"},
		{"a checksum", "FROM base\nADD --checksum=md5:00 http://example.org/a /a\n", ":2: ADD --checksum="},
		{"a checksum of another kind", "FROM base\nADD --checksum=sha384:" + strings.Repeat("0", 96) + " http://example.org/a /a\n", ": supported are sha256: and sha512:, each with"},
		{"several into a file", "FROM base\nCOPY a b /c\n", ":2: COPY of several files: the destination is a folder, write /c/"},
		{"no destination", "FROM base\nCOPY a\n", ":2: COPY requires at least two arguments"},
		{"an empty source", "FROM base\nCOPY $none /a\n", ":2: COPY: a source is empty"},
		{"an empty destination", "FROM base\nCOPY a $none\n", ":2: COPY: the destination $none is empty"},
		{"an owner", "FROM base\nCOPY --chown=:www a /a\n", `:2: --chown=":www": want user or user:group`},
		{"a mode", "FROM base\nCOPY --chmod=999 a /a\n", `:2: --chmod="999": want an octal mode`},
		{"a pattern", "FROM base\nCOPY --exclude=[ a /a\n", ":2: --exclude: "},
		{"a later stage", "FROM base AS a\nCOPY --from=b x /x\nFROM base AS b\n", ":2: COPY --from=b: only an earlier stage"},
		{"its own stage", "FROM base AS a\nCOPY --from=0 x /x\n", ":2: COPY --from=0: only an earlier stage"},
		{"no such stage", "FROM base AS a\nCOPY --from=7 x /x\n", ":2: COPY --from=\"7\": no such stage"},
		{"a stage twice", "FROM base AS a\nFROM base AS A\n", ":2: a stage named a is there already"},
		{"a stage's name", "FROM base AS 1x\n", ":1: FROM: invalid name for build stage"},
		{"a set", "FROM base,etx\n", `:1: FROM base,etx: "etx" is no set of NetBSD (base, `},
		{"an empty FROM", "ARG B\nFROM $B\n", ":2: FROM $B is empty: an ARG before the first FROM"},
		{"a platform", "FROM --platform=linux/arm64 base\n", ":1: --platform=linux/arm64: platforms are netbsd/386, netbsd/amd64"},
		{"sets on linux", "FROM --platform=linux/amd64 base,etc\n", ":1: it builds on NetBSD: the guest can't be linux"},
		{"a port", "FROM base\nEXPOSE 80000\n", `:2: EXPOSE "80000" is not a port`},
		{"a protocol", "FROM base\nEXPOSE 80/sctp\n", `:2: EXPOSE "80/sctp": the protocols are tcp and udp`},
		{"too many ports", "FROM base\nEXPOSE 1-65535\n", ":2: EXPOSE more than 1000 ports"},
		{"an empty port", "FROM base\nEXPOSE $NONE\n", ":2: EXPOSE $NONE is empty"},
		{"a mapping", "FROM base\nEXPOSE 80:90/udp\n", ":2: EXPOSE only TCP ports can be published"},
		{"a signal", "FROM base\nSTOPSIGNAL SIGNONE\n", `:2: "SIGNONE" is no signal`},
		{"a shell that is no list", "FROM base\nSHELL /bin/sh -c\n", ":2: SHELL requires the arguments to be in JSON form"},
		{"an empty health check", "FROM base\nHEALTHCHECK CMD\n", ":2: Missing command after HEALTHCHECK CMD"},
		{"an interval", "FROM base\nHEALTHCHECK --interval=soon CMD x\n", ":2: HEALTHCHECK: time: invalid duration"},
		{"two users", "FROM base\nUSER a b\n", `:2: USER "a b": one user is wanted`},
		{"a volume that is all", "FROM base\nVOLUME /x/..\n", ":2: VOLUME / is the whole root"},
		{"an empty RUN", "FROM base\nRUN []\n", ":2: RUN []: the command is empty"},
		{"no RUN", "FROM base\nRUN\n", ":2: RUN: the command is missing"},
		{"a list of other things", "FROM base\nCMD [1]\n", ":2: when using JSON array syntax"},
		{"a substitution", "FROM base\nENV A=${B:}\n", ":2: \"${B:}\": "},
		{"a wanted variable", "FROM base\nENV A=${B:?missing}\n", ":2: \"${B:?missing}\": missing"},
		{"quotes", "FROM base\nENV A=\"\n", ":2: "},
		{"a here-document", "FROM base\nRUN <<EOF\nx\n", ":2: unterminated heredoc"},
		{"a here-document's name", "FROM base\nCOPY <<a/b /x/\nx\na/b\n", ":2: <<a/b: the name of a file"},
		{"an escape", "# escape=x\nFROM base\n", ": invalid escape token"},
		{"no include", "FROM base\nINCLUDE none\n", ":2: INCLUDE none: no such file beside the including one"},
		{"an include of the host", "FROM base\nINCLUDE /etc/passwd\n", ":2: INCLUDE /etc/passwd: only files of the definition's folder"},
		{"an include from above", "FROM base\nINCLUDE ../outside\n", ":2: INCLUDE ../outside: only files of"},
		{"an include by a link", "FROM base\nINCLUDE link\n", ":2: INCLUDE link: only files of"},
		{"an include of itself", "FROM base\nINCLUDE Dockerfile\n", "Dockerfile includes itself"},
		{"heredocs of a stage", "FROM base AS a\nFROM base\nCOPY --from=a <<E /x\nx\nE\n", ":3: COPY --from with <<: the text stands here"},
		{"no folder", "FROM base\nWORKDIR $NONE\n", ":2: WORKDIR is empty"},
		{"a comma", "FROM ,\n", ":1: FROM ,: names nothing"},
		{"a variable's name", "FROM base\nARG K=a=b\nENV $K=c\n", `:3: ENV "a=b": not the name of a variable`},
		{"a label's name", "FROM base\nLABEL $NONE=x\n", ":2: a name is empty"},
		{"a FROM that can't be", "FROM ${A:?none}\n", ":1: \"${A:?none}\": none"},
		{"a platform that can't be", "FROM --platform=${A:?none} base\n", ":1: \"${A:?none}\": none"},
		{"an owner that can't be", "FROM base\nCOPY --chown=${A:?none} a /b\n", ":2: \"${A:?none}\": none"},
		{"a user that can't be", "FROM base\nUSER ${A:?none}\n", ":2: \"${A:?none}\": none"},
		{"a volume that can't be", "FROM base\nVOLUME ${A:?none}\n", ":2: \"${A:?none}\": none"},
		{"a long include", "FROM base\nINCLUDE long\n", ":2: INCLUDE long: over 256 KiB"},
		{"an include of a folder", "FROM base\nINCLUDE .\n", ":2: INCLUDE .: read "},
		{"an include of nothing", "FROM base\nINCLUDE\n", ":2: INCLUDE takes one file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			top := t.TempDir()
			dir := filepath.Join(top, "context")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "Dockerfile")
			for name, text := range map[string]string{path: tt.text, filepath.Join(top, "outside"): "RUN secret\n", filepath.Join(dir, "long"): strings.Repeat("# long\n", 50_000)} {
				if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink("../outside", filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
			_, err := Load(t.Context(), path, Options{})
			if err == nil || !strings.HasPrefix(err.Error(), path) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v; want one line with the file and %q", err, tt.want)
			}
		})
	}
}

func TestSmolErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"service", "LABEL service=../x\n", `:2: LABEL service="../x": a name has letters`},
		{"imgsize", "LABEL imgsize=big\n", ":2: LABEL imgsize=\"big\": not a size"},
		{"publish", "LABEL publish=a:b\n", ":2: LABEL publish=\"a:b\": "},
		{"mountro", "LABEL mountro=perhaps\n", ":2: LABEL mountro=\"perhaps\": \"perhaps\" is neither yes nor no"},
		{"addsets", "LABEL addsets=etx\n", ":2: LABEL addsets="},
		{"a script from the network", "LABEL curlsh=http://example.org/x\n", ":2: LABEL curlsh="},
		{"release", "LABEL pkgvers=new\n", `"new" is no release`},
		{"a command in ENV", "ENV A=$(date)\n", ":2: ENV A=\"$(date)\": a command's output can't be known here"},
		{"a command by an ARG", "ARG A=$(date)\nWORKDIR /$A\n", ":3: WORKDIR \"/$(date)\": a command's output can't be known here: give the value by --build-arg"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := definitionFile(t, "SMOLerfile", "FROM base,etc\n"+tt.text)
			_, err := Load(t.Context(), path, Options{})
			if err == nil || !strings.HasPrefix(err.Error(), path) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v; want one line with the file and %q", err, tt.want)
			}
		})
	}
}

// What a user should know, and no more.
func TestDockerNotes(t *testing.T) {
	tests := []struct {
		name, file, text string
		want             []string
	}{
		{"nothing", "Dockerfile", "# syntax=docker/dockerfile:1\nFROM base,etc\nEXPOSE 80\n", nil},
		{"another language", "Dockerfile", "# syntax=example.org/mine\nFROM base,etc\n", []string{":1: syntax=example.org/mine: an image that reads the file can't be run"}},
		{"an empty line", "Dockerfile", "FROM base,etc\nRUN a \\\n\n  b\n", []string{":4: empty lines stand in a continued instruction"}},
		{"an early interval", "Dockerfile", "FROM scratch\nHEALTHCHECK --start-interval=1s CMD x\n", []string{
			":2: HEALTHCHECK --start-interval=1s is not kept", ":2: HEALTHCHECK is kept with the image: a guest is ready when its ports answer",
		}},
		{"no health check", "Dockerfile", "FROM scratch\nHEALTHCHECK NONE\nSTOPSIGNAL 15\n", nil},
		{"a volume", "Dockerfile", "FROM scratch\nVOLUME [\"/a\", \"/b\"]\n", []string{
			":2: VOLUME /a: a folder of the root: what is written there is gone with the VM", ":2: VOLUME /b: ",
		}},
		{"a read-only root", "SMOLerfile", "FROM base\nLABEL smolbsd.mountro=y\n", []string{":2: LABEL mountro is kept with the image: its root is mounted writable"}},
		{"a writable root", "SMOLerfile", "FROM base\nLABEL mountro=n\n", nil},
		{"a set that could be an image", "Dockerfile", "FROM scratch\nFROM base\n", []string{":2: FROM base is NetBSD's set of that name: write base:latest for an image"}},
		{"a set that is none", "Dockerfile", "FROM base.tgz\n", nil},
		{"nothing above the context", "Dockerfile", "FROM scratch\nCOPY ../a /a\n", []string{":2: COPY ../a: nothing is above the build context: a of it is taken"}},
		{"a label without effect", "SMOLerfile", "FROM base\nLABEL smolbsd.minimize=y\n", []string{":2: LABEL smolbsd.minimize has no effect here"}},
		{"a misspelt label", "SMOLerfile", "FROM base\nLABEL smolbsd.imgsiz=9 other=x\n", []string{":2: LABEL smolbsd.imgsiz means nothing to smolBSD or here (did you mean smolbsd.imgsize?)"}},
		{"a port that nobody reaches", "SMOLerfile", "FROM base\nEXPOSE 80\n", []string{": EXPOSE publishes nothing by itself: add LABEL smolbsd.publish=HOST:80"}},
		{"a shared folder", "SMOLerfile", "FROM base\nVOLUME data\n", []string{":2: VOLUME /data: smolBSD shares a folder of the host there: here it is a folder of the root"}},
		{"packages", "SMOLerfile", "FROM base\nRUN pkg_add x\n", []string{": packages of smolBSD's own that it uses are put in: pkg_install"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := definitionFile(t, tt.file, tt.text)
			s, err := Load(t.Context(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := append(s.Notes, evaluateLast(t, s).Notes...)
			begin(t, got, path, tt.want)
		})
	}
}

func TestUnusedBuildArgs(t *testing.T) {
	path := definitionFile(t, "Dockerfile", "ARG G\nFROM base,etc\nARG A\nRUN x\n")
	s, err := Load(t.Context(), path, Options{BuildArgs: map[string]string{"A": "1", "G": "1", "B": "1", "https_proxy": "p"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := path + ": build argument B is taken by no ARG"; len(s.Notes) != 1 || s.Notes[0] != want {
		t.Errorf("notes %q; want %q", s.Notes, want)
	}
	run := evaluateLast(t, s).Steps[1].Run
	if got := strings.Join(run.Env[1:], " "); got != "A=1 https_proxy=p" {
		t.Errorf("environment %q", got)
	}
	_, err = Load(t.Context(), confFile(t, "shipname=x\n"), Options{BuildArgs: map[string]string{"A": "1"}})
	if err == nil || !strings.Contains(err.Error(), "only a Dockerfile or SMOLerfile has stages and build arguments") {
		t.Errorf("build arguments for a conf: %v", err)
	}
}

// What can't be told without the image that it builds on is not refused
// before that is there.
func TestUnknownBase(t *testing.T) {
	path := definitionFile(t, "Dockerfile", "FROM other\nEXPOSE $PORT\nWORKDIR ${HOME:?no home}\nCMD [\"x\"]\n")
	s, err := Load(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ev, err := s.Stages[0].Evaluate(image.Config{Env: []string{"PORT=80", "HOME=/h"}}, s.Guest)
	if err != nil || ev.Config.WorkDir != "/h" || len(ev.Config.Expose) != 1 {
		t.Errorf("%+v, %v", ev.Config, err)
	}
	_, err = s.Stages[0].Evaluate(image.Config{}, s.Guest)
	if want := path + ":2: EXPOSE $PORT is empty"; err == nil || err.Error() != want {
		t.Errorf("error %v; want %s", err, want)
	}
}

func TestPlatformAgainstAsked(t *testing.T) {
	path := definitionFile(t, "Dockerfile", "FROM --platform=linux/amd64 debian\n")
	_, err := Load(t.Context(), path, Options{Guest: image.Guest{Arch: "i386"}})
	if want := path + ":1: it is for linux/amd64, the guest is linux/i386"; err == nil || err.Error() != want {
		t.Errorf("error %v; want %s", err, want)
	}
	s, err := Load(t.Context(), path, Options{Guest: image.Guest{OS: "linux"}})
	if err != nil || s.Guest.String() != "linux/amd64" {
		t.Errorf("guest %v, %v", s.Guest, err)
	}
}

// Includes may nest, and may name the definition's folder, as smolBSD's do
// from the folder above.
func TestInclude(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "defs")
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("SMOLerfile", "FROM base\nINCLUDE defs/inc/a.inc\nLABEL end=1\n")
	write("inc/a.inc", "# first\nLABEL a=1\ninclude b.inc\nINCLUDE empty.inc\n")
	write("inc/b.inc", "LABEL b=1\nLABEL c=1\n")
	write("inc/empty.inc", "\uFEFF# nothing\n\n")
	s, err := Load(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, in := range s.Stages[0].Instructions {
		got = append(got, strings.TrimPrefix(s.Stages[0].def.at(in), dir+"/")+" "+in.Text)
	}
	want := "defs/inc/a.inc"
	if joined := strings.Join(got, ", "); joined != "inc/a.inc:2 LABEL a=1, inc/b.inc:1 LABEL b=1, inc/b.inc:2 LABEL c=1, SMOLerfile:3 LABEL end=1" {
		t.Errorf("%s: %s", want, joined)
	}
	write("inc/b.inc", "LABEL b=1\n\nLABEL c\n")
	_, err = Load(t.Context(), dir, Options{})
	if err == nil || !strings.Contains(err.Error(), "inc/b.inc:3: LABEL") {
		t.Errorf("error %v; want the place in the included file", err)
	}
}
