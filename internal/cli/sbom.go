package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/build"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/sbom"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// writeSBOM writes what an image is made of.
func (r *runner) writeSBOM(file string, img image.Image, report build.Report) error {
	s := sbom.Subject{
		Image: img, ID: report.ID, Tool: "fakecracker-" + readVersion().Version,
		Created: tree.Newest(tree.Clamp(img.Tree.All(), r.app.sourceDate())),
		Sets:    report.Sets, Packages: report.Packages, Made: madeBySteps(img.Tree, report.Steps),
	}
	for _, b := range report.Bases {
		s.Bases = append(s.Bases, sbom.Base{Ref: b.Ref, ID: b.ID, Packages: b.Packages})
	}
	for _, f := range report.Fetched {
		s.Fetched = append(s.Fetched, sbom.Fetched(f))
	}
	for _, in := range report.Inputs {
		if in.Digest != "" {
			s.Own = append(s.Own, in.Digest)
		}
	}
	facts := factsFile{path: filepath.Join(r.home, "cache/sbom", nameDigest(img.Name+" "+img.Guest.String())+".json")}
	s.Known = facts.read()
	b, found, err := sbom.Encode(s)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(file, b, 0o644); err != nil {
		return err
	}
	if err := facts.write(found); err != nil {
		r.app.logger().Warn("what was found in programs is not kept for the next time", "err", err)
	}
	return r.exported("sbom", file)
}

// nameBasePackages adds the packages that came with the images that are built
// on. Of one that is not here any more none are known.
func (r *runner) nameBasePackages(ctx context.Context, bases []build.Base) {
	for i, b := range bases {
		if !b.Under {
			continue
		}
		info, err := r.imageStore().Find(ctx, b.ID)
		if err != nil {
			continue
		}
		for _, p := range info.Packages {
			bases[i].Packages = append(bases[i].Packages, source.Package{Name: p.Name, Version: p.Version, For: p.For})
		}
	}
}

// madeBySteps returns the files that steps made, with the last step that
// changed each. The entry itself tells it of a step that changed so much that
// its result lists nothing.
func madeBySteps(t tree.Tree, steps []build.StepResult) map[string]string {
	made := make(map[string]string)
	for _, s := range steps {
		for _, f := range s.Files {
			made[f.Path] = s.Text
		}
		if len(s.Files) > 0 {
			continue
		}
		for _, e := range t.All() {
			if strings.HasSuffix(e.Why, " "+s.Text) {
				made[e.Path] = s.Text
			}
		}
	}
	return made
}

// factsVersion is that of the files with facts.
const factsVersion = 1

// A factsFile keeps what was found in an image's files, so that they are not
// opened again for each bill of materials. What is in it for files that the
// image has no more goes with the next.
type factsFile struct {
	path string
	old  []byte
}

type factsContent struct {
	Version int        `json:"version"`
	Files   sbom.Facts `json:"files"`
}

// read returns what is kept. A file that can't be read is as none.
func (f *factsFile) read() sbom.Facts {
	b, err := os.ReadFile(f.path)
	if err != nil {
		return nil
	}
	var c factsContent
	if err := json.Unmarshal(b, &c); err != nil || c.Version != factsVersion {
		return nil
	}
	f.old = b
	return c.Files
}

func (f *factsFile) write(found sbom.Facts) error {
	b, err := json.Marshal(factsContent{factsVersion, found})
	if err != nil || bytes.Equal(b, f.old) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteFile(f.path, b, 0o644)
}

// nameDigest makes a file's name of any text.
func nameDigest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}
