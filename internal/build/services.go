package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// enableServices appends <rcvar>=YES to rc.conf for each service.
func (b *builder) enableServices(context.Context) error {
	if len(b.ship.Services) == 0 {
		return nil
	}
	const rcConf = "/etc/rc.conf"
	text, err := b.tree.ReadFile(rcConf, 1<<20)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	for _, s := range b.ship.Services {
		variable, err := b.rcvar(s)
		if err != nil {
			return fmt.Errorf("%s: services: %w", at(b.ship, "services"), err)
		}
		text = append(text, (variable + "=YES\n")...)
	}
	e := tree.NewFile(rcConf, 0o644, text, b.time(), b.because("services"))
	if old, err := b.tree.Lookup(rcConf); err == nil {
		e.Path = old.Path
		return b.tree.Rewrite(e)
	}
	return b.tree.Put(e)
}

// rcvar returns the variable of rc.conf(5) that enables the service: what its
// script in /etc/rc.d says, which need not be the script's name (php-fpm's is
// php_fpm).
func (b *builder) rcvar(service string) (string, error) {
	script := path.Join("/etc/rc.d", service)
	text, err := b.tree.ReadFile(script, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no %s: add it to shipbins, or the package that brings it", script)
	}
	if err != nil {
		return "", err
	}
	variable := rcvarOf(string(text))
	if variable == "" {
		variable = strings.ReplaceAll(service, "-", "_")
	}
	if !shellName.MatchString(variable) {
		return "", fmt.Errorf("%s can't be enabled in rc.conf: %s is no name of a shell variable", script, variable)
	}
	if variable != service {
		b.note("service %s is enabled as %s, which is what its script looks at", service, variable)
	}
	return variable, nil
}

var (
	shellName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	rcAssignment = regexp.MustCompile(`(?m)^(name|rcvar)=("[^"\n]*"|'[^'\n]*'|[^\s;#]*)`)
	nameInText   = strings.NewReplacer("${name}", "\x00", "$name", "\x00")
)

// rcvarOf returns the value that an rc.d script gives its rcvar, as
// rc.subr(8) reads it: of the variable itself, or else of name; "" where the
// script computes it.
func rcvarOf(script string) string {
	values := make(map[string]string)
	for _, m := range rcAssignment.FindAllStringSubmatch(script, -1) {
		if _, ok := values[m[1]]; !ok { // what follows is of other cases
			values[m[1]] = strings.Trim(m[2], `"'`)
		}
	}
	text, ok := values["rcvar"]
	if !ok {
		text = values["name"]
	}
	text = strings.ReplaceAll(nameInText.Replace(text), "\x00", values["name"])
	if !shellName.MatchString(text) {
		return ""
	}
	return text
}
