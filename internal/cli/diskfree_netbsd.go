package cli

import "golang.org/x/sys/unix"

// diskFree returns the bytes that an unprivileged user may still write to the
// file system that holds path, by statvfs(2).
func diskFree(path string) (int64, error) {
	var st unix.Statvfs_t
	if err := unix.Statvfs(path, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Frsize), nil
}
