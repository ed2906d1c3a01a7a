package store_test

import (
	"bytes"
	orders "cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/image/store"
)

// program returns what runs another program that knows images, in a folder of
// its own; the test is skipped where it is not installed.
func program(t *testing.T, name string) func(args ...string) string {
	t.Helper()
	found, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s on this host", name)
	}
	home := t.TempDir()
	return func(args ...string) string {
		t.Helper()
		cmd := exec.Command(found, args...)
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_RUNTIME_DIR="+home, "TMPDIR="+home)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
}

// foreign writes a layout with one image, tagged latest, into a new folder.
func foreign(t *testing.T) string {
	t.Helper()
	return unpack(t, archiveOf(t, bundleOf(t, withXattrs(t)...)))
}

// loaded loads what is at path as the image "theirs".
func loaded(t *testing.T, path string) (*store.Store, store.Info) {
	t.Helper()
	s := newStore(t)
	infos, err := s.Load(t.Context(), path, store.TakeOptions{Names: []string{"theirs"}})
	if err != nil {
		t.Fatal(err)
	}
	return s, infos[0]
}

// TestLoadWhatSkopeoWrites: one image is the same one in every form and
// compression.
func TestLoadWhatSkopeoWrites(t *testing.T) {
	skopeo, dir := program(t, "skopeo"), t.TempDir()
	source := "oci:" + foreign(t) + ":latest"
	_, want := loaded(t, strings.TrimSuffix(strings.TrimPrefix(source, "oci:"), ":latest"))
	for form, args := range map[string][]string{
		"oci": nil, "oci-archive": nil, "docker-archive": nil,
		"oci zstd":         {"--dest-compress-format", "zstd", "--dest-compress"},
		"oci uncompressed": {"--dest-decompress"},
	} {
		t.Run(form, func(t *testing.T) {
			kind, _, _ := strings.Cut(form, " ")
			at := filepath.Join(dir, strings.ReplaceAll(form, " ", "-"))
			skopeo(append(append([]string{"--insecure-policy", "copy", "-q"}, args...), source, kind+":"+at+":theirs:1")...)
			s, got := loaded(t, at)
			if diff := cmp.Diff(want.Layers, got.Layers); diff != "" {
				t.Errorf("layers (-want +got):\n%s", diff)
			}
			if len(xattrs(t, s, "theirs")) != 2 {
				t.Errorf("extended attributes: %q", xattrs(t, s, "theirs"))
			}
		})
	}
}

// TestPullWhatSkopeoPushes: also of the types that docker has for manifests.
func TestPullWhatSkopeoPushes(t *testing.T) {
	skopeo, reg, s := program(t, "skopeo"), serve(t, nil), newStore(t)
	source := "oci:" + foreign(t) + ":latest"
	ids := map[string]bool{}
	for _, format := range []string{"oci", "v2s2"} {
		ref := reg.addr + "/team/web:" + format
		skopeo("--insecure-policy", "copy", "-q", "--dest-tls-verify=false", "--format", format, source, "docker://"+ref)
		info, err := s.Pull(t.Context(), ref, store.TakeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		whole(t, s, ref)
		ids[strings.Join(info.Layers, " ")] = true
	}
	if len(ids) != 1 {
		t.Errorf("one image has the layers %v", ids)
	}
}

// TestSkopeoReadsWhatIsSaved: by its name in one form, by its tag in the other.
func TestSkopeoReadsWhatIsSaved(t *testing.T) {
	skopeo, s, dir := program(t, "skopeo"), newStore(t), t.TempDir()
	first, second := create(t, s, draft("web:1")), draft("team/web:2")
	second.Layers = second.Layers[:1]
	create(t, s, second)
	for name, c := range map[string]store.Compression{"zstd": store.Zstd, "gzip": store.Gzip} {
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, save(t, s, store.SaveOptions{Compression: c}, "web:1", "team/web:2"), 0o600); err != nil {
			t.Fatal(err)
		}
		refs := []string{"docker-archive:" + at + ":web:1"}
		if os.Getuid() == 0 { // it unpacks the other with its owners
			refs = append(refs, "oci-archive:"+at+":1")
		}
		for _, ref := range refs {
			var config struct {
				RootFS struct {
					DiffIDs []string `json:"diff_ids"`
				} `json:"rootfs"`
			}
			if err := json.Unmarshal([]byte(skopeo("--insecure-policy", "inspect", "--config", "--override-os", "netbsd", "--override-arch", "386", ref)), &config); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(first.Layers, config.RootFS.DiffIDs); diff != "" {
				t.Errorf("%s (-want +got):\n%s", ref, diff)
			}
			skopeo("--insecure-policy", "copy", "-q", ref, "oci:"+filepath.Join(dir, "copy")+":x")
		}
	}
}

