package ship

import (
	"errors"
	"fmt"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// guestOf tells from a program's ELF header and notes which guest it runs in.
func guestOf(path string) (image.Guest, error) {
	f, err := openRegular(path)
	if err != nil {
		return image.Guest{}, fmt.Errorf("read program %s: %w", path, err)
	}
	e, err := tree.ReadELF(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return image.Guest{}, fmt.Errorf("read program %s: %w", path, err)
	}
	g, err := guestOfELF(e)
	if err != nil {
		return g, fmt.Errorf("program %s: %w", path, err)
	}
	return g, nil
}

func guestOfELF(e tree.ELF) (image.Guest, error) {
	switch {
	case !e.Program:
		return image.Guest{}, errors.New("an ELF file that is not an executable")
	case e.Arch != "i386" && e.Arch != "amd64":
		return image.Guest{}, fmt.Errorf("made for %s: guests are i386 and amd64", e.Arch)
	case e.OS != "netbsd" && e.OS != "linux":
		return image.Guest{}, fmt.Errorf("made for %s: guests are NetBSD and Linux", e.OS)
	}
	return image.Guest{OS: e.OS, Arch: e.Arch}, nil
}

// agree checks that a guest is the one that is asked for, as far as it is.
func agree(have, want image.Guest) error {
	if want.OS != "" && want.OS != have.OS || want.Arch != "" && want.Arch != have.Arch {
		if want.OS == "" {
			want.OS = have.OS
		}
		if want.Arch == "" {
			want.Arch = have.Arch
		}
		return fmt.Errorf("it is for %s, the guest is %s", have, want)
	}
	return nil
}
