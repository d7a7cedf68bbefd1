package watch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// TestLossIsCaught loses packets on a link and follows what comes of it:
// before, during and after in one record, and a trace taken meanwhile.
func TestLossIsCaught(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 6, Seed: 7})
	l := s.start()
	s.answering()
	target := s.net.Target(0)
	began := time.Now()
	undo := s.net.Loss(target.Link(target.TTL()), lab.Forward, 100)
	s.await("an open incident with a trace under way", func() bool {
		open := s.open()
		return len(open) == 1 && len(open[0].Members) == 1 && len(open[0].Members[0].Reports) == 1
	})
	s.await("some more losses", func() bool { st, ok := s.state(0); return ok && st.Lost >= 10 })
	undo()
	s.await("the incident in the archive", func() bool { return len(s.closed()) == 1 && len(s.open()) == 0 })
	inc := s.closed()[0]
	m := inc.Members[0]
	if m.Address != target.Addr4 || inc.Trigger != report.TriggerLoss || inc.State != report.IncidentClosed {
		t.Errorf("got %s, %s, %s; want %s, loss, closed", m.Address, inc.Trigger, inc.State, target.Addr4)
	}
	if inc.Times.Began.Before(began.Add(-time.Second)) || inc.Times.Noticed.Before(inc.Times.Began) || inc.Times.Opened.Before(inc.Times.Noticed) ||
		inc.Times.Recovered == nil || inc.Times.Closed == nil || inc.Times.Probed == nil {
		t.Errorf("times are not in order: %+v", inc.Times)
	}
	before, during, after := strings.Cut(m.Pings.Answer, "---")
	if !after || !strings.HasSuffix(before, "rrrr") || !strings.HasSuffix(during, "rrrr") {
		t.Errorf("pings %q: want answers before, losses, and answers after", m.Pings.Answer)
	}
	if m.Lost < 10 || m.Sent < m.Lost {
		t.Errorf("lost %d of %d", m.Lost, m.Sent)
	}
	if m.Burst == nil || !strings.Contains(m.Burst.Answer, "-") {
		t.Errorf("burst %+v: want one that confirmed the loss", m.Burst)
	}
	if m.Dense == nil || len(m.Dense.Answer) < 5 {
		t.Errorf("dense pings %+v: want some", m.Dense)
	}
	if m.After == nil || len(m.After.Hops) != target.TTL() {
		t.Errorf("path after it: %+v, want %d hops", m.After, target.TTL())
	}
	if inc.Host.Opened == nil || inc.Host.Closed == nil || len(inc.Host.Opened.Links) == 0 {
		t.Error("no state of the host")
	}
	if inc.Verdict.Class != report.RealLoss && inc.Verdict.Class != report.TargetFilters {
		t.Errorf("verdict %s: %s", inc.Verdict.Class, inc.Verdict.Sentence)
	}
	rep := s.report(m.Reports[0])
	if rep == nil {
		t.Fatalf("no report %s", m.Reports[0])
	}
	if e := rep.Evidence; e.Requests[0].Freshness != report.InEvent || e.Requests[0].Source != SourceWatchdog || e.Ended != report.EndedComplete {
		t.Errorf("report: %s, %s, %s; want in-event, watchdog, complete", e.Requests[0].Freshness, e.Requests[0].Source, e.Ended)
	}
	if w := rep.Evidence.Watch; w == nil || !strings.Contains(w.Answer, "r") || !strings.Contains(w.Answer, "-") {
		t.Errorf("watch pings in the report: %+v, want answers before the loss and lost ones", w)
	}
	l.drain()
	told := l.told.all()
	if len(told) != 2 || told[0].on != "incident-open" || told[1].on != "incident-close" {
		t.Errorf("told %d times: %v; want open and close", len(told), told)
	}
	for _, dir := range []string{"new", "cur", "bad"} {
		if names, _ := os.ReadDir(filepath.Join(s.dir, "spool", dir)); len(names) > 0 {
			t.Errorf("left in %s/: %v", dir, names)
		}
	}
}

// TestStorm loses packets on a link that several targets share: one incident
// with the right place, one word to people.
func TestStorm(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 40, Seed: 7})
	l := s.start()
	s.answering()
	s.await("known paths", func() bool {
		for i := range s.net.Targets() {
			if n, _ := l.dog.Paths.Length(s.net.Target(i).Addr4); int(n) != s.net.Target(i).TTL() {
				return false
			}
		}
		return true
	})
	target := s.net.Target(0)
	const ttl = 5
	behind := s.net.Behind(target.Router(ttl))
	if len(behind) < 4 || len(behind) > 30 {
		t.Fatalf("%d targets behind it: choose another seed", len(behind))
	}
	undo := s.net.Loss(target.Link(ttl), lab.Forward, 60)
	s.await("an incident of all of them", func() bool {
		open := s.open()
		return len(open) == 1 && open[0].Affected == len(behind) && !slices.ContainsFunc(open[0].Members, func(m report.Member) bool { return m.Lost < 6 })
	})
	undo()
	s.await("its end", func() bool { return len(s.closed()) == 1 })
	inc := s.closed()[0]
	if inc.Common == nil {
		t.Fatalf("no place found: %s", inc.Verdict.Sentence)
	}
	if inc.Common.To != s.net.Router(target.Router(ttl)).Addr4 || inc.Common.From != s.net.Router(target.Router(ttl-1)).Addr4 {
		t.Errorf("found %s to %s, want %s to %s", inc.Common.From, inc.Common.To, s.net.Router(target.Router(ttl-1)).Addr4, s.net.Router(target.Router(ttl)).Addr4)
	}
	for _, m := range inc.Members {
		if !slices.ContainsFunc(behind, func(i int) bool { return s.net.Target(i).Addr4 == m.Address }) {
			t.Errorf("%s has no part in it", m.Address)
		}
	}
	on := map[string]int{}
	for _, m := range l.told.all() {
		on[m.on]++
	}
	if on["incident-open"] != 1 || on["incident-close"] != 1 || on["incident-grown"] > 1 { // at 60 % some join after people were told
		t.Errorf("told %v, want of one that opens and closes", on)
	}
}

