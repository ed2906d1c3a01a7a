package instance

import (
	"crypto/rand"
	"fmt"
	"regexp"
)

// validName is what a name may be: docker's rule, so that it can stand in a
// host name's place and never looks like a path or a flag.
var validName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)

// CheckName fails for a name that an instance can't have.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("name %q: use up to 63 letters, digits, '-', '_' and '.', and begin with a letter or a digit", name)
	}
	return nil
}

var (
	moods   = [...]string{"brave", "calm", "clever", "eager", "fair", "gentle", "happy", "jolly", "keen", "kind", "lively", "merry", "neat", "nimble", "plucky", "quick", "quiet", "sharp", "sunny", "swift", "tidy", "warm", "wise", "witty"}
	animals = [...]string{"badger", "beaver", "crane", "dolphin", "falcon", "finch", "fox", "gecko", "heron", "ibex", "jay", "kestrel", "lark", "lynx", "marten", "newt", "otter", "owl", "panda", "raven", "seal", "stoat", "swan", "wren"}
)

// NewName returns a name such as "nginx-brave-otter".
func NewName(ship string) string {
	var b [2]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return fmt.Sprintf("%s-%s-%s", ship, moods[int(b[0])%len(moods)], animals[int(b[1])%len(animals)])
}
