package build

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
)

// TestTriggersOfABase builds on an image with ONBUILD instructions: they are
// carried out once, and not left to those who build on the result.
func TestTriggersOfABase(t *testing.T) {
	base := image.Image{Guest: linux, Config: image.Config{Env: []string{"A=b"}, OnBuild: []string{"ARG DIR=/srv", "COPY file $DIR/$A", "LABEL on=build"}}}
	o := Options{Guest: linux, Images: func(context.Context, string, image.Guest) (image.Image, string, error) { return base, "", nil }}
	s := dockerfile(t, t.TempDir(), "FROM parent AS one\nCOPY file /own\nFROM one\nCOPY --from=one /own /third\n", "file=F")
	img, r, err := Build(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/own 0644 0:0 F", "/srv/ 0755 0:0", "/srv/b 0644 0:0 F", "/third 0644 0:0 F"}
	if diff := cmp.Diff(want, brought(t, img)); diff != "" {
		t.Error(diff)
	}
	if img.Config.OnBuild != nil || img.Config.Labels["on"] != "build" {
		t.Errorf("the configuration is %+v", img.Config)
	}
	layersMake(t, img, r, base.Tree)
	base.Config.OnBuild = []string{"COPPY a b"}
	_, _, err = Build(t.Context(), s, o)
	if want := "build " + s.Name + ": ONBUILD of parent:1: unknown instruction \"COPPY\" (did you mean COPY?)"; err == nil || err.Error() != want {
		t.Errorf("Build = %v, want %s", err, want)
	}
}

// TestArgsOfABaseStage has an ARG of one stage in another on it.
func TestArgsOfABaseStage(t *testing.T) {
	s := dockerfile(t, t.TempDir(), "FROM scratch AS one\nARG DIR=/srv\nFROM one\nCOPY file $DIR/x\n", "file=F")
	img, _, err := Build(t.Context(), s, Options{Guest: linux})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/srv/ 0755 0:0", "/srv/x 0644 0:0 F"}, brought(t, img)); diff != "" {
		t.Error(diff)
	}
}
