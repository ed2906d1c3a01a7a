package qemu

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// firstFD is the number that the first of exec.Cmd's ExtraFiles gets.
const firstFD = 3

// A wiring is all the descriptors of a machine: those that QEMU inherits, and
// our ends of them.
type wiring struct {
	files []*os.File // QEMU's, in the order of their numbers
	owned []*os.File // those of them that are ours to close
	fds   fds
	qmp   net.Conn
	con   net.Conn
}

// wire opens everything that m is connected to.
func wire(m machine.Machine, opts Options) (*wiring, error) {
	w := &wiring{fds: fds{nics: map[string]int{}, drives: map[string]driveFDs{}}}
	if err := w.open(m, opts); err != nil {
		w.closeGuestEnds()
		return nil, errors.Join(err, w.closeHostEnds())
	}
	return w, nil
}

func (w *wiring) open(m machine.Machine, opts Options) error {
	var err error
	if w.qmp, w.fds.qmp, err = w.socket("QMP"); err != nil {
		return err
	}
	if w.con, w.fds.console, err = w.socket("console"); err != nil {
		return err
	}
	mem, err := guestMemory(m.Memory)
	if err != nil {
		return fmt.Errorf("make the guest's memory: %w", err)
	}
	if mem != nil {
		w.fds.memory = w.give(mem)
	}
	for _, n := range m.NICs {
		if f := opts.NICs[n.ID]; f != nil {
			w.fds.nics[n.ID] = w.lend(f)
		}
	}
	for _, d := range m.Drives {
		if err := w.drive(d, opts.Drives[d.ID]); err != nil {
			return fmt.Errorf("open drive %s: %w", d.ID, err)
		}
	}
	return nil
}

// drive opens the files of d that are not in f.
func (w *wiring) drive(d machine.Drive, f DriveFiles) error {
	var n driveFDs
	var err error
	flags := os.O_RDWR
	if d.ReadOnly {
		flags = os.O_RDONLY
	}
	if n.layer, err = w.file(f.Layer, d.Path, flags); err != nil {
		return err
	}
	if f.Backing != nil || d.Backing != "" {
		if n.backing, err = w.file(f.Backing, d.Backing, os.O_RDONLY); err != nil {
			return err
		}
	}
	w.fds.drives[d.ID] = n
	return nil
}

// file passes f on, or the file at path if f is nil.
func (w *wiring) file(f *os.File, path string, flags int) (int, error) {
	if f != nil {
		return w.lend(f), nil
	}
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return 0, err
	}
	fi, err := f.Stat()
	if err == nil && fi.IsDir() {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("is a folder")}
	}
	if err != nil {
		return 0, errors.Join(err, f.Close())
	}
	return w.give(f), nil
}

// socket makes a connection and returns our end and the number of QEMU's.
func (w *wiring) socket(name string) (net.Conn, int, error) {
	ours, theirs, err := socketpair(name)
	if err != nil {
		return nil, 0, fmt.Errorf("make the %s connection: %w", name, err)
	}
	conn, err := net.FileConn(ours) // has its own copy
	if err = errors.Join(err, ours.Close()); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("make the %s connection: %w", name, err), theirs.Close())
	}
	return conn, w.give(theirs), nil
}

// lend passes a file of the caller's to QEMU and returns its number there.
func (w *wiring) lend(f *os.File) int {
	w.files = append(w.files, f)
	return firstFD + len(w.files) - 1
}

// give is lend for a file that we close when QEMU has it.
func (w *wiring) give(f *os.File) int {
	w.owned = append(w.owned, f)
	return w.lend(f)
}

// closeGuestEnds closes our copies of what QEMU inherits. They were opened to
// be passed on, so that an error of close tells nothing.
func (w *wiring) closeGuestEnds() {
	for _, f := range w.owned {
		_ = f.Close()
	}
	w.owned = nil
}

func (w *wiring) closeHostEnds() error {
	var errs []error
	for _, c := range []net.Conn{w.qmp, w.con} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
