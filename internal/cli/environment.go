package cli

import (
	"github.com/spf13/cobra"
)

// servers are the flags that name where files come from, for people who always
// use the same, with the variables that say so.
func servers() map[string]string {
	return map[string]string{"mirror": "FAKECRACKER_MIRROR", "pkgsrc": "FAKECRACKER_PKGSRC", "debian": "FAKECRACKER_DEBIAN"}
}

// takeServers gives flags that are not on the command line the values that the
// environment has for them.
func (a *app) takeServers(c *cobra.Command) error {
	for name, variable := range servers() {
		f := c.Flags().Lookup(name)
		value := a.getenv(variable)
		if f == nil || f.Changed || value == "" {
			continue
		}
		if err := f.Value.Set(value); err != nil {
			return usagef("%s: %v", variable, err)
		}
	}
	return nil
}

// serverUsage is the usage text of such a flag.
func serverUsage(name, text string) string {
	return text + " (left out: $" + servers()[name] + ")"
}
