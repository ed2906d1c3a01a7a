package debian

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"
)

// Limits of what a package may hold. The largest that Debian has are a tenth
// of these.
const (
	maxDeb         = 4 << 30  // bytes of a .deb
	maxControl     = 64 << 20 // bytes of its control files, unpacked
	maxControlFile = 4 << 20  // bytes of one that is kept
	maxData        = 16 << 30 // bytes of its files, unpacked
	maxEntries     = 1 << 20  // files and folders
	maxPath        = 4096     // bytes of a path or link
	maxWindow      = 64 << 20 // bytes of a decompressor's dictionary: xz -9 has that much
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
// its bytes, in order; its path and hard link target are clean and absolute.
func readDeb(r io.Reader, file func(*tar.Header, io.Reader) error) (control, error) {
	ar, err := newArReader(r)
	if err != nil {
		return nil, err
	}
	name, _, err := ar.next()
	if err != nil && err != io.EOF {
		return nil, err
	}
	if name != "debian-binary" {
		return nil, errors.New("it is not a Debian package: debian-binary is not its first member")
	}
	version, err := io.ReadAll(io.LimitReader(ar.body, 64))
	if err != nil || !strings.HasPrefix(string(version), "2.") {
		return nil, fmt.Errorf("it is a Debian package of format %q, not 2", firstLine(string(version)))
	}
	var c control
	for {
		name, _, err := ar.next()
		switch {
		case err == io.EOF:
			return nil, errors.New("the package has no data.tar")
		case err != nil:
			return nil, err
		case strings.HasPrefix(name, "_"): // deb(5): to be skipped
		case strings.HasPrefix(name, "control.tar"):
			c, err = readControl(name, ar.body)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", name, err)
			}
		case strings.HasPrefix(name, "data.tar") && c != nil:
			if err := readData(name, ar.body, file); err != nil {
				return nil, fmt.Errorf("read %s: %w", name, err)
			}
			return c, nil
		default:
			return nil, fmt.Errorf("the package has an unexpected member %q", name)
		}
	}
}

// decompress returns what r holds, by the ending of name. No more than limit
// bytes come out: then it fails.
func decompress(name string, r io.Reader, limit int64) (io.ReadCloser, error) {
	var (
		out   io.Reader
		closz = func() {}
	)
	switch ext := path.Ext(name); ext {
	case ".tar":
		out = r
	case ".gz":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		out = z
	case ".xz":
		z, err := xz.NewReader(bufio.NewReaderSize(r, 1<<16), maxWindow)
		if err != nil {
			return nil, err
		}
		out = z
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		out, closz = z, z.Close
	default:
		return nil, fmt.Errorf("compression %q is not known", ext)
	}
	return &limited{r: out, left: limit, limit: limit, close: closz}, nil
}

// limited fails, instead of ending, after limit bytes.
type limited struct {
	r           io.Reader
	left, limit int64
	close       func()
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("it unpacks to more than %d bytes", l.limit)
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

func (l *limited) Close() error {
	l.close()
	return nil
}

func readControl(name string, r io.Reader) (control, error) {
	c := make(control)
	err := eachFile(name, r, maxControl, func(h *tar.Header, r io.Reader) error {
		file := path.Base(h.Name)
		if h.Typeflag != tar.TypeReg || path.Dir(h.Name) != "/" || file == "md5sums" || h.Size > maxControlFile {
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

func readData(name string, r io.Reader, file func(*tar.Header, io.Reader) error) error {
	return eachFile(name, r, maxData, file)
}

// eachFile calls file for each entry of the compressed tar archive r.
func eachFile(name string, r io.Reader, limit int64, file func(*tar.Header, io.Reader) error) (err error) {
	z, err := decompress(name, r, limit)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	tr := tar.NewReader(z)
	left := limit // of the files' sizes: holes take no bytes in the archive
	for n := 0; ; n++ {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if n >= maxEntries {
			return fmt.Errorf("it has more than %d files", maxEntries)
		}
		if left -= h.Size; left < 0 {
			return fmt.Errorf("its files have more than %d bytes", limit)
		}
		if err := cleanHeader(h); err != nil {
			return err
		}
		if err := file(h, tr); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// cleanHeader makes the paths of h absolute and clean, and refuses those that
// would lead out of the root.
func cleanHeader(h *tar.Header) (err error) {
	if h.Name, err = cleanPath(h.Name); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeLink:
		h.Linkname, err = cleanPath(h.Linkname)
	case tar.TypeSymlink:
		if h.Linkname == "" || len(h.Linkname) > maxPath || strings.ContainsRune(h.Linkname, 0) {
			err = fmt.Errorf("%s: symbolic link to %.80q", h.Name, h.Linkname)
		}
	}
	return err
}

func cleanPath(p string) (string, error) {
	if p == "" || len(p) > maxPath || strings.ContainsRune(p, 0) {
		return "", fmt.Errorf("path %.80q", p)
	}
	if path.IsAbs(p) {
		return "", fmt.Errorf("path %.80q is absolute", p)
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == ".." {
			return "", fmt.Errorf("path %.80q leads out of the root", p)
		}
	}
	return path.Join("/", p), nil
}
