package debian

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// update-ca-certificates(8): one file of all certificates that
// /etc/ca-certificates.conf lists (all that there are, when it lists none),
// and a link to each. The links by the subjects' hashes, which only OpenSSL's
// CApath needs, are left out.
func doCACertificates(c *call) (int, error) {
	const dir, certs = "/usr/share/ca-certificates", "/etc/ssl/certs"
	var all []byte
	for _, e := range c.to.tree.Below(dir) {
		name := strings.TrimPrefix(e.Path, dir+"/")
		if e.Type != tree.File || path.Ext(name) != ".crt" || !c.listed(name) {
			continue
		}
		b, err := c.read(e.Path)
		if err != nil {
			return 1, err
		}
		all = append(append(all, strings.TrimRight(string(b), "\n")...), '\n')
		link := path.Join(certs, strings.TrimSuffix(path.Base(name), ".crt")+".pem")
		if err := c.mkdir(certs, 0o755, true); err != nil {
			return 1, err
		}
		if err := c.link(e.Path, link, map[string]string{"-s": "", "-f": ""}); err != nil {
			return 1, err
		}
	}
	if len(all) == 0 {
		return 0, nil
	}
	return 0, c.write(path.Join(certs, "ca-certificates.crt"), all, 0o644)
}

// listed reports whether a certificate is to be trusted.
func (c *call) listed(name string) bool {
	b, err := c.read("/etc/ca-certificates.conf")
	lines := strings.Split(string(b), "\n")
	switch {
	case err != nil || slices.Contains(lines, "!"+name):
		return err != nil
	case slices.Contains(lines, name):
		return true
	}
	return !slices.ContainsFunc(lines, func(l string) bool { return l != "" && l[0] != '#' && l[0] != '!' })
}

// glib-compile-schemas(1) of a folder without schemas, as a server's is.
func doSchemas(c *call) (int, error) {
	_, dirs := c.options("")
	for _, dir := range dirs {
		found, err := c.list(c.abs(dir))
		if err != nil {
			return 1, err
		}
		for _, f := range found {
			if strings.HasSuffix(f.Name(), ".xml") || strings.HasSuffix(f.Name(), ".override") {
				return 1, fmt.Errorf("%s has no native version", f.Name())
			}
		}
	}
	return 0, nil
}
