package build

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// checkProgram refuses a program that is for another system or processor, or
// that is none.
func (b *builder) checkProgram(e tree.Entry, what, where string) error {
	f, err := e.ELF()
	if errors.Is(err, tree.ErrNotELF) {
		if interp, _ := e.Interpreter(); interp != "" {
			return nil // whether that is there is seen when all files are
		}
		return fmt.Errorf("%s: %s is neither an ELF program nor a script with #! at its start", where, what)
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", where, what, err)
	}
	if f.OS != b.Guest.OS || f.Arch != b.Guest.Arch {
		return fmt.Errorf("%s: %s is %s/%s, the guest is %s", where, what, f.OS, f.Arch, b.Guest)
	}
	if !f.Program {
		return fmt.Errorf("%s: %s is an ELF file, but not a program", where, what)
	}
	return nil
}

// checkOverlay refuses programs in an overlay that the guest can't run.
func (b *builder) checkOverlay(over tree.Tree) error {
	for _, e := range over.All() {
		if e.Type != tree.File || e.Mode&0o111 == 0 {
			continue
		}
		f, err := e.ELF()
		if err != nil || !f.Program {
			continue // data, whatever it is
		}
		if f.OS != b.Guest.OS || f.Arch != b.Guest.Arch {
			return fmt.Errorf("%s: %s is a program for %s/%s, the guest is %s", e.Why, e.Path, f.OS, f.Arch, b.Guest)
		}
	}
	return nil
}

// check looks at the whole: what is to be started must be able to.
func (b *builder) check(ctx context.Context) error {
	missing, err := b.tree.Missing(ctx)
	if err != nil {
		return err
	}
	own := b.own
	if cmd, err := b.findCmd(); err != nil {
		return err
	} else if cmd != "" {
		own = append(own, cmd)
	}
	for _, p := range missing {
		if slices.Contains(own, p.Path) {
			return fmt.Errorf("%s: %s", p, b.remedy())
		}
		b.remark(p.Why, "%s", p)
	}
	if err := b.checkScripts(own); err != nil {
		return err
	}
	return b.checkUser()
}

// remedy is what to do about a library that is missing.
func (b *builder) remedy() string {
	if b.Guest.OS == "linux" && b.Catalog == nil {
		return "add the package or file that has it, take it from this host with --sysroot /, or link the program statically"
	}
	return "add the package or file that has it, or link the program statically"
}

// findCmd returns the file that the ship starts, "" when it doesn't say.
func (b *builder) findCmd() (string, error) {
	cmd := b.config.Args()
	if len(cmd) == 0 {
		return "", nil
	}
	dirs, where := b.searchPath(), "none of the folders of PATH has it"
	if strings.Contains(cmd[0], "/") {
		dir := path.Dir(cmd[0])
		if !path.IsAbs(dir) {
			dir = path.Join("/", b.config.WorkDir, dir)
		}
		dirs, where = []string{dir}, "it is not in the image"
	}
	for _, d := range dirs {
		e, err := b.tree.Lookup(path.Join(d, path.Base(cmd[0])))
		if err != nil || e.Type != tree.File {
			continue
		}
		if e.Mode&0o111 == 0 {
			return "", fmt.Errorf("%s: cmd: %s is not executable: chmod +x it", at(b.ship, "cmd"), e.Path)
		}
		return e.Path, nil
	}
	if len(b.ship.Stages) > 0 { // such an image may be for others to build on
		b.note("the command %s can't start: %s", cmd[0], where)
		return "", nil
	}
	return "", fmt.Errorf("%s: cmd: %s: %s; add its package, a program or an overlay", at(b.ship, "cmd"), cmd[0], where)
}

// searchPath is where the guest will look for programs: what the image's
// environment says, or the agent's own PATH.
func (b *builder) searchPath() []string {
	list := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/pkg/sbin:/usr/pkg/bin"
	for _, kv := range b.config.Env {
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			list = value
		}
	}
	return strings.Split(list, ":")
}

// checkScripts finds scripts whose interpreter is not there: an error for
// what is started, else a remark for each interpreter that
// an origin of files lacks.
func (b *builder) checkScripts(own []string) error {
	type group struct{ why, interp string }
	lacking := make(map[group][]string)
	var groups []group // in the order of the paths
	for _, e := range b.tree.All() {
		if e.Type != tree.File || e.Mode&0o111 == 0 {
			continue
		}
		interp, err := e.Interpreter()
		if err != nil {
			return err
		}
		if interp == "" {
			continue
		}
		if _, err := b.tree.Lookup(path.Clean(interp)); err == nil {
			continue
		}
		if slices.Contains(own, e.Path) {
			return fmt.Errorf("%s is a script for %s, which is not in the image (%s)", e.Path, interp, e.Why)
		}
		g := group{e.Why, interp}
		if lacking[g] == nil {
			groups = append(groups, g)
		}
		lacking[g] = append(lacking[g], e.Path)
	}
	for _, g := range groups {
		n := fmt.Sprintf("%d scripts need", len(lacking[g]))
		if len(lacking[g]) == 1 {
			n = "1 script needs"
		}
		b.remark(g.why, "%s %s, which is not in the image: %s (%s)", n, g.interp, shorten(lacking[g]), g.why)
	}
	slices.Sort(b.report.Notes)
	slices.Sort(b.report.Details)
	return nil
}

// checkUser makes sure that the user that the service runs as exists.
func (b *builder) checkUser() error {
	name, group, _ := strings.Cut(b.config.User, ":")
	for _, account := range [][2]string{{"/etc/passwd", name}, {"/etc/group", group}} {
		file, n := account[0], account[1]
		if n == "" || strings.Trim(n, "0123456789") == "" {
			continue
		}
		text, err := b.tree.ReadFile(file, 1<<20)
		if err != nil {
			return err
		}
		if !strings.Contains("\n"+string(text), "\n"+n+":") {
			return fmt.Errorf("%s: user %q is not in the image's %s: use a number, or bring the file by an overlay", at(b.ship, "user"), n, file)
		}
	}
	return nil
}
