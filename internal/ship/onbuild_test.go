package ship

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
)

func TestTriggers(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM base\nARG MORE=2\nCOPY own /own$MORE\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Load(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		triggers []string
		want     string // the steps, or the error
	}{
		{nil, "ARG MORE=2 (Dockerfile:2), COPY own /own2 (Dockerfile:3)"},
		{
			[]string{"ARG DIR=/srv", "COPY . $DIR/", `RUN ["make"]`},
			`ARG DIR=/srv (ONBUILD of base:1), COPY . /srv/ (ONBUILD of base:2), RUN ["make"] (ONBUILD of base:3), ARG MORE=2 (Dockerfile:2), COPY own /own2 (Dockerfile:3)`,
		},
		{[]string{"FROM x"}, `error: image base: ONBUILD "FROM x": FROM can't stand there`},
		{[]string{"ONBUILD RUN x"}, `error: image base: ONBUILD "ONBUILD RUN x": ONBUILD can't stand there`},
		{[]string{"RUN a\nRUN b"}, `error: image base: ONBUILD "RUN a\nRUN b": 2 instructions`},
		{[]string{""}, `error: image base: ONBUILD "": file with no instructions`},
		{[]string{"COPPY a b"}, `error: ONBUILD of base:1: unknown instruction "COPPY" (did you mean COPY?)`},
	} {
		t.Run(strings.Join(tt.triggers, ","), func(t *testing.T) {
			var got []string
			stage, err := s.Stages[0].WithTriggers("base", tt.triggers)
			if err == nil {
				var ev Evaluation
				ev, err = stage.Evaluate(image.Config{}, image.Guest{OS: "linux", Arch: "amd64"})
				for _, step := range ev.Steps {
					text := step.Text
					if step.Copy != nil {
						text = "COPY " + strings.Join(step.Copy.Sources, " ") + " " + step.Copy.Dest
					}
					got = append(got, text+" ("+filepath.Base(step.File)+":"+strconv.Itoa(step.Line)+")")
				}
			}
			text := strings.Join(got, ", ")
			if err != nil {
				text = "error: " + strings.TrimPrefix(err.Error(), "the ")
			}
			if diff := cmp.Diff(tt.want, text); diff != "" {
				t.Error(diff)
			}
		})
	}
}
