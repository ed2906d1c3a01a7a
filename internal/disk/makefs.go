package disk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// makefsLimit is where makefs's own arithmetic ends (CAVEATS in makefs(8)).
const makefsLimit = 2 << 30

// writeFFS makes an FFSv2 at raw by Debian's makefs(8). Owners, modes, times
// and devices come from an mtree(5) specification, so root isn't needed; only
// the contents are staged, as the staging user's own files.
func writeFFS(ctx context.Context, p *plan, room *workroom, raw string) error {
	makefs, err := lookTool("makefs")
	if err != nil {
		return errors.New("makefs not found: install it (Debian, Ubuntu: apt install makefs)")
	}
	if n := p.size + p.free; n >= makefsLimit {
		return fmt.Errorf("files and free space are %d MiB: makefs can't write file systems of 2 GiB or more", n>>20)
	}
	stage := filepath.Join(room.dir, "stage")
	if err := p.stage(ctx, stage); err != nil {
		return err
	}
	spec := filepath.Join(room.dir, "spec")
	if err := writeSpec(spec, p.entries); err != nil {
		return err
	}
	if err := runMakefs(ctx, makefs, room, p.makefsArgs(spec, raw, stage)); err != nil {
		return err
	}
	return punchHoles(ctx, raw)
}

// makefsArgs returns makefs's arguments. Everything that is written is in the
// specification (-x leaves out the rest). minfree is 0 because the disk has
// one service, for which a reserve of root's is lost room; the slack covers
// the indirect blocks, folders and group maps that makefs's sum leaves out.
func (p *plan) makefsArgs(spec, raw, stage string) []string {
	slack := p.size/64 + p.free/256 + 1<<20
	inodes := p.free/(16<<10) + 64
	return []string{
		"-t", FFS, "-B", "le", "-o", "version=2,bsize=16384,fsize=2048,minfree=0,optimization=space",
		"-b", fmt.Sprint(p.free + slack), "-f", fmt.Sprint(inodes),
		"-T", fmt.Sprint(max(p.newest.Unix(), 0)), "-x", "-F", spec, raw, stage,
	}
}

// runMakefs runs makefs, which holds the room's lock too: should we be
// killed, nobody takes the room while it still writes.
func runMakefs(ctx context.Context, makefs string, room *workroom, args []string) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, makefs, args...)
	cmd.Stderr = &said
	cmd.ExtraFiles = []*os.File{room.lock}
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	why := lastLine(said.String())
	if strings.Contains(said.String(), syscall.ENOSPC.Error()) || strings.Contains(said.String(), "No space left on device") {
		return fmt.Errorf("makefs: %w", syscall.ENOSPC)
	}
	return fmt.Errorf("makefs: %w: %s", err, why)
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// lookTool finds a program of the administrator's, whose folders an ordinary
// user's PATH may lack.
func lookTool(name string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p, nil
		}
	}
	return "", exec.ErrNotFound
}

// stage puts the contents of the tree's files under dir: makefs reads only
// those from there, and makes all else from the specification.
func (p *plan) stage(ctx context.Context, dir string) error {
	for _, e := range p.entries {
		to := filepath.Join(dir, e.Path)
		var err error
		switch e.Type {
		case tree.Dir:
			err = os.MkdirAll(to, 0o700)
		case tree.File:
			err = p.stageFile(ctx, to, e)
		}
		if err != nil {
			return err
		}
	}
	for _, e := range p.entries {
		if e.Type != tree.Hardlink {
			continue
		}
		if err := os.Link(filepath.Join(dir, e.Link), filepath.Join(dir, e.Path)); err != nil {
			return fmt.Errorf("stage %s: %w", e.Path, err)
		}
	}
	return nil
}

func (p *plan) stageFile(ctx context.Context, to string, e tree.Entry) error {
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("stage %s: %w", e.Path, err)
	}
	return errors.Join(p.copyContent(ctx, f, e), f.Close())
}

// writeSpec writes the mtree specification of entries to the file at name.
func writeSpec(name string, entries []tree.Entry) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	attrs := make(map[string]tree.Entry, len(entries))
	for _, e := range entries {
		attrs[e.Path] = e
	}
	for _, e := range entries {
		if e.Type == tree.Hardlink { // all names of a file tell the same of it
			to := attrs[e.Link]
			to.Path = e.Path
			e = to
		}
		specLine(w, e)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// specLine writes one entry in the form of mtree(5), in which names start at
// "." and a device is system,major,minor.
func specLine(w io.Writer, e tree.Entry) {
	name := "."
	if e.Path != "/" {
		name = "./" + vis(path.Clean(e.Path)[1:])
	}
	fmt.Fprintf(w, "%s type=%s mode=%#o uid=%d gid=%d time=%d.%09d",
		name, e.Type, e.Mode&0o7777, e.UID, e.GID, max(e.ModTime.Unix(), 0), e.ModTime.Nanosecond())
	switch e.Type {
	case tree.Symlink:
		fmt.Fprintf(w, " link=%s", vis(e.Link))
	case tree.Char, tree.Block:
		fmt.Fprintf(w, " device=netbsd,%d,%d", e.Major, e.Minor)
	}
	fmt.Fprintln(w)
}

// vis escapes a name as vis(3) does with VIS_OCTAL: blanks, control
// characters, the backslash, what is not ASCII, and the characters that mean
// something to mtree or to its globbing.
func vis(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ', c >= 0x7f, strings.IndexByte(`\#*?[]{}~=`, c) >= 0:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
