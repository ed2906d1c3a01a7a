package repo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
)

// What a package list may be. The largest real ones have some 70,000 packages
// in 60 MB.
const (
	maxPackages     = 2 << 30 // bytes, unpacked
	maxPackageCount = 1 << 20
	maxPackageField = 1 << 20 // bytes of a field that we keep
	maxDeb          = 4 << 30 // bytes of a package
)

// A pkg is what a package list says of one package, as far as it is of use
// here.
type pkg struct {
	Name, Version, Arch string
	Filename            string // below the archive
	Size                int64  // bytes of that file
	SHA256              string // of that file, hex
	PreDepends, Depends string
	Provides            string
	Conflicts, Breaks   string
	Priority            string // "required" and so on
	Essential           string // "yes", or empty

	base  string // address of the archive
	rank  int    // of its suite
	given bool   // taken as installed: not to be got

	parsed   bool // provided is what Provides says
	provided []alternative
}

// stored are the fields that are kept of a package list, in this order.
func (p *pkg) stored() []struct {
	name  string
	value *string
} {
	return []struct {
		name  string
		value *string
	}{
		{"Package", &p.Name},
		{"Version", &p.Version},
		{"Architecture", &p.Arch},
		{"Filename", &p.Filename},
		{"SHA256", &p.SHA256},
		{"Pre-Depends", &p.PreDepends},
		{"Depends", &p.Depends},
		{"Provides", &p.Provides},
		{"Conflicts", &p.Conflicts},
		{"Breaks", &p.Breaks},
		{"Priority", &p.Priority},
		{"Essential", &p.Essential},
	}
}

func (p *pkg) provides() []alternative {
	if !p.parsed {
		p.parsed = true
		for _, clause := range parseRelations(p.Provides) {
			p.provided = append(p.provided, clause[0])
		}
	}
	return p.provided
}

// readPackages hands each package of a package list to add.
func readPackages(r io.Reader, add func(pkg) error) error {
	var p pkg
	fields := make(map[string]*string)
	for _, f := range p.stored() {
		fields[strings.ToLower(f.name)] = f.value
	}
	count, size := 0, ""
	fields["size"] = &size
	return eachField(r, maxPackages, func(name, value string) error {
		to := fields[name]
		if to == nil {
			return nil
		}
		if len(value) > maxPackageField {
			return fmt.Errorf("the field %s has %d bytes", name, len(value))
		}
		*to = value
		return nil
	}, func() error {
		q := p
		q.Filename = strings.TrimPrefix(q.Filename, "./")
		var err error
		if q.Size, err = strconv.ParseInt(size, 10, 64); err != nil {
			return fmt.Errorf("the Size of %.80q is %.40q", q.Name, size)
		}
		p, size = pkg{}, ""
		if count++; count > maxPackageCount {
			return fmt.Errorf("more than %d packages", maxPackageCount)
		}
		if err := q.check(); err != nil {
			return err
		}
		return add(q)
	})
}

// What names and versions are (Debian Policy, 5.6.1 and 5.6.12).
var (
	nameForm    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+._-]*$`) // some archives have capitals
	versionForm = regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9.+~:-]*$`)
	archForm    = regexp.MustCompile(`^[a-z0-9-]+$`)
)

func (p *pkg) check() error {
	switch {
	case !nameForm.MatchString(p.Name):
		return fmt.Errorf("%.80q is not the name of a package", p.Name)
	case !versionForm.MatchString(p.Version) || len(p.Version) > 200 || len(p.Name) > 200:
		return fmt.Errorf("%.80q is not a version of %s", p.Version, p.Name)
	case !archForm.MatchString(p.Arch):
		return fmt.Errorf("%s is for the processor %.40q", p.Name, p.Arch)
	case !isSHA256(p.SHA256):
		return fmt.Errorf("%s has no SHA256 digest", p.Name)
	case p.Size <= 0 || p.Size > maxDeb:
		return fmt.Errorf("%s has %d bytes", p.Name, p.Size)
	case !fs.ValidPath(p.Filename) || p.Filename == ".":
		return fmt.Errorf("the file of %s is %.80q", p.Name, p.Filename)
	}
	return nil
}

// storedMagic begins a package list of our own; its end tells that it is whole.
const (
	storedMagic = "# fc-debian-packages-1\n"
	storedEnd   = "# end\n"
)

// writeStored writes what is kept of the package list that r has, as a package
// list that has no other fields.
func writeStored(w io.Writer, r io.Reader) error {
	b := bufio.NewWriterSize(w, 1<<16)
	b.WriteString(storedMagic)
	err := readPackages(r, func(p pkg) error {
		for _, f := range p.stored() {
			if *f.value != "" {
				b.WriteString(f.name + ": " + strings.ReplaceAll(*f.value, "\n", " ") + "\n")
			}
		}
		_, err := fmt.Fprintf(b, "Size: %d\n\n", p.Size)
		return err
	})
	if err != nil {
		return err
	}
	b.WriteString(storedEnd)
	return b.Flush() // has the first error of all the writing
}

var errDamaged = errors.New("it is damaged, or another version's")
