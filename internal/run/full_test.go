package run

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// healthy says what run.json says of one thing.
func (s *site) healthy(what string) (ok bool, hint string) {
	for _, h := range s.state().Health {
		if h.What == what {
			return h.OK, h.Hint
		}
	}
	return false, "nothing is said of " + what
}

// TestArchiveIsFull traces on while no report can be written, says so,
// and writes all of them when there is room again.
func TestArchiveIsFull(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Config{Targets: 3, Seed: 3})
	p := s.forkIn(s.smallDisk("archive"))
	free := s.fill("archive")
	for i := range 3 {
		s.submit(spool.Job{Target: s.target(i), Rounds: 3})
	}
	await(t, "run.json to say that the archive is full", func() bool {
		ok, hint := s.healthy("archive")
		return !ok && strings.Contains(hint, "no space left")
	})
	// They have all been traced, and wait in cur/.
	await(t, "the end of the traces", func() bool {
		j := s.state().Jobs
		return s.state().Counters.Claimed == 3 && j.Unwritten == 3 && j.InHand() == 3
	})
	if k := s.state().Counters; k.Reported != 0 || len(s.list("cur")) != 6 {
		t.Errorf("run.json counts %+v and cur/ holds %v while the archive is full", k, s.list("cur"))
	}
	free()
	await(t, "the reports", func() bool { return s.state().Counters.Reported == 3 && len(s.list("cur")) == 0 })
	for id, rep := range s.settled() {
		if e := &rep.Evidence; e.Ended != report.EndedComplete || e.Target.State != report.Reached {
			t.Errorf("job %s ended %s, %s; want complete, reached", id, e.Ended, e.Target.State)
		}
	}
	await(t, "run.json to say that the archive is well", func() bool { ok, _ := s.healthy("archive"); return ok && s.state().Jobs.Unwritten == 0 })
	s.term(p)
}

// TestArchiveFailsUntilTheNextRun stops a node that cannot write its
// report: the job stays, with all that was seen. Nor does it hold up the
// next run, which writes it as soon as that can be done.
func TestArchiveFailsUntilTheNextRun(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Config{Targets: 2, Seed: 3})
	l := s.run()
	await(t, "run.json", func() bool { return s.state().State == "running" })
	// A file where the year's directory should be: no report can be written.
	block := s.path("archive", time.Now().UTC().Format("2006"))
	write(t, block, "")
	id := s.submit(spool.Job{Target: s.target(0), Rounds: 3})
	await(t, "a report that cannot be written", func() bool { ok, _ := s.healthy("archive"); return !ok })
	l.drain()
	if !l.log.has("the job stays in cur/") || len(s.list("cur")) != 2 {
		t.Errorf("after the stop cur/ holds %v", s.list("cur"))
	}
	inFile, _ := s.events(id)
	seen := s.probed(0)

	l = s.run()
	other := s.submit(spool.Job{Target: s.target(1), Rounds: 10000})
	await(t, "another trace beside it", func() bool { return s.state().Jobs.LongLook == 1 })
	if err := os.Remove(block); err != nil {
		t.Fatal(err)
	}
	await(t, "the report", func() bool { return s.reports()[id] != nil })
	l.drain()
	reps := s.settled()
	if e := &reps[id].Evidence; e.Ended != report.EndedComplete || sent(reps[id]) != len(inFile) || s.probed(0) != seen {
		t.Errorf("ended %s with %d probes, %d in the events, %d on the line, %d before", e.Ended, sent(reps[id]), len(inFile), s.probed(0), seen)
	}
	if e := &reps[other].Evidence; e.Ended != report.EndedShutdown {
		t.Errorf("the other ended %s", e.Ended)
	}
}

// TestSpoolIsFull cannot write events for a while. The trace goes on, its
// report has everything, and the events catch up when there is room.
func TestSpoolIsFull(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Config{Targets: 2, Seed: 3})
	archive := s.path("archive")
	p := s.forkIn(s.smallDisk("spool"))
	long := s.submit(spool.Job{Target: s.target(0), Rounds: 10000})
	short := s.submit(spool.Job{Target: s.target(1), Rounds: 25})
	await(t, "two long looks", func() bool { return s.state().Jobs.LongLook == 2 })
	free := s.fill("spool")
	if _, err := s.spool.Submit(t.Context(), spool.Job{Target: s.target(1)}); !errors.Is(err, spool.ErrFull) {
		t.Errorf("a job sent to a full disk: %v, want %v", err, spool.ErrFull)
	}
	await(t, "the log to say so", func() bool { return p.log.has("events stay in memory until they can be written") })
	await(t, "the report of the short one", func() bool { return s.reports()[short] != nil })
	rep := s.reports()[short]
	before, _ := s.events(long)
	free()
	await(t, "the events to catch up", func() bool { now, _ := s.events(long); return len(now) > len(before)+90 })
	await(t, "run.json to be written again", func() bool { _, tracing, _ := s.spool.RunState(time.Now()); return tracing })
	unsure := s.state().Counters.ProbesUnsent // of a busy machine
	if e := &rep.Evidence; e.Ended != report.EndedComplete || sent(rep) > s.probed(1) || sent(rep) < s.probed(1)-unsure {
		t.Errorf("ended %s with %d probes of %d on the line", e.Ended, sent(rep), s.probed(1))
	}
	// None is missing that left while they could not be written. The newest
	// may wait for their turn at a router while later ones have left.
	now, _ := s.events(long)
	missing := 0
	const mayWait = 40
	for n := range slices.Max(slices.Collect(maps.Keys(now))) - mayWait {
		if !now[n] {
			missing++
		}
	}
	if missing > unsure {
		t.Errorf("%d probes are missing from the events, %d were not sent", missing, unsure)
	}
	s.term(p)
	// Its spool has gone with it; the archive has not.
	s.dir = strings.TrimSuffix(archive, "/archive")
	if e := s.reports()[long].Evidence; e.Ended != report.EndedShutdown {
		t.Errorf("the long one ended %s", e.Ended)
	}
}
