package qemu

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fakecracker/fakecracker/internal/machine"
)

func noError(t *testing.T) func(error) {
	return func(err error) { t.Errorf("error %v", err) }
}

// All arrives in order, however the pieces are.
func TestRelay(t *testing.T) {
	var got, want bytes.Buffer
	r := newRelay(&got, noError(t))
	for i := range 1000 {
		p := bytes.Repeat([]byte{byte(i)}, i*7)
		want.Write(p)
		r.put(p)
	}
	r.finish()
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("%d bytes arrived of %d, or others", got.Len(), want.Len())
	}
}

// A writer that doesn't come back holds up who writes to it, until it is given
// up.
func TestRelayBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := make(chan struct{})
		r := newRelay(writerFunc(func(p []byte) (int, error) { <-back; return len(p), nil }), noError(t))
		put := 0
		go func() {
			for range 100 {
				r.put(make([]byte, 64<<10))
				put += 64 << 10
			}
		}()
		synctest.Wait()
		if put < relaySize || put > 2*relaySize+64<<10 {
			t.Errorf("%d bytes were taken; want about %d", put, relaySize)
		}
		time.AfterFunc(time.Second, r.giveUp)
		r.finish()
		synctest.Wait()
		if put != 100*64<<10 {
			t.Errorf("%d bytes were taken by a relay that was given up", put)
		}
		close(back) // the Write that was left behind is the last one
		<-r.gone
	})
}

func TestRelayFails(t *testing.T) {
	var got error
	r := newRelay(writerFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe }), func(err error) { got = err })
	for range 100 {
		r.put(make([]byte, 64<<10))
	}
	r.finish()
	if !errors.Is(got, io.ErrClosedPipe) {
		t.Errorf("error %v; want the writer's", got)
	}
}

// A writer that never comes back doesn't keep a machine from ending, whoever
// ends it.
func TestConsoleWriterBlocks(t *testing.T) {
	for _, tt := range []struct {
		name string
		then []byte
		end  func(*VM) machine.End
		want machine.Reason
	}{
		{"by its owner", halt, (*VM).Kill, machine.Stopped},
		{"by itself", powerOff, func(vm *VM) machine.End { return wait(t, vm) }, machine.PoweredOff},
	} {
		t.Run(tt.name, func(t *testing.T) {
			back, blocked := make(chan struct{}), make(chan struct{}, 1)
			defer close(back)
			opts := Options{Console: writerFunc(func(p []byte) (int, error) {
				blocked <- struct{}{}
				<-back
				return 0, io.ErrClosedPipe
			})}
			vm := start(t, testMachine(t, strings.Repeat("text\r\n", 500), tt.then), opts)
			<-blocked
			ended := make(chan machine.End, 1)
			go func() { ended <- tt.end(vm) }()
			select {
			case end := <-ended:
				if end.Reason != tt.want {
					t.Errorf("ended: %s; want %s", end, tt.want)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("the machine waits for its console's writer")
			}
		})
	}
}
