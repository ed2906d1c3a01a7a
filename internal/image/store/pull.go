package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Pull takes an image from a registry: of ref, which names it as docker does.
// Registries on this host are asked without TLS, and all with what docker's
// configuration says of their passwords. Layers that are here are not read
// again, whatever image they came with.
//
// The image has the name that it was pulled by, unless o has others.
func (s *Store) Pull(ctx context.Context, ref string, o TakeOptions) (Info, error) {
	info, err := s.pull(ctx, ref, o)
	if err != nil {
		return Info{}, fmt.Errorf("pull %s: %w", ref, err)
	}
	return info, nil
}

func (s *Store) pull(ctx context.Context, ref string, o TakeOptions) (Info, error) {
	full, err := fullName(ref)
	if err != nil {
		return Info{}, err
	}
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return Info{}, err
	}
	r := &repository{name: parsed.Context()}
	top, err := r.manifest(ctx, parsed)
	if err != nil {
		return Info{}, err
	}
	d, raw, err := choose(ctx, r, top, o.Guest)
	if err != nil {
		return Info{}, err
	}
	return s.takeManifest(ctx, r, raw, []string{full}, r.name.Digest(d.Digest.String()).Name(), o)
}

// A repository is one of a registry.
type repository struct {
	name name.Repository
	top  []byte // the manifest that was asked for
	desc v1.Descriptor
}

func options(ctx context.Context) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx),
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithRetryBackoff(remote.Backoff{Duration: 500 * time.Millisecond, Factor: 3, Jitter: 0.1, Steps: 3}),
	}
}

// manifest asks for what ref names, and keeps it for open.
func (r *repository) manifest(ctx context.Context, ref name.Reference) (v1.Descriptor, error) {
	d, err := remote.Get(ref, options(ctx)...)
	if err != nil {
		return v1.Descriptor{}, r.explain(ctx, err)
	}
	r.top, r.desc = d.Manifest, d.Descriptor
	return d.Descriptor, nil
}

// open implements depot. What is a manifest by its type is asked for as one.
func (r *repository) open(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	if d.Digest == r.desc.Digest {
		return bytesReader(r.top), nil
	}
	ref := r.name.Digest(d.Digest.String())
	if d.MediaType.IsImage() || d.MediaType.IsIndex() {
		m, err := remote.Get(ref, options(ctx)...)
		if err != nil {
			return nil, r.explain(ctx, err)
		}
		return bytesReader(m.Manifest), nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	b := &remoteBody{r: r, ctx: ctx, end: func() { cancel(nil) }}
	b.stall = time.AfterFunc(stallTimeout, func() {
		cancel(fmt.Errorf("%s sends nothing for %s: try again later", r.name.RegistryStr(), stallTimeout))
	})
	l, err := remote.Layer(ref, options(ctx)...)
	if err == nil {
		b.body, err = l.Compressed()
	}
	if err != nil {
		err = r.explain(ctx, err)
		b.stall.Stop()
		cancel(nil)
		return nil, err
	}
	return b, nil
}

// stallTimeout is how long a registry may be silent.
const stallTimeout = time.Minute

// remoteBody is a blob on its way. A silent server is given up.
type remoteBody struct {
	body  io.ReadCloser
	r     *repository
	ctx   context.Context // of the request
	end   func()
	stall *time.Timer
}

// Close implements io.Closer.
func (b *remoteBody) Close() error {
	defer b.end()
	b.stall.Stop()
	return b.body.Close()
}

// Read implements io.Reader.
func (b *remoteBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.stall.Reset(stallTimeout)
	if err != nil && err != io.EOF {
		err = b.r.explain(b.ctx, err)
	}
	return n, err
}

// explain says what a registry's error means, with its address.
func (r *repository) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	at := r.name.RegistryStr()
	var t *transport.Error
	if !errors.As(err, &t) {
		return fmt.Errorf("%s: %w (is the registry there, and this host online?)", at, err)
	}
	switch t.StatusCode {
	case http.StatusNotFound:
		return fmt.Errorf("%s has no such image or tag (404): check the spelling: %w", at, err)
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%s does not let us read it (%d): is it there and public? else log in with docker login %s: %w", at, t.StatusCode, at, err)
	case http.StatusTooManyRequests:
		return fmt.Errorf("%s was asked too often (429): wait, or log in with docker login %s: %w", at, at, err)
	}
	return fmt.Errorf("%s answers with an error (%d): try again later: %w", at, t.StatusCode, err)
}
