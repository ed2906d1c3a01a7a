package ship

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
)

// Each of what smolBSD's converter gets wrong comes out right.
func TestSmolFaults(t *testing.T) {
	tests := []struct {
		name, text string
		got        func(Evaluation) any
		want       any
	}{
		{
			"a CMD that is a list is one", "FROM base,etc\nCMD [\"nginx\", \"-g\", \"daemon off;\"]\n",
			func(ev Evaluation) any { return ev.Config.Cmd },
			[]string{"nginx", "-g", "daemon off;"},
		},
		{
			"the last CMD and ENTRYPOINT hold", "FROM base,etc\nENTRYPOINT [\"a\"]\nCMD [\"1\"]\nENTRYPOINT [\"b\"]\nCMD [\"2\"]\n",
			func(ev Evaluation) any { return ev.Config.Args() },
			[]string{"b", "2"},
		},
		{
			"--chown and --chmod are their COPY's", "FROM base,etc\nCOPY --chown=www --chmod=600 a /a\nCOPY b /b\n",
			func(ev Evaluation) any { return *ev.Steps[1].Copy },
			Copy{Sources: []string{"b"}, Dest: "/b", Fetch: true},
		},
		{
			"--exclude is its COPY's", "FROM base,etc\nCOPY --exclude=x a /a\nCOPY b /b\n",
			func(ev Evaluation) any { return ev.Steps[1].Copy.Exclude }, []string(nil),
		},
		{
			"an EXPOSE doesn't repeat the mapping before it", "FROM base,etc\nEXPOSE 8080:80\nEXPOSE 22\n",
			func(ev Evaluation) any { return ev.Config.Publish },
			[]string{"8080:80"},
		},
		{
			"an EXPOSE exposes the guest's port", "FROM base,etc\nEXPOSE 8080:80\nEXPOSE 22\n",
			func(ev Evaluation) any { return ev.Config.Expose },
			[]uint16{80, 22},
		},
		{
			"what is published is so once", "FROM base,etc\nLABEL publish=\"8080:80,2222:22\"\nEXPOSE 80\nEXPOSE 22\n",
			func(ev Evaluation) any { return ev.Config.Publish },
			[]string{"8080:80", "2222:22"},
		},
		{
			"COPY takes from the context", "FROM base,etc\nCOPY etc/rc ./sub/../x y/\n",
			func(ev Evaluation) any { return ev.Steps[0].Copy.Sources },
			[]string{"etc/rc", "x"},
		},
		{
			"COPY takes from the context by the builder's path, too", "FROM base,etc\nCOPY /mnt/etc/rc /etc/rc\n",
			func(ev Evaluation) any { return ev.Steps[0].Copy.Sources },
			[]string{"etc/rc"},
		},
		{
			"nothing is above the context", "FROM base,etc\nCOPY ./../../a /../b c/../../d x/\n",
			func(ev Evaluation) any { return ev.Steps[0].Copy.Sources },
			[]string{"a", "b", "d"},
		},
		{
			"several stages", "FROM base,etc AS one\nRUN make\nFROM scratch\nCOPY --from=one /a /b\n",
			func(ev Evaluation) any { return *ev.Steps[0].Copy },
			Copy{From: "0", Stage: true, Sources: []string{"/a"}, Dest: "/b"},
		},
		{
			"HEALTHCHECK", "FROM base,etc\nHEALTHCHECK --retries=2 CMD true\n",
			func(ev Evaluation) any { return *ev.Config.Health },
			image.Health{Test: []string{"CMD-SHELL", "true"}, Retries: 2},
		},
		{
			"STOPSIGNAL", "FROM base,etc\nSTOPSIGNAL 30\n",
			func(ev Evaluation) any { return ev.Config.StopSignal }, "SIGUSR1",
		},
		{
			"several LABELs of a line", "FROM base,etc\nLABEL imgsize=64 version=2 mountro=y\n",
			func(ev Evaluation) any {
				return []any{ev.Config.DiskSize, ev.Config.ReadOnly, ev.Config.Labels["version"]}
			},
			[]any{int64(64 << 20), true, "2"},
		},
		{
			"memory, and a release that is said", "FROM base,etc\nLABEL mem=256 vers=11 pkgvers=10.1\n",
			func(ev Evaluation) any { return []any{ev.Config.Memory, ev.Release} },
			[]any{int64(256 << 20), "10.1"},
		},
		{
			"more sets", "FROM base,etc\nLABEL addsets=\"comp.tgz:/usr/bin/strip man\"\n",
			func(ev Evaluation) any { return ev.Sets },
			[]string{"comp:/usr/bin/strip", "man"},
		},
		{
			"ports that are published as they are", "FROM base,etc\nLABEL publish=80\n",
			func(ev Evaluation) any { return ev.Config.Publish },
			[]string{"80:80"},
		},
		{
			"an account, made where it is missing", "FROM base,etc\nUSER www:www\nUSER root\nUSER 7\n",
			func(ev Evaluation) any {
				return []any{ev.Steps[0].Make, ev.Steps[1].Make, ev.Steps[2].Make, ev.Config.User}
			},
			[]any{&Make{User: "www"}, (*Make)(nil), (*Make)(nil), "7"},
		},
		{
			"COPY of an address", "FROM base,etc\nCOPY https://example.org/a /a\n",
			func(ev Evaluation) any { return *ev.Steps[0].Copy },
			Copy{Sources: []string{"https://example.org/a"}, Dest: "/a", Fetch: true},
		},
		{
			"the whole context", "FROM base,etc\nCOPY / /all/\n",
			func(ev Evaluation) any { return ev.Steps[0].Copy.Sources },
			[]string{"."},
		},
		{
			"a command in an ARG, in quotes", "FROM base,etc\nARG A=\"$(uname -m)\"\nRUN echo $A\n",
			func(ev Evaluation) any { return ev.Steps[1].Run.Args[2] }, "echo $(uname -m)",
		},
		{
			"SHELL", "FROM base,etc\nSHELL [\"/bin/ksh\", \"-c\"]\nRUN a\nCMD b\n",
			func(ev Evaluation) any { return append(ev.Steps[1].Run.Args, ev.Config.Cmd...) },
			[]string{"/bin/ksh", "-c", "a", "/bin/ksh", "-c", "b"},
		},
		{
			"a here-document without its tabs", "FROM base,etc\nRUN <<-EOF\n\tif true; then\n\t\tx\n\tfi\nEOF\n",
			func(ev Evaluation) any { return ev.Steps[0].Run.Args[2] }, "if true; then\nx\nfi\n",
		},
		{
			"leading blanks in a here-document", "FROM base,etc\nRUN <<EOF\nif true; then\n\tx\nfi\nEOF\n",
			func(ev Evaluation) any { return ev.Steps[0].Run.Args[2] }, "if true; then\n\tx\nfi\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ev := evaluated(t, "SMOLerfile.x", tt.text, image.Config{})
			if diff := cmp.Diff(tt.want, tt.got(ev)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What all of smolBSD's definitions rely on.
func TestSmolRun(t *testing.T) {
	const head = "FROM base,etc\nARG A=one\nENV B='two three' V=1.2.3\n"
	tests := []struct{ name, run, want string }{
		{"variables", "RUN echo $A ${B}", "echo one two three"},
		{"in single quotes", "RUN echo '$A'", "echo 'one'"},
		{"others are the guest's", "RUN for x in $A; do echo $x ${x%.c} $1 $; done", "for x in one; do echo $x ${x%.c} $1 $; done"},
		{"a backslash is eaten", "RUN echo '\\$A \\\\$A' \\`date\\`", "echo '$A \\one' `date`"},
		{"others stay", `RUN printf 'a\n\t"b\"'`, `printf 'a\n\t"b\"'`},
		{"suffixes", "RUN echo ${V%%.*} ${V#1.} ${NONE:-$A}", "echo 1 2.3 ${NONE:-one}"},
		{"without an end", "RUN echo ${A ${A-", "echo ${A ${A-"},
		{"what only a shell knows", "RUN echo ${#A}", "echo ${#A}"},
		{"commands are the guest's", "RUN echo $(uname -m) $A", "echo $(uname -m) one"},
		{"a list", `RUN ["echo", "$A", "\\$A"]`, ""},
		{"a tag without a blank before it", "RUN cat >f<<E\n\\$x $A\nE\n", "cat >f <<E\n$x one\nE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ev := evaluated(t, "SMOLerfile", head+tt.run+"\n", image.Config{})
			run := ev.Steps[len(ev.Steps)-1].Run
			want := []string{"/bin/sh", "-c", tt.want}
			if tt.want == "" {
				want = []string{"echo", "$A", `\$A`}
			}
			if diff := cmp.Diff(want, run.Args); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestIsSmol(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       bool
	}{
		{"SMOLerfile", "", true},
		{"SMOLerfile.web", "", true},
		{"web.smol", "", true},
		{"Dockerfile", "FROM base,etc\n", false},
		{"Dockerfile", "FROM base,etc\nLABEL smolbsd.service=x\n", true},
		{"Dockerfile", "FROM base,etc\nLABEL service=x\n", true},
		{"Dockerfile", "FROM base,etc\nLABEL \"service\"=x\n", true},
		{"Dockerfile", "FROM debian\nLABEL service=x\n", false},
		{"Dockerfile", "FROM debian\nINCLUDE x\n", true},
		{"Dockerfile", "FROM debian\nRUN echo INCLUDE LABEL smolbsd.x\n", false},
		{"Dockerfile", "FROM debian\nCOPY <<EOF /etc/nginx.conf\ninclude mime.types;\nLABEL smolbsd.x=y\nEOF\n", false},
		{"Dockerfile", "FROM debian\nRUN cat <<EOF >x\n  include y\nEOF\n", false},
		{"Dockerfile", "FROM debian\nRUN echo \\\n  include x\n", false},
		{"Dockerfile", "FROM debian\nLABEL a=\"LABEL smolbsd.x=y\"\n", false},
		{"Dockerfile", "FROM debian\nLABEL a=b \\\n  \"smolbsd.service\"=x\n", true},
		{"Dockerfile", "FROM ${SETS}\nLABEL service=x\n", false},
	} {
		if got := isSmol(tt.name, []byte(tt.text)); got != tt.want {
			t.Errorf("isSmol(%s, %q) = %v", tt.name, tt.text, got)
		}
	}
}
