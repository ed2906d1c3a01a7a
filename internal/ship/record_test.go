package ship

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// writeFiles writes files into a new folder.
func writeFiles(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// sourceOf writes the files into a folder and returns what the ship there was
// read from.
func sourceOf(t *testing.T, files map[string]string) string {
	t.Helper()
	s, err := Load(t.Context(), writeFiles(t, files), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s.Source
}

// Whatever a definition is read from is part of what identifies it: also
// what no other field holds.
func TestSource(t *testing.T) {
	conf := map[string]string{
		"ship.conf": "shipname=x\n. ./vars\nread v <version\nrun_at_build=\"echo $v\"\n",
		"vars":      "packages=nginx\n", "version": "1\n", "unread": "",
	}
	docker := map[string]string{
		"Dockerfile":    "# escape=`\nARG V=1\nFROM scratch\nCOPY <<EOF /a\ntext\nEOF\n",
		".dockerignore": "*.o\n", "unread": "",
	}
	smol := map[string]string{
		"SMOLerfile": "FROM base,etc\nINCLUDE a.inc\n",
		"a.inc":      "INCLUDE b.inc\n", "b.inc": "RUN <<EOF\nx\nEOF\n", "unread": "",
	}
	tests := []struct {
		name       string
		files      map[string]string
		file, text string // what changes
		same       bool
	}{
		{"a comment of a .conf", conf, "ship.conf", "# new\n" + conf["ship.conf"], false},
		{"what a .conf includes", conf, "vars", "packages='nginx'\n", false},
		{"what a .conf reads", conf, "version", "1 \n", false},
		{"what a .conf doesn't read", conf, "unread", "x", true},
		{"a heredoc's text", docker, "Dockerfile", "# escape=`\nARG V=1\nFROM scratch\nCOPY <<EOF /a\nother\nEOF\n", false},
		{"its blanks", docker, "Dockerfile", "# escape=`\nARG V=1\nFROM scratch\nCOPY <<EOF /a\ntext \nEOF\n", false},
		{"an ARG before the first FROM", docker, "Dockerfile", "# escape=`\nARG V=2\nFROM scratch\nCOPY <<EOF /a\ntext\nEOF\n", false},
		{"the escape directive", docker, "Dockerfile", "# escape=\\\nARG V=1\nFROM scratch\nCOPY <<EOF /a\ntext\nEOF\n", false},
		{"a .dockerignore", docker, ".dockerignore", "# new\n*.o\n", false},
		{"a file of the build context", docker, "unread", "x", true},
		{"what an included file includes", smol, "b.inc", "RUN <<EOF\ny\nEOF\n", false},
		{"a file beside", smol, "unread", "x", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := sourceOf(t, tt.files)
			changed := maps.Clone(tt.files)
			changed[tt.file] = tt.text
			if after := sourceOf(t, changed); (before == after) != tt.same {
				t.Errorf("%s, then %s; want the same: %v", before, after, tt.same)
			}
		})
	}
}

// The same files are the same source wherever they lie, and wherever they are
// read from.
func TestSourceElsewhere(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"a/Dockerfile": "FROM scratch\n", "a/.dockerignore": "x\n",
		"b/examples/x.conf": "shipname=x\n. ../vars\n", "b/vars": "packages=nginx\n",
	})
	elsewhere := filepath.Join(t.TempDir(), "deep", "er")
	if err := os.CopyFS(elsewhere, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(dir, "b"))
	for _, paths := range [][]string{
		{filepath.Join(dir, "a"), filepath.Join(elsewhere, "a"), "../a"},
		{filepath.Join(dir, "b/examples/x.conf"), filepath.Join(elsewhere, "b/examples/x.conf"), "examples/x.conf"},
	} {
		var sources []string
		for _, path := range paths {
			s, err := Load(t.Context(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			sources = append(sources, s.Source)
		}
		if len(slices.Compact(sources)) != 1 || sources[0] == "" {
			t.Errorf("%s: sources %v; want one", paths[0], sources)
		}
	}
}
