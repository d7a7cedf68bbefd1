package torture

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// A cut is a moment of a life at which the power fails: in one of its
// commands, before one of that command's calls; or after the last command.
type cut struct {
	command int
	at      call // zero: after the command
}

// lives are the commands of a life on an empty disk: a job, a list, two
// requests that share a trace, one through drop/ by mtrq and one by a script, a run.
func (s *site) lives(t *testing.T) []func(before []string) *exec.Cmd {
	mtrq := func(args ...string) func([]string) *exec.Cmd {
		return func(before []string) *exec.Cmd { return s.command(t, before, args...) }
	}
	out := []func([]string) *exec.Cmd{
		mtrq("enqueue", "--rounds", "1", s.target(0)),
		mtrq("enqueue", "--rounds", "1", s.target(1), s.target(2)),
		mtrq("enqueue", s.target(3), s.target(3)),
	}
	if membersCan(t) {
		out = append(out, func(before []string) *exec.Cmd {
			s.layOut(t) // opens drop/ to members
			return s.command(t, append(before, s.member(t)...), "enqueue", "--rounds", "1", s.target(4))
		}, func(before []string) *exec.Cmd { return s.recipe(t, before, s.target(5)) })
	}
	return append(out, mtrq("run", "--once"))
}

// TestPowerCut is the short form of TestTorturePowerCut.
func TestPowerCut(t *testing.T) {
	if ownMounts(t) {
		t.Run("ext4", func(t *testing.T) { powerCut(t, "ext4", "shutdown", 3) })
		t.Run("ext4, image", func(t *testing.T) { powerCut(t, "ext4", "image", 1) })
	}
}

// powerCut cuts the power of a whole life before each call that changes
// something or makes it durable (at most so many in each command; 0: all),
// on a file system that keeps in memory what it may; then mounts what the
// disk holds, lets a node recover and finish, and looks. Two ways: the kernel
// stops the file system without flushing ("shutdown"), or the image is copied
// while the program waits in the call ("image").
func powerCut(t *testing.T, kind, way string, limit int) {
	needMkfs(t, kind)
	if way == "shutdown" && !canGoDown(t, kind) {
		t.Skipf("%s of this kernel knows no shutdown without a flush: see the copies of its image", kind)
	}
	n := network(t, 6)
	where := t.TempDir()
	d := makeDisk(t, kind, where)
	empty := filepath.Join(where, "empty.img")
	if err := os.Rename(d.image, empty); err != nil {
		t.Fatal(err)
	}
	fresh := func() *site {
		copyImage(t, empty, d.image)
		d.mount(t)
		return newSite(t, n, filepath.Join(d.dir, "spool"), filepath.Join(d.dir, "archive"))
	}

	// A life without a cut tells at which calls there can be one.
	s := fresh()
	var cuts []cut
	for i, command := range s.lives(t) {
		calls, _, err := s.caughtCommand(t, &catcher{}, command)
		if err != nil {
			t.Fatalf("command %d: %v", i, err)
		}
		calls = slices.DeleteFunc(worth(calls), func(c call) bool { return !changes(c) })
		for _, at := range spread(calls, limit) {
			cuts = append(cuts, cut{i, at})
		}
		cuts = append(cuts, cut{command: i})
	}
	s.held(t)
	d.unmount(t)

	less, reached := 0, 0
	for _, c := range cuts {
		s := fresh()
		hit, lost := s.lifeCut(t, d, c, way)
		if hit {
			reached++
		}
		if lost {
			less++
		}
		s.afterCut(t, d, c)
		if t.Failed() {
			t.Fatalf("at %s of command %d", c.at, c.command)
		}
	}
	t.Logf("%s, %s: the power was cut at %d of %d moments; %d times the disk held less than the kernel did", kind, way, reached, len(cuts), less)
	if less == 0 {
		t.Error("no cut lost anything at all: this proves nothing")
	}
	if reached*10 < len(cuts)*9 {
		t.Errorf("only %d of %d moments were reached", reached, len(cuts))
	}
}

// changes says whether a call changes the disk or makes a change durable:
// before any other call it looks as before the next of these.
func changes(c call) bool {
	return slices.Contains([]string{"write", "pwrite64", "fsync", "fdatasync", "ftruncate", "fchmod", "fchmodat", "setxattr", "mkdirat", "renameat", "renameat2", "linkat", "unlinkat"}, c.name)
}

// lifeCut runs a life until the power fails, and mounts what is left. It
// tells whether the moment came, and whether something was lost by it.
func (s *site) lifeCut(t *testing.T, d *disk, c cut, way string) (hit, lost bool) {
	t.Helper()
	root, err := os.Open(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	image := d.image + ".copy"
	before := ""
	power := func() {
		before = tree(d.dir)
		if way == "image" {
			copyImage(t, d.image, image)
		} else if err := goDown(root); err != nil {
			t.Errorf("shut %s down: %v", d.kind, err)
		}
	}
	for i, command := range s.lives(t) {
		if i > c.command {
			break
		}
		k := &catcher{}
		if i == c.command && c.at != (call{}) {
			k.at, k.harm = c.at, power
		}
		_, _, err := s.caughtCommand(t, k, command)
		if hit = k.done; !hit && err != nil {
			t.Fatalf("command %d: %v", i, err)
		}
	}
	if !hit { // after the command
		power()
		hit = c.at == (call{})
	}
	if err := root.Close(); err != nil {
		t.Fatal(err)
	}
	d.unmount(t)
	if way == "image" {
		if err := os.Rename(image, d.image); err != nil {
			t.Fatal(err)
		}
	}
	d.mount(t)
	return hit, tree(d.dir) != before
}

// afterCut lets a node recover, and holds it to the promise. What had its
// report is not traced again.
func (s *site) afterCut(t *testing.T, d *disk, c cut) {
	t.Helper()
	a, err := look(s.spool, s.archive)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	done := map[string][]byte{} // files of reports
	if a != nil {
		for _, files := range a.reports {
			data, err := os.ReadFile(filepath.Join(s.archive, files[0]))
			if err != nil {
				t.Fatal(err)
			}
			done[files[0]] = data
		}
	}
	start := time.Now()
	s.drain(t)
	for file, was := range done {
		if now, err := os.ReadFile(filepath.Join(s.archive, file)); err != nil || !bytes.Equal(was, now) {
			t.Errorf("the report %s was there after the cut and is not what it was: %v", file, err)
		}
		for i := range 6 {
			if probes := s.net.Truth().Toward(i, lab.Window{From: start}).Probes; strings.Contains(file, "_"+s.target(i)+"_") && probes > 0 {
				t.Errorf("%s had its report and was traced again with %d probes", s.target(i), probes)
			}
		}
	}
	b, err := look(s.spool, s.archive)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range b.faults(s.acks) {
		t.Error(f)
	}
	if c.at == (call{}) { // some are enough
		s.sound(t)
		if len(s.acks) > 0 {
			s.plant(t, b)
		}
	}
	d.unmount(t)
}

// tree is names and sizes below a directory.
func tree(dir string) string {
	var out strings.Builder
	_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read is not there
		}
		size := int64(0)
		if info, err := e.Info(); err == nil && !e.IsDir() {
			size = info.Size()
		}
		fmt.Fprintf(&out, "%s %d\n", path, size)
		return nil
	})
	return out.String()
}
