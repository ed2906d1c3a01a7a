package tree

import (
	"testing"
	"time"
)

func TestNewestAndClamp(t *testing.T) {
	var entries []Entry
	if got := Newest(entries); !got.IsZero() {
		t.Errorf("of nothing: %v", got)
	}
	for _, sec := range []int64{5, 9, -3} {
		entries = append(entries, Entry{Path: "/x", Type: Dir, ModTime: time.Unix(sec, 1)})
	}
	for _, tt := range []struct {
		until time.Time
		want  int64 // seconds
	}{{time.Time{}, 9}, {time.Unix(100, 0), 9}, {time.Unix(7, 0), 7}, {time.Unix(-9, 0), -9}} {
		if got := Newest(Clamp(entries, tt.until)); got.Unix() != tt.want {
			t.Errorf("until %v: %v; want second %d", tt.until, got, tt.want)
		}
	}
	if entries[1].ModTime.Unix() != 9 {
		t.Error("Clamp changed what it was given")
	}
}
