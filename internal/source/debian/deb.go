package debian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/archive"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// Limits of what a package may hold. The largest that Debian has are a tenth
// of these.
const (
	maxDeb         = 4 << 30  // bytes of a .deb
	maxControl     = 64 << 20 // bytes of its control files, unpacked
	maxControlFile = 4 << 20  // bytes of one that is kept
	maxData        = 16 << 30 // bytes of its files, unpacked
	maxEntries     = 1 << 20  // files and folders
)

// control are the files of control.tar that matter here, by name: control,
// preinst, postinst, templates and others, but no md5sums.
type control map[string]string

// field returns the value of a field of the package's control file, "" when
// it has none.
func (c control) field(name string) string {
	for l := range strings.Lines(c["control"]) {
		k, v, ok := strings.Cut(l, ":")
		if ok && strings.EqualFold(k, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// readDeb reads a package (deb(5)): an ar archive of "debian-binary",
// control.tar and data.tar. Each file of the latter is handed to file with
// its bytes, in order, as archive.ReadTar has it.
func readDeb(ctx context.Context, r io.Reader, file func(tree.Entry, io.Reader) error) (control, error) {
	ar, err := archive.NewArReader(r)
	if err != nil {
		return nil, err
	}
	name, _, err := ar.Next()
	if err != nil && err != io.EOF {
		return nil, err
	}
	if name != "debian-binary" {
		return nil, errors.New("it is not a Debian package: debian-binary is not its first member")
	}
	version, err := io.ReadAll(io.LimitReader(ar, 64))
	if err != nil || !strings.HasPrefix(string(version), "2.") {
		return nil, fmt.Errorf("it is a Debian package of format %q, not 2", firstLine(string(version)))
	}
	var c control
	for {
		name, _, err := ar.Next()
		switch {
		case err == io.EOF:
			return nil, errors.New("the package has no data.tar")
		case err != nil:
			return nil, err
		case strings.HasPrefix(name, "_"): // deb(5): to be skipped
		case strings.HasPrefix(name, "control.tar"):
			c, err = readControl(ctx, name, ar)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", name, err)
			}
		case strings.HasPrefix(name, "data.tar") && c != nil:
			if err := eachFile(ctx, name, ar, archive.Limits{Bytes: maxData, Entries: maxEntries}, file); err != nil {
				return nil, fmt.Errorf("read %s: %w", name, err)
			}
			return c, nil
		default:
			return nil, fmt.Errorf("the package has an unexpected member %q", name)
		}
	}
}

// compressed tells by the name of a tar archive whether its compression is one
// of those that deb(5) has for all of them.
func compressed(name string) error {
	if ext := path.Ext(name); !slices.Contains([]string{".tar", ".gz", ".xz", ".zst"}, ext) {
		return fmt.Errorf("compression %q is not known", ext)
	}
	return nil
}

func readControl(ctx context.Context, name string, r io.Reader) (control, error) {
	c := make(control)
	err := eachFile(ctx, name, r, archive.Limits{Bytes: maxControl, Entries: maxEntries}, func(e tree.Entry, r io.Reader) error {
		file := path.Base(e.Path)
		if e.Type != tree.File || path.Dir(e.Path) != "/" || file == "md5sums" || e.Size > maxControlFile {
			return nil
		}
		b, err := io.ReadAll(r)
		c[file] = string(b)
		return err
	})
	if err == nil && c["control"] == "" {
		err = errors.New("it has no control file")
	}
	return c, err
}

// eachFile calls file for each entry of the compressed tar archive r.
func eachFile(ctx context.Context, name string, r io.Reader, l archive.Limits, file func(tree.Entry, io.Reader) error) (err error) {
	if err := compressed(name); err != nil {
		return err
	}
	z, err := archive.Decompress(r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	return archive.ReadTar(ctx, z, l, file)
}
