package ship

import "path/filepath"

// realPath is the full path of what path leads to.
func realPath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// relative returns where a path that exists is below the folder, after links
// are followed.
func relative(folder, path string) (string, bool) {
	root, err := realPath(folder)
	if err != nil {
		return "", false
	}
	real, err := realPath(path)
	if err != nil {
		return "", false
	}
	rel, err := filepath.Rel(root, real)
	return rel, err == nil && filepath.IsLocal(rel)
}

// isBelow says whether a path that exists is below one of the folders, after
// links are followed.
func isBelow(path string, folders ...string) bool {
	for _, folder := range folders {
		if _, ok := relative(folder, path); ok {
			return true
		}
	}
	return false
}
