package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fakecracker/fakecracker/internal/image"
)

// others is a configuration as docker build writes them.
const others = `{"architecture":"amd64","os":"linux","config":{"ExposedPorts":{"80/tcp":{},"53/udp":{},"9/sctp":{},"81":{}},"Env":["PATH=/bin"],
"Entrypoint":["/docker-entrypoint.sh"],"Cmd":["nginx","-g","daemon off;"],"Labels":{"maintainer":"x"},"StopSignal":"SIGQUIT","Volumes":{"/b":{},"/a":{}},
"Healthcheck":{"Test":["CMD-SHELL","true"],"Interval":30000000000},"OnBuild":null},"created":"2024-05-03T19:49:21.098Z","history":[
{"created":"2024-05-03T19:49:20Z","created_by":"/bin/sh -c #(nop) ADD file:x in / "},{"created":"2024-05-03T19:49:21Z","created_by":"CMD [\"nginx\"]","empty_layer":true}],
"rootfs":{"type":"layers","diff_ids":["sha256:0000000000000000000000000000000000000000000000000000000000000001"]},"x.other":"<kept>"}`

func TestDecodeOthers(t *testing.T) {
	s, err := decodeSettings([]byte(others))
	if err != nil {
		t.Fatal(err)
	}
	want := image.Config{
		Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"nginx", "-g", "daemon off;"}, Env: []string{"PATH=/bin"},
		Expose: []uint16{80, 81}, ExposeUDP: []uint16{53}, Labels: map[string]string{"maintainer": "x"}, Volumes: []string{"/a", "/b"},
		StopSignal: "SIGQUIT", Health: &image.Health{Test: []string{"CMD-SHELL", "true"}, Interval: 30e9},
	}
	if diff := cmp.Diff(want, s.config); diff != "" {
		t.Errorf("the configuration (-want +got):\n%s", diff)
	}
	if s.guest != (image.Guest{OS: "linux", Arch: "amd64"}) || len(s.diffIDs) != 1 {
		t.Errorf("got %+v", s)
	}
	steps := s.steps(func(string) int64 { return 5 })
	if len(steps) != 2 || steps[0].Layer != s.diffIDs[0] || steps[1].Layer != "" {
		t.Errorf("the steps are %+v", steps)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, tt := range []struct{ name, config, want string }{
		{"no JSON", "x", "damaged"},
		{"trailing bytes", `{"os":"linux","architecture":"amd64"}x`, "damaged"},
		{"another processor", `{"os":"linux","architecture":"arm64"}`, "arm64"},
		{"another system", `{"os":"windows","architecture":"amd64"}`, "windows"},
		{"a port that is none", `{"os":"linux","architecture":"amd64","config":{"ExposedPorts":{"80-90/tcp":{}}}}`, "80-90"},
		{"another digest", `{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["sha512:` + strings.Repeat("0", 128) + `"]}}`, "sha512"},
		{"a label of ours that is damaged", `{"os":"linux","architecture":"amd64","config":{"Labels":{"io.fakecracker.memory":"much"}}}`, "io.fakecracker.memory"},
		{"memory below zero", `{"os":"linux","architecture":"amd64","config":{"Labels":{"io.fakecracker.memory":"-1"}}}`, "below zero"},
		{"too many layers", `{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["` + strings.Repeat(`sha256:`+strings.Repeat("0", 64)+`","`, maxLayers) + `sha256:` + strings.Repeat("0", 64) + `"]}}`, "layers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := decodeSettings([]byte(tt.config)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want one with %q", err, tt.want)
			}
		})
	}
}

func TestWithLayersKeepsTheRest(t *testing.T) {
	s, err := decodeSettings([]byte(others))
	if err != nil {
		t.Fatal(err)
	}
	same, err := withLayers([]byte(others), s.diffIDs, s.diffIDs)
	if err != nil || string(same) != others {
		t.Errorf("the same layers, and other bytes: %s, %v", same, err)
	}
	is := []string{digestOf([]byte("other"))}
	b, err := withLayers([]byte(others), s.diffIDs, is)
	if err != nil {
		t.Fatal(err)
	}
	after, err := decodeSettings(b)
	if err != nil {
		t.Fatal(err)
	}
	s.diffIDs = is
	if diff := cmp.Diff(s, after, cmp.AllowUnexported(settings{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(string(b), `"x.other":"<kept>"`) {
		t.Errorf("a field that is not ours is lost: %s", b)
	}
}

// FuzzDecodeSettings: what was read is written, and read again the same.
func FuzzDecodeSettings(f *testing.F) {
	f.Add([]byte(others))
	f.Add([]byte(`{"os":"netbsd","architecture":"386","config":{"Labels":{"io.fakecracker.hooks":"{\"start\":[\"a\"]}","io.fakecracker.init":"true"}}}`))
	f.Add([]byte(`{"os":"netbsd","architecture":"386","created":"0001-01-01T00:00:00Z","history":[{"empty_layer":false}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSettings(b)
		if err != nil {
			return
		}
		s.steps(func(string) int64 { return 0 })
		out, err := s.encode()
		if err != nil { // a year that JSON can't write
			t.Skip(err)
		}
		again, err := decodeSettings(out)
		if err != nil {
			t.Fatalf("%v\nin %s", err, out)
		}
		if diff := cmp.Diff(s, again, cmp.AllowUnexported(settings{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-first +second):\n%s", diff)
		}
	})
}
