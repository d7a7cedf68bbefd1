package torture

import (
	"os/exec"
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
		t.Run(harmName(e), func(t *testing.T) { harmCalls(t, e, harmed{6, 4, 2, 2}) })
	}
}

// harmed is how many calls are harmed of each kind; 0: all. Joins are runs in
// which two jobs share a trace, drops are of senders through drop/ and of runs that take one in.
type harmed struct{ submits, runs, joins, drops int }

// harmCalls harms the system calls of submit, claim and finish, each once, in
// runs of their own. After each the next run recovers, and the auditor looks.
func harmCalls(t *testing.T, e unix.Errno, h harmed) {
	n := network(t, 4)
	t.Run("submit", func(t *testing.T) {
		harmSubmit(t, n, e, h.submits, []string{"one", "two"}, func(s *site, what string, before []string) *exec.Cmd {
			targets := map[string][]string{"one": {s.target(0)}, "two": {s.target(1), s.target(2)}}[what] // a job and a list
			return s.command(t, before, append([]string{"enqueue", "--rounds", "1"}, targets...)...)
		})
	})
	t.Run("claim and finish", func(t *testing.T) { harmRun(t, n, e, h.runs, "alone") })
	t.Run("join", func(t *testing.T) { harmRun(t, n, e, h.joins, "join") })
	t.Run("through drop", func(t *testing.T) {
		if !membersCan(t) {
			t.Skip("needs root to become another user")
		}
		t.Run("submit", func(t *testing.T) {
			harmSubmit(t, n, e, h.drops, []string{"mtrq", "script"}, func(s *site, what string, before []string) *exec.Cmd {
				if what == "script" {
					return s.recipe(t, before, s.target(0))
				}
				return s.command(t, append(before, s.member(t)...), "enqueue", "--rounds", "1", s.target(0))
			})
		})
		t.Run("mtrq", func(t *testing.T) { harmRun(t, n, e, h.drops, "drop") })
		if h.drops == 0 || e == 0 { // each file of a script settles for 2 s
			t.Run("script", func(t *testing.T) { harmRun(t, n, e, h.drops, "script") })
		}
	})
}

// harmSubmit harms senders; all that was acknowledged is traced at the end.
func harmSubmit(t *testing.T, n *lab.Net, e unix.Errno, limit int, ways []string, sender func(s *site, what string, before []string) *exec.Cmd) {
	dir := t.TempDir()
	s := newSite(t, n, filepath.Join(dir, "spool"), filepath.Join(dir, "archive"))
	if membersCan(t) {
		s.layOut(t)
	}
	for _, what := range ways {
		command := func(before []string) *exec.Cmd { return sender(s, what, before) }
		if _, _, err := s.caughtCommand(t, &catcher{}, command); err != nil { // makes the directories
			t.Fatal(err)
		}
		before := s.acknowledged()
		calls, _, err := s.caughtCommand(t, &catcher{}, command)
		if err != nil {
			t.Fatal(err)
		}
		want := s.acknowledged() - before
		all := spread(worth(calls), limit)
		hit := 0
		for _, at := range all {
			hit += untilHit(func() bool {
				before := s.acknowledged()
				c := &catcher{at: at, errno: e}
				_, out, err := s.caughtCommand(t, c, command)
				if got := s.acknowledged() - before; got != 0 && got != want || err == nil && got == 0 {
					t.Errorf("%s at %s: %d of %d were acknowledged, and it ended with %v\n%s", harmName(e), at, got, want, err, out)
				}
				return c.done
			})
		}
		enough(t, e, hit, len(all))
	}
	s.drain(t)
	s.drain(t) // what the first one gave back
	a := s.held(t)
	s.sound(t)
	t.Logf("%d jobs acknowledged, %d reported, %d in bad/: %v", len(s.acks), len(a.reports), len(a.bad), a.why)
}

// harmRun harms mtrq run, with a job each ("alone"), with two that share a
// trace ("join"), with one from drop/ by mtrq ("drop") or by a script.
func harmRun(t *testing.T, n *lab.Net, e unix.Errno, limit int, what string) {
	dir := t.TempDir()
	s := newSite(t, n, filepath.Join(dir, "spool"), filepath.Join(dir, "archive"))
	if what == "drop" || what == "script" {
		s.layOut(t)
	}
	submit := func() {
		var err error
		switch what {
		case "alone":
			_, err = s.ask(t, 0, true, s.target(3))
		case "join":
			_, err = s.ask(t, 0, false, s.target(3))
			if err == nil {
				_, err = s.ask(t, 0, false, s.target(3))
			}
		case "drop":
			_, err = s.outcome(s.command(t, s.member(t), "enqueue", "--rounds", "1", s.target(3)), 0)
		case "script":
			_, err = s.outcome(s.recipe(t, nil, s.target(3)), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	life := func() []call {
		submit()
		calls, _, err := s.caught(t, &catcher{}, "run", "--once")
		if err != nil {
			t.Fatal(err)
		}
		return calls
	}
	life() // makes archive and days
	calls, other := life(), life()
	calls = slices.DeleteFunc(calls, func(c call) bool { return !slices.Contains(other, c) })
	if what == "drop" || what == "script" { // the rest is that of any job
		calls = slices.DeleteFunc(calls, func(c call) bool {
			return !strings.Contains(c.path, "spool/drop") && !strings.Contains(c.path, "spool/tmp")
		})
	}
	table := readTable(t)
	all := spread(worth(calls), limit)
	hit := 0
	for _, at := range all {
		hit += untilHit(func() bool {
			submit()
			c := &catcher{at: at, errno: e}
			_, _, _ = s.caught(t, c, "run", "--once") // it may fail, and says so
			// What it has left of one job must be a row of the state table …
			id := s.acks[len(s.acks)-1]
			if found := s.found(t, id); what != "join" && found != "" && !slices.Contains(table, found) {
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
			return c.done
		})
	}
	enough(t, e, hit, len(all))
	if what == "script" { // a loss can be planted only of what has an ID
		if _, err := s.ask(t, 0, true, s.target(3)); err != nil {
			t.Fatal(err)
		}
		s.drain(t)
	}
	a := s.held(t)
	s.sound(t)
	t.Logf("%d jobs acknowledged, %d reported (%d in the report of another), %d in bad/", len(s.acks), len(a.reports), a.joined, len(a.bad))
	if what == "join" && a.joined == 0 {
		t.Error("no job shared a trace with another")
	}
}

// untilHit does what harms a call up to three times until the call is reached
// (1; else 0): two runs are not alike to the last call, such as one that
// looks at a file that the other had no time to see.
func untilHit(harm func() (reached bool)) int {
	for range 3 {
		if harm() {
			return 1
		}
	}
	return 0
}

// enough fails where a tenth of the calls was never reached.
func enough(t *testing.T, e unix.Errno, hit, of int) {
	t.Helper()
	t.Logf("%s at %d of %d calls", harmName(e), hit, of)
	if hit*10 < of*9 {
		t.Errorf("%s came to pass at %d of %d calls only", harmName(e), hit, of)
	}
}
