package run

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/spool"
)

// drop writes a request into drop/ under its name, as a script does that
// knows no better.
func (s *site) drop(name string, i int) {
	s.t.Helper()
	if err := os.WriteFile(s.path("spool", "drop", name), []byte("target = \""+s.target(i)+"\"\nrounds = 3\n"), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// sentAs counts the reports that name such a file.
func (s *site) sentAs(name string) (n int) {
	for _, rep := range s.reports() {
		for _, q := range rep.Evidence.Requests {
			if q.SentAs == name {
				n++
			}
		}
	}
	return n
}

// TestOnceTakesDropToo: one run does not end while something in drop/ only
// has to settle, and leaves nothing without a word.
func TestOnceTakesDropToo(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 2, Seed: 3})
	s.drop("in-place", 0)
	s.run(once).done()
	if n := s.sentAs("in-place"); n != 1 || len(s.list("drop")) != 0 {
		t.Fatalf("%d reports of the file, drop/ holds %v", n, s.list("drop"))
	}

	s.drop("waits", 1)
	full := func(r *Runner) {
		var err error
		if r.Spool, err = spool.Open(s.path("spool"), spool.Options{ReserveBytes: 1 << 62}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.run(once, full).wait(); !errors.Is(err, spool.ErrFull) || !strings.Contains(err.Error(), "drop/") {
		t.Errorf("with a file in drop/ and no room for it the run ended with %v", err)
	}
	s.run(once).done()
	if n := s.sentAs("waits"); n != 1 {
		t.Errorf("%d reports of the file when there was room, want 1", n)
	}
}

// TestClaimFailsIsSaid: a node that cannot claim is not well, and whoever asks
// is told.
func TestClaimFailsIsSaid(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 1, Seed: 3})
	run := s.run()
	await(t, "run.json", func() bool { ok, _ := s.healthy("claim"); return ok })
	if err := os.Rename(s.path("spool", "new"), s.path("elsewhere")); err != nil {
		t.Fatal(err)
	}
	s.drop("x", 0)
	await(t, "run.json to say that nothing can be claimed", func() bool {
		ok, hint := s.healthy("claim")
		return !ok && strings.Contains(hint, "claim jobs in ")
	})
	if err := os.Rename(s.path("elsewhere"), s.path("spool", "new")); err != nil {
		t.Fatal(err)
	}
	await(t, "the report", func() bool { return s.sentAs("x") == 1 })
	await(t, "run.json to say that it is well", func() bool { ok, _ := s.healthy("claim"); return ok })
	run.drain()
}

// TestDropFileThatStays: whoever asks is told of a file that cannot be taken
// away, and all others are traced.
func TestDropFileThatStays(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 2, Seed: 3})
	s.drop("fixed", 0)
	f, err := os.Open(s.path("spool", "drop", "fixed"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const immutable = 0x10 // FS_IMMUTABLE_FL
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, immutable); err != nil {
		t.Skipf("needs a file system and rights for immutable files: %v", err)
	}
	free := func() { _ = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, 0) }
	t.Cleanup(free)
	run := s.run()
	await(t, "run.json to tell of the file", func() bool {
		ok, hint := s.healthy("drop")
		return !ok && strings.Contains(hint, "1 of the files in drop/ cannot be taken; drop/fixed: is taken in and cannot be removed")
	})
	s.drop("free", 1)
	s.ids = append(s.ids, s.submit(spool.Job{Target: s.target(1), Rounds: 3}))
	await(t, "the reports of the others", func() bool { return s.sentAs("free") == 1 && s.reports()[s.ids[0]] != nil })
	if n := s.sentAs("fixed"); n != 0 {
		t.Errorf("%d reports of a job whose file is still in drop/", n)
	}
	if n := strings.Count(run.log.String(), "file=drop/fixed"); n != 1 {
		t.Errorf("the log tells %d times of it, want once", n)
	}
	free()
	s.drop("hint", 0)
	await(t, "its report", func() bool {
		println(s.sentAs("fixed"), strings.Join(s.list("new"), " "), strings.Join(s.list("drop"), " "))
		return s.sentAs("fixed") > 0
	})
	if n := s.sentAs("fixed"); n != 1 {
		t.Errorf("its file is named %d times, want once", n)
	}
	await(t, "run.json to say that it is well", func() bool { ok, _ := s.healthy("drop"); return ok })
	run.drain()
}
