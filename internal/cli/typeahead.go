package cli

import (
	"io"
	"sync"
)

// A typeahead holds what was typed until the guest reads it, so that a guest
// that does not read never keeps its user from the console's own keys. What
// is more than its room is lost, as on any terminal.
type typeahead struct {
	queue  chan []byte
	writer sync.WaitGroup
}

// typeaheadRoom is how many reads of the terminal, 4 KiB each at the most, a
// guest may be behind.
const typeaheadRoom = 64

// newTypeahead starts to pass what is written to guest.
func newTypeahead(guest io.Writer) *typeahead {
	t := &typeahead{queue: make(chan []byte, typeaheadRoom)}
	t.writer.Go(func() {
		for p := range t.queue {
			if _, err := guest.Write(p); err != nil {
				break // the guest is gone, which is told elsewhere
			}
		}
		for range t.queue { // what comes now is for nobody
		}
	})
	return t
}

// Write never waits.
func (t *typeahead) Write(p []byte) (int, error) {
	select {
	case t.queue <- append([]byte(nil), p...):
	default:
	}
	return len(p), nil
}

// close ends the passing. It may wait for a guest that reads slowly, until
// that has ended.
func (t *typeahead) close() {
	close(t.queue)
	t.writer.Wait()
}
