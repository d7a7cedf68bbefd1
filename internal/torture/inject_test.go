package torture

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/lab"
)

// harms are what is done to a system call, each once; 0 is a kill.
func harms() []unix.Errno { return []unix.Errno{0, unix.EIO, unix.ENOSPC, unix.EDQUOT, unix.EINTR} }

func harmName(e unix.Errno) string {
	if e == 0 {
		return "KILL"
	}
	return unix.ErrnoName(e)
}

// TestFailedCalls is the short form of TestTortureFailedCalls.
func TestFailedCalls(t *testing.T) {
	for _, e := range harms() {
		t.Run(harmName(e), func(t *testing.T) { harmCalls(t, e, 8, 6) })
	}
}

// harmCalls harms the system calls of submit, claim and finish, each once, in
// runs of their own; so many of each (0: all). After each the next run
// recovers, and the auditor looks.
func harmCalls(t *testing.T, e unix.Errno, submits, runs int) {
	n := network(t, 4)
	t.Run("submit", func(t *testing.T) { harmSubmit(t, n, e, submits) })
	t.Run("claim and finish", func(t *testing.T) { harmRun(t, n, e, runs) })
}

// harmSubmit harms mtrq enqueue; all that was acknowledged is traced at the
// end.
func harmSubmit(t *testing.T, n *lab.Net, e unix.Errno, limit int) {
	dir := t.TempDir()
	s := newSite(t, n, filepath.Join(dir, "spool"), filepath.Join(dir, "archive"))
	for _, targets := range [][]string{{s.target(0)}, {s.target(1), s.target(2)}} { // a job and a list
		args := append([]string{"enqueue", "--rounds", "1"}, targets...)
		if _, _, err := s.caught(t, &catcher{}, args...); err != nil { // makes the directories
			t.Fatal(err)
		}
		calls, _, err := s.caught(t, &catcher{}, args...)
		if err != nil {
			t.Fatal(err)
		}
		all := spread(worth(calls), limit)
		hit := 0
		for _, at := range all {
			before := s.acknowledged()
			c := &catcher{at: at, errno: e}
			_, out, err := s.caught(t, c, args...)
			if c.done {
				hit++
			}
			if got := s.acknowledged() - before; got != 0 && got != len(targets) || err == nil && got == 0 {
				t.Errorf("%s at %s: %d of %d were acknowledged, and it ended with %v\n%s", harmName(e), at, got, len(targets), err, out)
			}
		}
		enough(t, e, hit, len(all))
	}
	s.drain(t)
	s.drain(t) // what the first one gave back
	a := s.held(t)
	s.sound(t)
	t.Logf("%d jobs acknowledged, %d reported, %d in bad/", len(s.acks), len(a.reports), len(a.bad))
}

// harmRun harms mtrq run, with one job each.
func harmRun(t *testing.T, n *lab.Net, e unix.Errno, limit int) {
	dir := t.TempDir()
	s := newSite(t, n, filepath.Join(dir, "spool"), filepath.Join(dir, "archive"))
	submit := func() {
		if _, err := s.enqueue(t, 0, s.target(3)); err != nil {
			t.Fatal(err)
		}
	}
	var calls []call
	for range 2 { // the first one makes archive and days
		submit()
		var err error
		if calls, _, err = s.caught(t, &catcher{}, "run", "--once"); err != nil {
			t.Fatal(err)
		}
	}
	table := readTable(t)
	all := spread(worth(calls), limit)
	hit := 0
	for _, at := range all {
		submit()
		c := &catcher{at: at, errno: e}
		_, _, _ = s.caught(t, c, "run", "--once") // it may fail, and says so
		if c.done {
			hit++
		}
		// What it has left must be a row of the state table …
		id := s.acks[len(s.acks)-1]
		if found := s.found(t, id); found != "" && !slices.Contains(table, found) {
			t.Errorf("%s at %s left %q, of which the table says nothing", harmName(e), at, found)
		}
		// … and the next run must bring it to its end.
		s.drain(t)
		a, err := look(s.spool, s.archive)
		if err != nil {
			t.Fatal(err)
		}
		if faults := a.faults(s.acks); len(faults) > 0 {
			t.Fatalf("%s at %s:\n%s", harmName(e), at, strings.Join(faults, "\n"))
		}
	}
	enough(t, e, hit, len(all))
	a := s.held(t)
	s.sound(t)
	t.Logf("%d jobs acknowledged, %d reported, %d in bad/", len(s.acks), len(a.reports), len(a.bad))
}

// enough fails where a tenth of the calls was never reached: two runs are not
// alike to the last call.
func enough(t *testing.T, e unix.Errno, hit, of int) {
	t.Helper()
	t.Logf("%s at %d of %d calls", harmName(e), hit, of)
	if hit*10 < of*9 {
		t.Errorf("%s came to pass at %d of %d calls only", harmName(e), hit, of)
	}
}
