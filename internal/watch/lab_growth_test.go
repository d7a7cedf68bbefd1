package watch

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

// shortRules are fastRules in which incidents stay open, and what begins
// within 2 s began together.
func shortRules(w *Watchdog) {
	w.Rules.Together, w.Rules.ClearFor, w.Rules.QuietFor = 2*time.Second, time.Minute, time.Minute
}

// known waits until the paths of all targets are.
func (s *site) known(l *life) {
	s.t.Helper()
	s.await("known paths", func() bool {
		for i := range s.net.Targets() {
			if n, _ := l.dog.Paths.Length(s.net.Target(i).Addr4); int(n) != s.net.Target(i).TTL() {
				return false
			}
		}
		return true
	})
}

// outage takes down the link to the fourth router of a target's path until the
// incident of all behind it is told, and returns that incident.
func (s *site) outage(l *life, target lab.Target, but ...netip.Addr) *report.Incident {
	s.t.Helper()
	const ttl = 4
	var want []netip.Addr
	for _, i := range s.net.Behind(target.Router(ttl)) {
		if a := s.net.Target(i).Addr4; !slices.Contains(but, a) {
			want = append(want, a)
		}
	}
	slices.SortFunc(want, netip.Addr.Compare)
	if len(want) < 5 {
		s.t.Fatalf("%d targets behind it: choose another seed", len(want))
	}
	began := time.Now()
	undo := s.net.Down(target.Link(ttl))
	defer undo()
	var got *report.Incident
	s.await("an incident of all that are behind it, and of nobody else", func() bool {
		for _, inc := range s.open() {
			var of []netip.Addr
			for _, m := range inc.Members {
				of = append(of, m.Address)
			}
			slices.SortFunc(of, netip.Addr.Compare)
			if slices.Equal(of, want) {
				got = inc
			}
		}
		return got != nil && slices.ContainsFunc(l.told.all(), func(m told) bool { return m.inc.ID == got.ID })
	})
	if got.Times.Began.Before(began.Add(-time.Second)) {
		s.t.Errorf("it began at %s, the outage at %s", got.Times.Began, began)
	}
	from, to := s.net.Router(target.Router(ttl-1)).Addr4, s.net.Router(target.Router(ttl)).Addr4
	if c := got.Common; c == nil || c.From != from || c.To != to && !slices.Contains(c.Suspects, to) { // the next link may have the same targets
		s.t.Errorf("found %+v, want %s to %s; %s", c, from, to, got.Verdict.Sentence)
	} else if c.Lossy != len(want) {
		s.t.Errorf("%d of %d in trouble, want %d", c.Lossy, c.Behind, len(want))
	}
	return got
}

// TestOutageOfATargetInTrouble: a target loses packets on its own line, and
// then with all others behind a link. The second is another incident, of which
// it is a member, with a beginning and a place of its own.
func TestOutageOfATargetInTrouble(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 12, Seed: 9})
	l := s.start(shortRules)
	s.answering()
	s.known(l)
	target := s.net.Target(2)
	undo := s.net.Loss(target.Link(target.TTL()), lab.Forward, 60)
	s.await("an incident of it", func() bool { return len(l.told.all()) == 1 })
	undo()
	time.Sleep(8 * time.Second) // longer than what counts as one storm, shorter than a recovery
	inc := s.outage(l, target)
	s.await("the older incident to be over before", func() bool {
		for _, older := range s.open() {
			if older.ID != inc.ID {
				r := older.Times.Recovered
				return len(older.Members) == 1 && older.Members[0].Address == target.Addr4 && r != nil && r.Before(inc.Times.Began)
			}
		}
		return false
	})
	if told := l.told.all(); len(told) != 2 || told[1].inc.Affected < 5 {
		t.Errorf("told %d times, want twice, the second time of all", len(told))
	}
	if n := strings.Count(l.log.String(), "incident opened"); n != 2 {
		t.Errorf("%d incidents opened in the log, want 2", n)
	}
}

// TestOutageBesideADeadHost: a host is dead for a while when a link fails that
// it is behind: two incidents.
func TestOutageBesideADeadHost(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 12, Seed: 9})
	l := s.start(shortRules)
	s.answering()
	s.known(l)
	dead := s.net.Target(5)
	s.net.Filter(5, lab.ICMP|lab.UDP)
	s.await("an incident of it", func() bool { return len(l.told.all()) == 1 })
	time.Sleep(6 * time.Second)
	s.outage(l, s.net.Target(2), dead.Addr4)
	for _, inc := range s.open() {
		if len(inc.Members) == 1 && inc.Members[0].Address != dead.Addr4 {
			t.Errorf("an incident of %s alone", inc.Members[0].Address)
		}
	}
	if open := s.open(); len(open) != 2 {
		t.Errorf("%d incidents, want two", len(open))
	}
}
