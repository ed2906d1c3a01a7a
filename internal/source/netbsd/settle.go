package netbsd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// Where certctl(8) finds and leaves things.
const (
	certsConf    = "/etc/openssl/certs.conf"
	certsExample = "/usr/share/examples/certctl/certs.conf"
	certsDir     = "/etc/openssl/certs"
	certsMark    = certsDir + "/.certctl"
	untrusted    = "/etc/openssl/untrusted"
	certsFormat  = "netbsd-certctl 20230816"

	maxCertsConf = 1 << 20 // bytes
	maxCert      = 1 << 20 // bytes
)

// Settle does to a NetBSD root what sysinst(8) and sailor do once its files
// are there: it makes /etc/localtime, which is GMT, where there is none, and
// the links and the bundle of the certificates that OpenSSL trusts, as
// "certctl rehash" does, where no one has put others. What it makes has the
// time t0. It returns the paths that it made, sorted; a root without zoneinfo
// and certificates gets nothing.
func Settle(t *tree.Tree, t0 time.Time) ([]string, error) {
	s := settler{t: t, t0: t0}
	if err := s.localtime(); err != nil {
		return nil, fmt.Errorf("make /etc/localtime: %w", err)
	}
	if err := s.certificates(); err != nil {
		return nil, fmt.Errorf("rehash certificates: %w", err)
	}
	slices.Sort(s.made)
	return s.made, nil
}

type settler struct {
	t    *tree.Tree
	t0   time.Time
	made []string
}

func (s *settler) has(p string) bool {
	_, err := s.t.Lookup(p)
	return err == nil
}

func (s *settler) put(e tree.Entry) error {
	p, err := s.t.ResolveParent(e.Path)
	if err != nil {
		return err
	}
	e.Path = p
	s.made = append(s.made, p)
	return s.t.Put(e)
}

func (s *settler) link(p, target, why string) error {
	return s.put(tree.Entry{Path: p, Type: tree.Symlink, Mode: 0o777, Link: target, ModTime: s.t0, Why: why})
}

func (s *settler) localtime() error {
	const p, zone = "/etc/localtime", "/usr/share/zoneinfo/GMT"
	if _, there := s.t.Get(p); there || !s.has(zone) || !s.has("/etc") {
		return nil
	}
	return s.link(p, zone, "local time")
}

// whyCerts is the Entry.Why of what certificates makes.
const whyCerts = "certctl rehash"

// certificates does nothing where certctl would refuse to: by certs.conf, or
// because the folder has certificates that it did not put there.
func (s *settler) certificates() error {
	dirs, err := s.certDirs()
	if err != nil || len(dirs) == 0 || len(s.t.Below(certsDir)) > 1 && !s.has(certsMark) {
		return err
	}
	certs, err := s.trusted(dirs)
	if err != nil || len(certs) == 0 {
		return err
	}
	if below := s.t.Below(certsDir); len(below) > 0 {
		for _, e := range slices.Backward(below) {
			s.t.Remove(e.Path)
		}
	}
	if !s.has(certsConf) {
		if err := s.copyConf(); err != nil {
			return err
		}
	}
	if err := s.put(tree.Entry{Path: certsDir, Type: tree.Dir, Mode: 0o755, ModTime: s.t0, Why: whyCerts}); err != nil {
		return err
	}
	if err := s.put(tree.NewFile(certsMark, 0o644, []byte("This directory is managed by certctl(8).\n"), s.t0, whyCerts)); err != nil {
		return err
	}
	return s.linkCerts(certs)
}

// linkCerts links each certificate by its name and by its hash, and makes the
// bundle of all.
func (s *settler) linkCerts(certs []string) error {
	var bundle []byte
	hashes := make(map[string][][]byte)
	for _, p := range certs {
		b, err := s.t.ReadFile(p, maxCert)
		if err != nil {
			return err
		}
		if err := s.link(path.Join(certsDir, path.Base(p)), p, whyCerts); err != nil {
			return err
		}
		bundle = append(bundle, b...)
		hash, der, err := subjectHash(b)
		if err != nil || slices.ContainsFunc(hashes[hash], func(o []byte) bool { return bytes.Equal(o, der) }) {
			continue // as openssl_rehash(1), which goes on with the others
		}
		if err := s.link(fmt.Sprintf("%s/%s.%d", certsDir, hash, len(hashes[hash])), path.Base(p), whyCerts); err != nil {
			return err
		}
		hashes[hash] = append(hashes[hash], der)
	}
	return s.put(tree.NewFile(certsDir+"/ca-certificates.crt", 0o644, bundle, s.t0, whyCerts))
}

// copyConf puts the example of certs.conf into place, as postinstall(8) does.
func (s *settler) copyConf() error {
	b, err := s.t.ReadFile(certsExample, maxCertsConf)
	if err != nil {
		return err
	}
	if err := s.put(tree.NewFile(certsConf, 0o644, b, s.t0, whyCerts)); err != nil {
		return err
	}
	s.t.MakeParents(s.t0)
	return nil
}

// certDirs returns the folders of certificates that certs.conf names, none
// where somebody manages certificates by hand, or where there is no certs.conf.
func (s *settler) certDirs() ([]string, error) {
	p := certsConf
	if !s.has(p) {
		p = certsExample
	}
	b, err := s.t.ReadFile(p, maxCertsConf)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var dirs []string
	known := false
	for i, line := range strings.Split(strings.ReplaceAll(string(b), "\\\n", ""), "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || line[0] == '#':
		case !known && line != certsFormat:
			return nil, fmt.Errorf("%s:%d: it does not begin with %q", p, i+1, certsFormat)
		case !known:
			known = true
		case words[0] == "manual":
			return nil, nil
		case words[0] == "path" && len(words) == 2 && path.IsAbs(words[1]) && !strings.Contains(words[1], `\`):
			dirs = append(dirs, path.Clean(words[1]))
		default:
			return nil, fmt.Errorf("%s:%d: %.80q is neither manual nor a path", p, i+1, line)
		}
	}
	return dirs, nil
}

// trusted returns the certificates in dirs, sorted, without those that are
// untrusted by their names.
func (s *settler) trusted(dirs []string) ([]string, error) {
	byName := make(map[string]string)
	for _, dir := range dirs {
		at, err := s.t.Resolve(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range s.t.Below(at) {
			name := path.Base(e.Path)
			if path.Dir(e.Path) != at || !slices.Contains([]string{".pem", ".cer", ".crt"}, path.Ext(name)) || strings.HasPrefix(name, ".") {
				continue
			}
			p := path.Join(dir, name)
			if other, ok := byName[name]; ok && other != p {
				return nil, fmt.Errorf("%s and %s have the same name", other, p)
			}
			byName[name] = p
		}
	}
	var all []string
	for name, p := range byName {
		if _, no := s.t.Get(path.Join(untrusted, name)); !no {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all, nil
}
