package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/fakecracker/fakecracker/internal/image/store"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// childEnv holds a request for a test binary that is to be another process
// with a store, not to test.
const childEnv = "FAKECRACKER_TEST_STORE_CHILD"

// A request is one operation of another process, on the store in Dir.
type request struct {
	Dir, Op, Ref, From string
	Times              int // in a row; 0: once
}

func TestMain(m *testing.M) {
	text := os.Getenv(childEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	var r request
	err := json.Unmarshal([]byte(text), &r)
	for range max(1, r.Times) {
		if err == nil {
			err = r.do(context.Background())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// env returns the environment that has a child do the request.
func (r request) env() []string {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // it has strings only
	}
	return append(os.Environ(), childEnv+"="+string(b))
}

// do does the request once.
func (r request) do(ctx context.Context) (err error) {
	s := &store.Store{Dir: r.Dir}
	o := store.TakeOptions{Names: []string{r.Ref}}
	switch r.Op {
	case "create":
		d := draft(r.Ref)
		d.Layers = append(d.Layers, store.Layer{Entries: []tree.Entry{file("/own", r.Ref)}})
		_, err = s.Create(ctx, d)
	case "load":
		_, err = s.Load(ctx, r.From, o)
	case "pull":
		_, err = s.Pull(ctx, r.From, o)
	case "save":
		err = s.Save(ctx, io.Discard, []string{r.Ref}, store.SaveOptions{})
	case "tag":
		err = s.Tag(ctx, r.Ref, r.From)
	case "remove":
		err = s.Remove(ctx, r.Ref, false)
	case "prune":
		_, err = s.Prune(ctx)
	default:
		err = fmt.Errorf("no operation is called %q", r.Op)
	}
	return err
}
