package torture

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/mtrq/mtrq/internal/lab"
)

// A member of the group of drop/ may do nothing else: neither numbers have a
// name here.
const memberUID, dropGID = 4301, 4242

// recipeFile is what the recipe script calls its files; it prints the name
// once it is durable.
var recipeFile = regexp.MustCompile(`^mtrq-drop\.[A-Za-z0-9]{6}\.toml$`)

// membersCan says whether processes can become other users: not in a user
// namespace of one.
func membersCan(t *testing.T) bool {
	t.Helper()
	ids, err := os.ReadFile("/proc/self/uid_map")
	can := err == nil && os.Geteuid() == 0 && strings.HasSuffix(strings.TrimSpace(string(ids)), " 4294967295")
	if can {
		lab.Need(t, "setpriv")
	}
	return can
}

// layOut makes the spool, with drop/ as it is where there is the group.
func (s *site) layOut(t *testing.T) {
	t.Helper()
	drop := filepath.Join(s.spool, "drop")
	err := errors.Join(os.MkdirAll(drop, 0o755), os.Chown(drop, -1, dropGID), os.Chmod(drop, 0o770|os.ModeSetgid|os.ModeSticky))
	for _, dir := range []string{"tmp", "new", "cur", "bad"} {
		err = errors.Join(err, os.MkdirAll(filepath.Join(s.spool, dir), 0o700))
	}
	err = errors.Join(err, os.MkdirAll(filepath.Join(s.spool, "state"), 0o755))
	text, noScript := os.ReadFile("../../contrib/drop/mtrq-drop.sh") // others may not look into the checkout
	err = errors.Join(err, noScript, os.WriteFile(recipeScript(), text, 0o755))
	// The tests' directories are root's alone.
	for _, path := range []string{s.spool, s.conf, program} {
		for dir := filepath.Dir(path); dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
			err = errors.Join(err, os.Chmod(dir, 0o755))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// member makes a command that of a member.
func (s *site) member(t *testing.T) []string {
	t.Helper()
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Fatal(err)
	}
	return []string{setpriv, "--reuid=" + strconv.Itoa(memberUID), "--regid=" + strconv.Itoa(memberUID), "--groups=" + strconv.Itoa(dropGID), "--"}
}

func recipeScript() string { return filepath.Join(filepath.Dir(program), "mtrq-drop.sh") }

// recipe is the script of contrib/drop as a member runs it.
func (s *site) recipe(t *testing.T, before []string, targets ...string) *exec.Cmd {
	t.Helper()
	args := append(append(before, s.member(t)...), "/bin/sh", recipeScript(), "-d", filepath.Join(s.spool, "drop"))
	args = append(args, targets...)
	cmd := s.net.Space().Command(t.Context(), args[0], args[1:]...)
	cmd.Dir = "/"
	return cmd
}
