package mirror

import (
	"fmt"
	"strings"
)

// helpers are the small scripts that a package's +INSTALL unpacks, by the
// words of the tables that they act on.
var helpers = []struct {
	name    string
	tables  []string
	example string // of the last table
}{
	{"USERGROUP", []string{"GROUP", "USER"}, "web:www::Web server:/var/www:/sbin/nologin"},
	{"DIRS", []string{"DIR"}, "/var/spool/web m 0700 web www"},
	{"FILES", []string{"FILE"}, "etc/web.conf c share/examples/web.conf 0644"},
	{"PERMS", []string{"PERMS"}, "libexec/web-helper 4711 root www"},
	{"SHELL", []string{"SHELL"}, "bin/fish"},
}

// installScript is +INSTALL, in the form that pkgsrc's framework gives it:
// tools, small scripts in here-documents, the stages, the package's own
// commands, and the tables as comments. It is empty where nothing is asked
// for.
func (p *pkg) installScript() (string, error) {
	if len(p.tables) == 0 && p.own == "" {
		return "", nil
	}
	var b strings.Builder
	add := func(name string, replace ...string) error {
		text, err := content.ReadFile("content/pkg/" + name)
		if err != nil {
			return err
		}
		b.WriteString(strings.NewReplacer(replace...).Replace(string(text)))
		return nil
	}
	if err := add("INSTALL.head", "@TOOLS@", strings.Join(p.tools, "\n")); err != nil {
		return "", err
	}
	for _, h := range helpers {
		var collect []string
		for _, table := range h.tables {
			if p.hasTable(table) {
				collect = append(collect, fmt.Sprintf("\t${SED} -n \"/^# %s: /p\" ${SELF} >>./+%s", table, h.name))
			}
		}
		if len(collect) == 0 {
			continue
		}
		body, err := content.ReadFile("content/pkg/" + h.name + ".body")
		if err != nil {
			return "", err
		}
		err = add("INSTALL.helper", "@NAME@", h.name, "@TABLE@", h.tables[len(h.tables)-1], "@EXAMPLE@", h.example,
			"@COLLECT@", strings.Join(collect, "\n"), "@BODY@", strings.TrimSpace(string(body)))
		if err != nil {
			return "", err
		}
	}
	if err := add("INSTALL.stages"); err != nil {
		return "", err
	}
	b.WriteString(p.own)
	if err := add("INSTALL.tail"); err != nil {
		return "", err
	}
	b.WriteString("exit 0\n")
	for _, t := range p.tables {
		fmt.Fprintf(&b, "# %s\n", t)
	}
	return b.String(), nil
}

func (p *pkg) hasTable(word string) bool {
	for _, t := range p.tables {
		if strings.HasPrefix(t, word+": ") {
			return true
		}
	}
	return false
}
