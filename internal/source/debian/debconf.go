package debian

import (
	"fmt"
	"strings"
)

// doDebconf answers debconf's questions (debconf-devel(7)) with what scripts
// have set, else the templates' defaults, as when nobody is asked.
func doDebconf(c *call) (int, error) {
	arg := func(i int) string {
		if i < len(c.args) {
			return c.args[i]
		}
		return ""
	}
	switch arg(1) {
	case "get":
		v, ok := c.to.state.debconf[arg(2)]
		if !ok {
			v = c.defaultOf(arg(2))
		}
		fmt.Fprintln(&c.out, v)
	case "set":
		if c.to.state.debconf == nil {
			c.to.state.debconf = make(map[string]string)
		}
		c.to.state.debconf[arg(2)] = strings.Join(c.args[min(3, len(c.args)):], " ")
	case "fget":
		fmt.Fprintln(&c.out, "false")
	case "version":
		fmt.Fprintln(&c.out, "2.0")
	}
	return 0, nil
}

// defaultOf returns the default of a question of the package's own.
func (c *call) defaultOf(question string) string {
	found := false
	for l := range strings.Lines(c.pkg.files.Control["templates"]) {
		k, v, _ := strings.Cut(strings.TrimSuffix(l, "\n"), ":")
		switch {
		case k == "Template":
			found = strings.TrimSpace(v) == question
		case k == "Default" && found:
			return strings.TrimSpace(v)
		}
	}
	return ""
}
