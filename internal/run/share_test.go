package run

import (
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// TestSameTargetSharesATrace asks five times for one target while it is
// traced: one report names all of them, each with its own freshness, and
// each has its line in the index.
func TestSameTargetSharesATrace(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 2, Seed: 3})
	l := s.run(func(r *Runner) { r.Tracer.Rule.MinPackets, r.Tracer.Rule.Tail = 1000, 4*time.Second })
	first := s.submit(spool.Job{Target: s.target(0), Reason: "the first"})
	await(t, "the long look", func() bool { return s.state().Jobs.LongLook == 1 })
	for range 3 {
		s.submit(spool.Job{Target: s.target(0), Event: "again"})
	}
	ids, err := s.spool.SubmitBatch(t.Context(), spool.Job{Source: "cli"}, []string{s.target(0), s.target(1)})
	if err != nil {
		t.Fatal(err)
	}
	s.ids = append(s.ids, ids...)
	own := s.submit(spool.Job{Target: s.target(0), NoCoalesce: true, Reason: "my own"})
	rounds := s.submit(spool.Job{Target: s.target(0), Rounds: 3})
	await(t, "four to join", func() bool { return s.state().Jobs.Joined == 4 })
	await(t, "a look for them", func() bool {
		rep := s.running(first)
		return rep != nil && len(rep.Evidence.Requests) == 5 && !slices.ContainsFunc(rep.Evidence.Requests, func(q report.Request) bool {
			return q.AskedToFirstProbe == nil
		})
	})
	l.drain()
	reps := s.settled()
	rep := reps[first]
	for i, id := range slices.Concat(s.ids[1:4], ids[:1]) {
		if reps[id] != rep {
			t.Errorf("request %d is in another report", i)
		}
	}
	if rep.Evidence.ID != first || rep.Evidence.Requests[0].ID != first || len(rep.Evidence.Requests) != 5 {
		t.Errorf("the report %s names %+v, want the first job and four more", rep.Evidence.ID, rep.Evidence.Requests)
	}
	for _, id := range []ulid.ULID{own, rounds, ids[1]} {
		if got := reps[id]; got == nil || got == rep || len(got.Evidence.Requests) != 1 {
			t.Errorf("job %s should have a report of its own", id)
		}
	}
	if k := s.state().Counters; k.Coalesced != 4 || k.Claimed != 8 || k.Reported != 4 {
		t.Errorf("run.json counts %+v, want 4 coalesced of 8 claimed", k)
	}
}

// running is the report of a trace so far.
func (s *site) running(id ulid.ULID) *report.Report {
	b := report.Builder{Requests: []report.Request{{ID: id, Accepted: ulid.Time(id.Time())}}}
	p, err := s.spool.Where(id)
	if err != nil || p.Events == "" {
		return nil
	}
	if readEventsFile(p.Events, &b) != nil {
		return nil
	}
	rep, err := b.Report()
	if err != nil {
		return nil
	}
	return rep
}

// TestJoinedSurviveAKill kills the runner while one trace serves three jobs:
// the next one reports what was seen, for all three, in one report.
func TestJoinedSurviveAKill(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 1, Seed: 3})
	p := s.fork()
	first := s.submit(spool.Job{Target: s.target(0), Interval: 200 * time.Millisecond})

	await(t, "the trace", func() bool { return s.state().Counters.Claimed == 1 })
	for range 2 {
		s.submit(spool.Job{Target: s.target(0), Interval: 200 * time.Millisecond})
	}
	await(t, "two to join, on disk, and a probe for each", func() bool {
		rep := s.running(first)
		return rep != nil && len(rep.Evidence.Requests) == 3 && rep.Evidence.Requests[2].AskedToFirstProbe != nil
	})
	s.kill(p)
	s.run(once).done()
	reps := s.settled()
	if rep := reps[first]; rep.Evidence.Ended != report.EndedInterrupted || reps[s.ids[1]] != rep || reps[s.ids[2]] != rep {
		t.Errorf("ended %s; the three share a report: %t, %t", rep.Evidence.Ended, reps[s.ids[1]] == rep, reps[s.ids[2]] == rep)
	}
}
