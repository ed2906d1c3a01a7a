//go:build linux || netbsd

package guest

import (
	"errors"
	"sync"
	"syscall"
)

// A reaper starts children and waits for all of them, and for the orphans
// that PID 1 inherits. It alone calls wait4: os/exec would lose the statuses
// of its children to a reaper beside it.
type reaper struct {
	mu       sync.Mutex
	alone    chan struct{}                     // closed while there is no process but PID 1
	born     *sync.Cond                        // children has grown
	children map[int]chan<- syscall.WaitStatus // by process id; each holds one status
}

func newReaper() *reaper {
	r := &reaper{
		alone:    make(chan struct{}),
		children: map[int]chan<- syscall.WaitStatus{},
	}
	r.born = sync.NewCond(&r.mu)
	go r.reap()
	return r
}

// start runs path with argv. The child's status comes on the channel once it
// has ended.
func (r *reaper) start(path string, argv []string, attr *syscall.ProcAttr) (int, <-chan syscall.WaitStatus, error) {
	// The lock keeps reap from meeting the child's end before its entry.
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := syscall.ForkExec(path, argv, attr)
	if err != nil {
		return 0, nil, err
	}
	ended := make(chan syscall.WaitStatus, 1)
	r.children[pid] = ended
	r.alone = make(chan struct{})
	r.born.Signal()
	return pid, ended, nil
}

// reap runs as long as PID 1 does.
func (r *reaper) reap() {
	defer lastWords()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			r.awaitBirth()
		case status.Exited() || status.Signaled():
			r.deliver(pid, status)
		}
	}
}

// awaitBirth returns when there is a child to wait for. All processes descend
// from children, and those whose parents ended became children, so that PID 1
// is alone while it has none.
func (r *reaper) awaitBirth() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.children) == 0 {
		closeOnce(r.alone)
		r.born.Wait()
	}
}

// left returns a channel that is closed when all processes have ended.
func (r *reaper) left() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.alone
}

func (r *reaper) deliver(pid int, status syscall.WaitStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ended, ok := r.children[pid]; ok {
		delete(r.children, pid)
		ended <- status
	}
}
