//go:build !netbsd

package cli

import "golang.org/x/sys/unix"

// diskFree returns the bytes that an unprivileged user may still write to the
// file system that holds path.
func diskFree(path string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