// TestComesBack loses packets twice: one incident with two episodes.
func TestComesBack(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 2, Seed: 7})
	s.start(func(w *Watchdog) { w.Rules.QuietFor = 5 * time.Second })
	s.answering()
	target := s.net.Target(0)
	link := target.Link(target.TTL())
	undo := s.net.Loss(link, lab.Forward, 100)
	s.await("an incident", func() bool { return len(s.open()) == 1 })
	undo()
	s.await("recovery", func() bool { open := s.open(); return len(open) == 1 && open[0].Times.Recovered != nil })
	undo = s.net.Loss(link, lab.Forward, 100)
	s.await("a second episode", func() bool { open := s.open(); return len(open) == 1 && len(open[0].Episodes) == 2 })
	undo()
	s.await("the end of both", func() bool { return len(s.closed()) == 1 })
	inc := s.closed()[0]
	if len(inc.Episodes) != 2 || inc.Episodes[0].To == nil || inc.Episodes[1].To == nil || !inc.Episodes[1].From.After(*inc.Episodes[0].To) {
		t.Errorf("episodes: %+v", inc.Episodes)
	}
	if len(inc.Members) != 1 || len(inc.Members[0].Reports) != 2 {
		t.Errorf("%d members with %d reports; want one with two", len(inc.Members), len(inc.Members[0].Reports))
	}
}

// TestSuspectIsKept loses two pings: too few for an incident, but there is a
// line of it with the path that a look has seen.
func TestSuspectIsKept(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 2, Seed: 7})
	s.start(func(w *Watchdog) { w.Rules.Lost = w.Rules.Of + 1 }) // nothing is ever enough
	s.answering()
	target := s.net.Target(1)
	undo := s.net.Loss(target.Link(target.TTL()), lab.Forward, 100)
	s.await("a suspect", func() bool { st, err := s.sp.WatchState(); return err == nil && st.Totals.PingsLost > 0 })
	undo()
	var lines []byte
	s.await("its line, or an incident", func() bool {
		files, _ := filepath.Glob(filepath.Join(s.dir, "archive/*/*/*/suspects.jsonl"))
		if len(files) == 1 {
			lines, _ = os.ReadFile(files[0])
		}
		return len(lines) > 0 || len(s.open()) > 0
	})
	if len(lines) == 0 {
		t.Fatal("an incident, though nothing is enough for one")
	}
	sus, err := report.DecodeSuspect(lines[:strings.IndexByte(string(lines), '\n')])
	if err != nil {
		t.Fatal(err)
	}
	if sus.Address != target.Addr4 || sus.Lost == 0 || !strings.Contains(sus.Strip, "-") {
		t.Errorf("got %+v", sus)
	}
}

// TestPaused acknowledges maintenance: pings go on, nothing is made of it.
func TestPaused(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 2, Seed: 7})
	s.start()
	s.answering()
	target := s.net.Target(0)
	until := time.Now().Add(time.Hour)
	if err := s.sp.WriteState(PauseFile(target.Addr4.String()), []byte(until.Format(time.RFC3339)+" work on the line\n")); err != nil {
		t.Fatal(err)
	}
	s.await("the pause", func() bool { st, ok := s.state(0); return ok && st.State == spool.TargetPaused })
	s.net.Loss(target.Link(target.TTL()), lab.Forward, 100)
	s.await("twenty losses", func() bool { st, ok := s.state(0); return ok && st.Lost >= 20 })
	if open := s.open(); len(open) > 0 {
		t.Errorf("an incident of a target that is paused: %s", open[0].Verdict.Sentence)
	}
	if err := s.sp.RemoveState(PauseFile(target.Addr4.String())); err != nil {
		t.Fatal(err)
	}
	s.await("an incident after the pause", func() bool { return len(s.open()) == 1 })
}

// TestSilentTarget never answered: it may filter, and no incident is made.
func TestSilentTarget(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 2, Seed: 7})
	s.net.Filter(0, lab.ICMP)
	s.start()
	s.await("silence", func() bool { st, ok := s.state(0); return ok && st.State == spool.TargetSilent && st.Sent >= 25 })
	if open := s.open(); len(open) > 0 {
		t.Errorf("an incident of a target that never answered: %s", open[0].Verdict.Sentence)
	}
}
