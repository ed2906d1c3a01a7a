package qemu

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// A said is what a guest does at a time after its start.
type said struct {
	after time.Duration
	text  string // "": a sign of life without text
}

const stampedPanic = "[ 5.2] panic: oh\r\n"

// judged lets a guest say things and returns its end and when it came, on a
// clock of the test's own. A guest that isn't ended by the judge is ended
// after a minute.
func judged(os string, opts Options, words ...said) (end machine.End, at time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	j := newJudge(machine.Machine{OS: os, Accel: "kvm"}, opts)
	start := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		end, _ = j.run(ctx)
		at = time.Since(start)
	}()
	for _, w := range words {
		time.Sleep(w.after - time.Since(start))
		if w.text == "" {
			j.signOfLife()
			continue
		}
		j.hear([]byte(w.text))
		j.release()
	}
	<-done
	return end, at
}

func TestJudge(t *testing.T) {
	endless := []said{{0, "[ 1.0] boot device: <unknown>\r\n"}}
	for i := range 200 {
		endless = append(endless, said{time.Duration(i) * 100 * time.Millisecond, "[ 2.0] unknown device major 0xffffffff\r\n"})
	}
	tests := []struct {
		name, os string
		words    []said
		want     machine.Reason
		at       time.Duration
	}{
		{"panic", machine.NetBSD, []said{{time.Second, stampedPanic}}, machine.Panicked, 2500 * time.Millisecond},
		{"Linux panic", machine.Linux, []said{{time.Second, "[ 5.2] Kernel panic - not syncing: oh\r\n"}}, machine.Panicked, 4 * time.Second},
		{"panic with more of the kernel", machine.NetBSD, []said{{0, stampedPanic}, {time.Second, "[ 5.9] dump "}}, machine.Panicked, 2500 * time.Millisecond},
		{"a service that goes on", machine.NetBSD, []said{{0, stampedPanic}, {time.Second, "GET /\r\n"}}, "", time.Minute},
		{"a root device that is never found", machine.NetBSD, endless, machine.NoRoot, 5200 * time.Millisecond},
		{"nothing", machine.NetBSD, nil, machine.Hung, 10 * time.Second},
		{"text", machine.NetBSD, []said{{9 * time.Second, "up\r\n"}}, "", time.Minute},
		{"a sign of life", machine.Linux, []said{{9 * time.Second, ""}, {9 * time.Second, ""}}, "", time.Minute},
		{"panic after a sign of life", machine.NetBSD, []said{{0, ""}, {time.Second, stampedPanic}}, machine.Panicked, 2500 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				end, at := judged(tt.os, Options{Watchdog: 10 * time.Second}, tt.words...)
				if end.Reason != tt.want || at != tt.at {
					t.Errorf("%q after %v; want %q after %v", end.Reason, at, tt.want, tt.at)
				}
			})
		})
	}
}

// Who knows better is asked once about each last word, and not about others.
func TestJudgeConfirm(t *testing.T) {
	tests := []struct {
		name    string
		answers []bool // to true: the guest is no more
		words   []said
		want    machine.Reason
		at      time.Duration
	}{
		{"gone", []bool{true}, []said{{0, stampedPanic}}, machine.Panicked, 1500 * time.Millisecond},
		{"alive", []bool{false}, []said{{0, stampedPanic}}, "", time.Minute},
		{"alive, then gone", []bool{false, true}, []said{{0, stampedPanic}, {10 * time.Second, stampedPanic}}, machine.Panicked, 11500 * time.Millisecond},
		{"not asked", nil, []said{{0, "ready\r\n"}}, "", time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				end, at := judged(machine.NetBSD, Options{Confirm: func(context.Context) bool {
					asked++
					return asked > len(tt.answers) || tt.answers[asked-1]
				}}, tt.words...)
				if end.Reason != tt.want || at != tt.at || asked != len(tt.answers) {
					t.Errorf("%q after %v, asked %d times; want %q after %v, asked %d times", end.Reason, at, asked, tt.want, tt.at, len(tt.answers))
				}
			})
		})
	}
}

// One who doesn't answer is not waited for, and one who answers after the
// console has gone on is asked again if need be.
func TestJudgeConfirmSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := Options{Confirm: func(ctx context.Context) bool { <-ctx.Done(); return true }}
		if end, at := judged(machine.NetBSD, silent, said{0, stampedPanic}); end.Reason != machine.Panicked || at != 6500*time.Millisecond {
			t.Errorf("%q after %v; want a panic after 6.5s", end.Reason, at)
		}
		if end, at := judged(machine.NetBSD, silent, said{0, stampedPanic}, said{3 * time.Second, "GET /\r\n"}); end.Reason != "" {
			t.Errorf("%q after %v; want a guest that goes on", end.Reason, at)
		}
	})
}

// While its output isn't taken a guest can't but be silent.
func TestJudgeHeldGuest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		j := newJudge(machine.Machine{OS: machine.NetBSD, Accel: tcg}, Options{})
		j.hear([]byte(stampedPanic))
		go func() {
			time.Sleep(30 * time.Second)
			j.release()
		}()
		start := time.Now()
		if end, _ := j.run(ctx); end.Reason != machine.Panicked || time.Since(start) != 31500*time.Millisecond {
			t.Errorf("%q after %v; want a panic after 31.5s", end.Reason, time.Since(start))
		}
	})
}
