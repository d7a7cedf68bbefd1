package run

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// TestManyAtOnce sends 50 jobs, 40 of them as one batch: each is named in
// one report, whose path and answers are those of the network.
func TestManyAtOnce(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 50, Seed: 3})
	var batch []string
	for i := range 40 {
		batch = append(batch, s.target(i))
	}
	ids, err := s.spool.SubmitBatch(t.Context(), spool.Job{Source: "cli", Reason: "storm"}, batch)
	if err != nil {
		t.Fatal(err)
	}
	s.ids = ids
	for i := 40; i < 50; i++ {
		s.submit(spool.Job{Target: s.target(i), Reason: "alone", Tags: map[string]string{"n": fmt.Sprint(i)}})
	}
	l := s.run(once)
	l.done()
	reps := s.settled()
	calm := s.calm(l)
	for i, id := range s.ids {
		rep := reps[id]
		if rep == nil {
			continue // settled has said so
		}
		e := &rep.Evidence
		if e.Ended != report.EndedComplete || e.Target.State != report.Reached {
			t.Errorf("target %d: ended %s, %s; want complete, reached", i, e.Ended, e.Target.State)
		}
		if want := s.net.Target(i).TTL(); e.Target.TTL == nil || *e.Target.TTL != want || len(e.Hops) != want {
			t.Errorf("target %d: %d hops, TTL %v; want %d", i, len(e.Hops), e.Target.TTL, want)
		}
		if got, want := sent(rep), s.probed(i); got > want || got < want && calm {
			t.Errorf("target %d: the report has %d probes, the network saw %d", i, got, want)
		}
		if n := lost(rep); n > 0 && calm {
			t.Errorf("target %d: %d probes lost in a network that loses none", i, n)
		}
		if r := e.Requests[0]; i >= 40 && (r.Reason != "alone" || r.Tags["n"] != fmt.Sprint(i)) || i < 40 && r.Reason != "storm" {
			t.Errorf("target %d: request is %+v", i, r)
		}
		if e.Requests[0].AskedToFirstProbe == nil {
			t.Errorf("target %d: time from asking to the first probe is unknown", i)
		}
	}
	st := s.state()
	if c := st.Counters; c.Claimed != 50 || c.Reported != 50 || c.Interrupted+c.Returned+c.Bad != 0 {
		t.Errorf("run.json counts %+v", c)
	}
	if st.LatenessMS == nil || st.Jobs.Queued+st.Jobs.FirstLook+st.Jobs.Waiting+st.Jobs.LongLook != 0 {
		t.Errorf("run.json: lateness %+v, jobs %+v", st.LatenessMS, st.Jobs)
	}
}

// TestJobsThatCome are traced when they come, not at the next scan, while
// others run; whoever asks sees where they are.
func TestJobsThatCome(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 3, Seed: 3})
	l := s.run()
	await(t, "run.json", func() bool { return s.state().State == "running" })
	long := s.submit(spool.Job{Target: s.target(0), Rounds: 10000})
	await(t, "the long look", func() bool { return s.state().Jobs.LongLook == 1 })
	short := s.submit(spool.Job{Target: s.target(1), Rounds: 3})
	await(t, "a report", func() bool { return s.reports()[short] != nil })
	if p, err := s.spool.Where(long); err != nil || p.State != spool.StateClaimed || p.Events == "" {
		t.Errorf("the long one is at %+v, %v; want claimed, with events", p, err)
	}
	if _, tracing, why := s.spool.RunState(time.Now()); !tracing {
		t.Errorf("run.json says that nobody traces: %s", why)
	}
	l.drain()
	s.settled()
	if _, tracing, why := s.spool.RunState(time.Now()); tracing || !strings.Contains(why, "ending") {
		t.Errorf("after the end run.json says tracing %t (%s)", tracing, why)
	}
}

func TestTwoRunsOnOneSpool(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 1, Seed: 3})
	first := s.run()
	await(t, "the first", func() bool { return s.state().State == "running" })
	before := s.state()
	if err := s.run().wait(); !errors.Is(err, spool.ErrBusy) {
		t.Errorf("the second: %v, want %v", err, spool.ErrBusy)
	}
	if st := s.state(); st.State != "running" || !st.Started.Equal(before.Started) {
		t.Errorf("the second wrote run.json: %+v", st)
	}
	s.submit(spool.Job{Target: s.target(0), Rounds: 3})
	await(t, "a report of the first", func() bool { return len(s.reports()) == 1 })
	first.drain()
	s.settled()
}

// TestBadJobs go to bad/, with a reason, and are counted; the good ones
// among them are traced.
func TestBadJobs(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 1, Seed: 3})
	s.submit(spool.Job{Target: s.target(0), Rounds: 3})
	write(t, s.path("spool", "new", "01KAR1ABTB5H2ZJ0Q4V7W8X9YZ.job"), "target = \"a b\"\n")
	s.run(once).done()
	s.settled()
	p, err := s.spool.Where(s.ids[0])
	if err != nil || p.State != spool.StateUnknown {
		t.Errorf("the good one is at %+v, %v", p, err)
	}
	if st := s.state(); st.Counters.Bad != 1 || st.Counters.Reported != 1 {
		t.Errorf("run.json counts %+v, want 1 bad, 1 reported", st.Counters)
	}
}
