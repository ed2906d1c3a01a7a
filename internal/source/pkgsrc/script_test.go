package pkgsrc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// installScript is an +INSTALL script in the form of pkgsrc's: own is the
// package's own part, data the tables at its end.
func installScript(own, data string) string {
	return `#!/bin/sh
# the package's script
SELF="$0"
PKGNAME="$1"
STAGE="$2"
shift 2
CAT="/bin/cat"
CHMOD="/bin/chmod"
SED="/usr/bin/sed"
SH="/bin/sh"
TEST="/bin/test"
CURDIR=` + "`${PWD_CMD}`" + `
: ${PKG_METADATA_DIR=${CURDIR}}
case "${PKG_CONFIG:-yes}" in
[Yy][Ee][Ss]|1)
	_PKG_CONFIG=yes
	;;
esac
case "${STAGE},$1" in
UNPACK,|UNPACK,+FILES)
	${CAT} > ./+FILES << 'EOF'
#!/bin/sh
# Lines are such as
#	# FILE: /etc/example.conf c share/examples/example.conf
/bin/rm -rf $1
EOF
	${SED} -n "/^\# FILE: /p" ${SELF} >> ./+FILES
	${CHMOD} +x ./+FILES
	;;
esac
case ${STAGE} in
PRE-INSTALL)
	${SH} ${SELF} ${PKGNAME} UNPACK
	${TEST} ! -x ./+USERGROUP ||
		{ ./+USERGROUP ADD ${PKG_METADATA_DIR}
		  if ./+USERGROUP CHECK-ADD ${PKG_METADATA_DIR}; then
			:
		  else
			exit 1
		  fi; }
	${TEST} ! -x ./+DIRS || ./+DIRS ADD ${PKG_METADATA_DIR}
	;;
POST-INSTALL)
	${TEST} ! -x ./+FILES ||
		./+FILES ADD ${PKG_METADATA_DIR}
	${TEST} ! -x ./+INFO_FILES || ./+INFO_FILES ADD ${PKG_METADATA_DIR}
	;;
esac
` + own + `
exit 0
` + data
}

const ownPart = `case ${STAGE} in
POST-INSTALL)
	${LN} -sf a b
	;;
DEINSTALL)
	${RM} b
	;;
esac
`

func TestInspect(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		want   map[string]int
		notes  []string
	}{
		"the framework's": {script: installScript("", "# FILE: a c b\n")},
		"own at the end":  {script: installScript(ownPart, ""), want: map[string]int{"POST-INSTALL": 51}},
		"own by another name for the stage": {
			script: "case $2 in PRE-INSTALL) mkdir /x;; esac\n", want: map[string]int{"": 1},
		},
		"own before":              {script: "case ${STAGE} in\nPRE-INSTALL) mkdir /x;;\nesac\n", want: map[string]int{"PRE-INSTALL": 2}},
		"own in a function":       {script: "f() {\n\tcp a b\n}\nf\n", want: map[string]int{"": 2}},
		"own when it is removed":  {script: "case ${STAGE} in\nDEINSTALL) rm x;;\nVIEW-INSTALL) ln x y;;\nesac\n"},
		"written elsewhere":       {script: "${CAT} > /etc/passwd << 'EOF'\nEOF\n", want: map[string]int{"": 1}},
		"echo to a file":          {script: "${ECHO} x >> /etc/rc.conf\n", want: map[string]int{"": 1}},
		"echo to nowhere":         {script: "${ECHO} x > /dev/null 2>&1\n"},
		"a command in a word":     {script: ": `rm -rf /x`\n", want: map[string]int{"": 1}},
		"a loop to a file":        {script: "while :; do echo x; done > /x\n", want: map[string]int{"": 1}},
		"an unknown small script": {script: "./+NEW ADD\n", want: map[string]int{"": 1, "PRE-INSTALL": 1}},
		"fonts": {
			script: "${CAT} > ./+FONTS << 'EOF'\nx\nEOF\n${CHMOD} +x ./+FONTS\n./+FONTS x\n",
			notes:  []string{"its fonts are not indexed"},
		},
	} {
		r := inspect(c.script)
		if r.bad != nil {
			t.Errorf("%s: %v", name, r.bad)
		}
		if c.want == nil {
			c.want = map[string]int{}
		}
		if diff := cmp.Diff(c.want, r.own); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(c.notes, r.notes); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if r := inspect("\x7fELF case"); r.bad == nil && len(r.own) == 0 {
		t.Error("a program is taken for a script of the framework")
	}
}

func TestReadTables(t *testing.T) {
	got := readTables(installScript("", `# USER: nginx:nginx::The web server:/var/www:/sbin/nologin
# GROUP: nginx
# DIR: /var/log/nginx m 0750 nginx nginx
# FILE: /b c x
# FILE: /a c x 0644
# FILE: /b c x
`))
	want := tables{
		"USER":  {{"nginx", "nginx", "", "The web server", "/var/www", "/sbin/nologin"}},
		"GROUP": {{"nginx"}},
		"DIR":   {{"/var/log/nginx", "m", "0750", "nginx", "nginx"}},
		"FILE":  {{"/a", "c", "x", "0644"}, {"/b", "c", "x"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzInspect(f *testing.F) {
	f.Add(installScript(ownPart, "# FILE: a c b\n"))
	f.Add("case ${STAGE} in\nPRE-INSTALL) mkdir /x;;\nesac\n")
	f.Add("# USER: a:b\n./+NEW > `x` <<E\nE\n")
	f.Fuzz(func(t *testing.T, script string) {
		readTables(script)
		inspect(script)
	})
}
