package run

import (
	"cmp"
	"context"
	"net/netip"
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
	await(t, "four to join", func() bool { st := s.state(); return st.Jobs.Joined == 4 && len(st.Served) == 4 })
	for id, by := range s.state().Served {
		if by != first || !slices.Contains(s.ids, id) {
			t.Errorf("%s is served by the trace of %s, want the first", id, by)
		}
	}
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

// givenNames resolves each name to the same address, slow.example.net when told to.
type givenNames struct {
	addr netip.Addr
	slow chan struct{}
	over <-chan struct{} // the test
}

func (n givenNames) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if host == "slow.example.net" {
		select {
		case <-n.slow:
		case <-n.over:
		}
	}
	return []netip.Addr{n.addr}, nil
}

// TestSameAddressSharesATrace, by whatever names it is asked for, and whichever
// comes first; who waits for a resolver keeps nobody waiting, and joins then.
func TestSameAddressSharesATrace(t *testing.T) {
	const alpha, beta, slow = "alpha.example.net", "beta.example.net", "slow.example.net"
	for _, c := range []struct {
		name  string
		first string // traced before the others come; "": all come at once
		then  []string
	}{
		{"address, then names", "address", []string{alpha, beta, alpha, beta, "address"}},
		{"name, then address and another name", alpha, []string{"address", beta, alpha, beta}},
		{"all at once", "", []string{alpha, "address", beta, beta, alpha, "address"}},
		{"a slow name first", slow, []string{alpha, beta, "address", slow}},
		{"two slow ones among others", alpha, []string{slow, beta, slow, "address"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, lab.Config{Targets: 1, Seed: 3})
			names := givenNames{s.net.Target(0).Addr4, make(chan struct{}), t.Context().Done()}
			begin := func() *life {
				return s.run(func(r *Runner) {
					r.Tracer.Resolver = names
					r.Tracer.Rule.MinPackets, r.Tracer.Rule.Tail = 1000, 2*time.Second
				})
			}
			asked, slows := map[ulid.ULID]string{}, 0
			ask := func(target string) {
				j := spool.Job{Target: target}
				if target == "address" {
					j.Target = s.target(0)
				}
				if target == slow {
					slows++
				}
				asked[s.submit(j)] = j.Target
			}
			var l *life
			if c.first != "" {
				l = begin()
				if ask(c.first); c.first != slow {
					await(t, "the long look", func() bool { return s.state().Jobs.LongLook == 1 })
				}
			}
			for _, target := range c.then {
				ask(target)
			}
			if l == nil {
				l = begin()
			}
			// All but the slow ones share a trace while those wait for their name.
			await(t, "one trace", func() bool {
				st := s.state()
				return st.Jobs.LongLook == 1 && len(st.Served) == len(s.ids)-1-slows
			})
			if st := s.state(); slows > 0 && st.Jobs.Queued == 0 {
				t.Errorf("the slow name is not being looked up: %+v", st.Jobs)
			}
			close(names.slow)
			await(t, "all in one trace", func() bool { return len(s.state().Served) == len(s.ids)-1 })
			l.drain()
			one := (*report.Report)(nil)
			for id, rep := range s.settled() {
				if one == nil {
					one = rep
				}
				if name := cmp.Or(requestIn(rep, id).Asked, rep.Evidence.Target.Asked); rep != one || name != asked[id] {
					t.Errorf("job %s, asked for as %s, is in report %s as %s; want %s", id, asked[id], rep.Evidence.ID, name, one.Evidence.ID)
				}
			}
		})
	}
}

// running is the report of a trace so far.
func (s *site) running(id ulid.ULID) *report.Report {
	b := report.Builder{Requests: []report.Request{{ID: id, Accepted: ulid.Time(id.Time())}}}
	p, err := s.spool.Where(id)
	if err != nil || p.Events == "" {
		return nil
	}
	if readEventsFile(p.Events, &b, nil) != nil {
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