// TestUmociUnpacksWhatIsSaved: its files, whiteouts done, are the image's.
func TestUmociUnpacksWhatIsSaved(t *testing.T) {
	umoci, dir := program(t, "umoci"), t.TempDir()
	s, _ := loaded(t, foreign(t))
	saved := unpack(t, save(t, s, store.SaveOptions{Compression: store.Gzip}, "theirs"))
	umoci("unpack", "--rootless", "--image", saved+":latest", filepath.Join(dir, "bundle"))
	root := filepath.Join(dir, "bundle", "rootfs")
	got := map[string]bool{}
	err := filepath.WalkDir(root, func(p string, _ os.DirEntry, err error) error {
		got["/"+strings.TrimPrefix(strings.TrimPrefix(p, root), "/")] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	img := open(t, s, "theirs")
	var want []string
	for _, e := range img.Tree.All() {
		want = append(want, e.Path)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("the files (-want +got):\n%s", diff)
	}
}

// TestLoadWhatUmociMakes: layers that it adds by its own rules.
func TestLoadWhatUmociMakes(t *testing.T) {
	umoci, dir := program(t, "umoci"), t.TempDir()
	for name, text := range map[string]string{"lower/etc/motd": "old", "lower/var/old": "x", "upper/new": "new"} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(dir, "lower/etc/motd"), filepath.Join(dir, "lower/etc/issue")); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "layout")
	umoci("init", "--layout", at)
	umoci("new", "--image", at+":x")
	umoci("config", "--image", at+":x", "--architecture", "amd64", "--os", "linux")
	umoci("insert", "--rootless", "--image", at+":x", filepath.Join(dir, "lower"), "/")
	umoci("insert", "--rootless", "--opaque", "--image", at+":x", filepath.Join(dir, "upper"), "/var")
	umoci("insert", "--rootless", "--whiteout", "--image", at+":x", "/etc/issue")
	s, _ := loaded(t, at)
	img := open(t, s, "theirs")
	want := []string{"dir /", "dir /etc", "file /etc/motd old", "dir /var", "file /var/new new"}
	if diff := cmp.Diff(want, paths(t, img.Tree)); diff != "" {
		t.Errorf("the files (-want +got):\n%s", diff)
	}
}

// TestLoadOfSeveralPlatforms: what no guest can be is left out of an index, and
// one of several images without platforms can't be told.
func TestLoadOfSeveralPlatforms(t *testing.T) {
	one := func(platform, tag string) (map[string][]byte, string) {
		files := bundleWith(t, map[string]any{"os": "linux", "architecture": orders.Or(platform, "amd64")}, lowerTar(t))
		var ix struct{ Manifests []map[string]any }
		if err := json.Unmarshal(files["index.json"], &ix); err != nil {
			t.Fatal(err)
		}
		m := ix.Manifests[0]
		m["annotations"] = map[string]string{"org.opencontainers.image.ref.name": tag}
		if platform != "" {
			m["platform"] = map[string]string{"os": "linux", "architecture": platform}
		}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return files, string(b)
	}
	load := func(guest image.Guest, names []string, platforms ...string) ([]store.Info, error) {
		all, lines := map[string][]byte{}, []string{}
		for i, p := range platforms {
			files, line := one(p, fmt.Sprintf("v%d", i))
			maps.Copy(all, files)
			lines = append(lines, line)
		}
		all["index.json"] = []byte(`{"schemaVersion":2,"manifests":[` + strings.Join(lines, ",") + `]}`)
		return newStore(t).LoadFrom(t.Context(), bytes.NewReader(archiveOf(t, all)), store.TakeOptions{Names: names, Guest: guest})
	}
	if infos, err := load(image.Guest{}, nil, "arm64", "amd64", "s390x"); err != nil || len(infos) != 1 {
		t.Errorf("of three platforms: %d images, %v", len(infos), err)
	}
	if _, err := load(image.Guest{}, nil, "arm64", "s390x"); err == nil {
		t.Error("an image for other processors was loaded")
	}
	if infos, err := load(image.Guest{}, nil, "", ""); err != nil || len(infos) != 2 {
		t.Errorf("of two images: %d, %v", len(infos), err)
	}
	_, err := load(image.Guest{}, []string{"x"}, "", "")
	if want := `it has 2 images ("v0", "v1"), and a name is for one`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("two images with one name: %v; want %q", err, want)
	}
}
