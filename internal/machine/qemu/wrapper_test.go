package qemu

import (
	"os"
	"path/filepath"
	"testing"
)

// Only the script that starts its namesake in libexec is passed by.
func TestBehindWrapper(t *testing.T) {
	dir := t.TempDir()
	program, real := filepath.Join(dir, "bin", "qemu"), filepath.Join(dir, "libexec", "qemu")
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	wrapper := "#! /bin/sh\nexe=" + real + "\nexec \"$exe\" \"$@\"\n"
	check := func(name, text, want string) {
		t.Helper()
		write(program, text, 0o755)
		if got := behindWrapper(program); got != want {
			t.Errorf("%s: %s; want %s", name, got, want)
		}
	}
	check("nothing behind it", wrapper, program)
	write(real, "ELF", 0o644)
	check("no program behind it", wrapper, program)
	if err := os.Chmod(real, 0o755); err != nil {
		t.Fatal(err)
	}
	check("wrapper", wrapper, real)
	check("a program", "\x7fELF", program)
	check("another script", "#!/bin/sh\nexport X=1\nexec /opt/qemu \"$@\"\n", program)
}
