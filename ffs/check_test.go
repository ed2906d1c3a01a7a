package ffs

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// makefsSized is makefs with its options for the size.
func makefsSized(t testing.TB, dir string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("makefs")
	if err != nil {
		program = "/usr/sbin/makefs"
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("makefs is not installed (Debian: apt install makefs)")
	}
	img := filepath.Join(t.TempDir(), "img")
	out, err := exec.Command(program, append(append([]string{"-t", "ffs"}, args...), img, dir)...).CombinedOutput()
	if err != nil {
		t.Fatalf("makefs: %v\n%s", err, out)
	}
	return img
}

// checkFile runs Check over the file at path.
func checkFile(t testing.TB, path string) []Finding {
	t.Helper()
	f, err := os.Open(path)
	check(t, err)
	defer f.Close()
	r := part(t, f, 0)
	found, err := Check(context.Background(), r, r.Size())
	check(t, err)
	return found
}

// wantClean fails the test with all findings.
func wantClean(t testing.TB, found []Finding) {
	t.Helper()
	for _, f := range found {
		t.Error(f)
	}
}

func TestCheckMakefs(t *testing.T) {
	dir := sampleTree(t)
	for _, version := range []int{1, 2} {
		for _, order := range []string{"le", "be"} {
			for _, sizes := range [][2]int{{4096, 512}, {8192, 1024}, {16384, 2048}, {16384, 16384}, {32768, 8192}, {65536, 8192}} {
				options := fmt.Sprintf("version=%d,bsize=%d,fsize=%d", version, sizes[0], sizes[1])
				t.Run(options+","+order, func(t *testing.T) {
					wantClean(t, checkFile(t, makefsSized(t, dir, "-B", order, "-o", options, "-s", "24m")))
				})
			}
		}
	}
}

func TestCheckMakefsGroups(t *testing.T) {
	dir := sampleTree(t)
	for _, version := range []int{1, 2} {
		options := fmt.Sprintf("version=%d,bsize=4096,fsize=512,maxbpcg=512,density=1024", version)
		wantClean(t, checkFile(t, makefsSized(t, dir, "-o", options, "-s", "400m", "-f", "1000")))
	}
}

// part is the file from offset on.
func part(t testing.TB, f *os.File, offset int64) *io.SectionReader {
	t.Helper()
	info, err := f.Stat()
	check(t, err)
	return io.NewSectionReader(f, offset, info.Size()-offset)
}
