package test

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/rogpeppe/go-internal/testscript"
)

// serveRegistry serves a registry until the script ends, with an image named
// base:1 that has one program: registry VAR OS/ARCH PROGRAM sets VAR to its
// address.
func serveRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: registry VAR OS/ARCH PROGRAM")
	}
	srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	ts.Defer(srv.Close)
	host := strings.TrimPrefix(srv.URL, "http://")
	ts.Setenv(args[0], host)
	program, err := os.ReadFile(ts.MkAbs(args[2]))
	ts.Check(err)
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return programTar(program) })
	ts.Check(err)
	img, err := mutate.AppendLayers(empty.Image, layer)
	ts.Check(err)
	cfg, err := img.ConfigFile()
	ts.Check(err)
	cfg = cfg.DeepCopy()
	cfg.OS, cfg.Architecture, _ = strings.Cut(args[1], "/")
	cfg.Config = v1.Config{Entrypoint: []string{"/base/probe"}, Env: []string{"FROM=base"}, ExposedPorts: map[string]struct{}{"80/tcp": {}}}
	img, err = mutate.ConfigFile(img, cfg)
	ts.Check(err)
	ref, err := name.ParseReference(host+"/base:1", name.Insecure)
	ts.Check(err)
	ts.Check(remote.Write(ref, img))
}

// programTar is an archive with the program as /base/probe.
func programTar(program []byte) (io.ReadCloser, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "base/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "base/probe", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(program))},
	} {
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	return io.NopCloser(&b), w.Close()
}
