package archive

import (
	"archive/tar"
	"fmt"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// xattrRecord begins the PAX records that hold extended attributes (star(5)),
// each as the bytes that it is.
const xattrRecord = "SCHILY.xattr."

// Bounds of extended attributes: Linux's of xattr(7), and what all of an
// archive are kept in memory with.
const (
	maxXattrName  = 255      // bytes
	maxXattrValue = 64 << 10 // bytes
	maxXattrs     = int64(256 << 20)
)

// xattrsSize returns how many bytes an entry's extended attributes have.
func xattrsSize(h *tar.Header) int64 {
	var n int64
	for k, v := range h.PAXRecords {
		if strings.HasPrefix(k, xattrRecord) {
			n += int64(len(k) + len(v))
		}
	}
	return n
}

// xattrsOf returns an entry's extended attributes. Those that a hard link comes
// with are its file's, which has them, too.
func xattrsOf(h *tar.Header, typ tree.Type) (map[string][]byte, error) {
	var all map[string][]byte
	for k, v := range h.PAXRecords {
		name, ok := strings.CutPrefix(k, xattrRecord)
		if !ok || typ == tree.Hardlink {
			continue
		}
		if name == "" || len(name) > maxXattrName || len(v) > maxXattrValue {
			return nil, fmt.Errorf("its extended attribute %.80q of %d bytes: the name may have %d bytes, and the value %d", name, len(v), maxXattrName, maxXattrValue)
		}
		if all == nil {
			all = make(map[string][]byte)
		}
		all[name] = []byte(v)
	}
	return all, nil
}

// addXattrs writes an entry's extended attributes into its header.
func addXattrs(h *tar.Header, e tree.Entry) error {
	for name, v := range e.Xattrs {
		if name == "" || len(name) > maxXattrName || len(v) > maxXattrValue || strings.ContainsAny(name, "=\x00") {
			return fmt.Errorf("the extended attribute %.80q of %d bytes can't be in an archive", name, len(v))
		}
		h.PAXRecords[xattrRecord+name] = string(v)
	}
	return nil
}
