package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/build"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/sbom"
)

// writeSBOM writes what an image is made of.
func (r *runner) writeSBOM(file string, img image.Image, report build.Report) error {
	s := sbom.Subject{
		Image: img, ID: report.ID, Tool: "fakecracker-" + readVersion().Version, Created: newest(img.Tree, r.app.sourceDate()),
		Sets: report.Sets, Packages: report.Packages,
	}
	for _, b := range report.Bases {
		s.Bases = append(s.Bases, sbom.Base(b))
	}
	for _, f := range report.Fetched {
		s.Fetched = append(s.Fetched, sbom.Fetched(f))
	}
	for _, in := range report.Inputs {
		if in.Digest != "" {
			s.Own = append(s.Own, in.Digest)
		}
	}
	b, err := sbom.Encode(s)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(file, b, 0o644); err != nil {
		return err
	}
	return r.exported("sbom", file)
}

// checkParent fails where a file that a flag names could not be written after
// all the work, for want of its folder. A flag that is not set names none.
func checkParent(flag, file string) error {
	if file == "" {
		return nil
	}
	dir := filepath.Dir(file)
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return fmt.Errorf("%s %s: there is no folder %s: make it first", flag, file, dir)
	}
	return nil
}
