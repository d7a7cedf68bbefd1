package watch

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

// TestKilled kills the node in the middle of an incident: the next one goes
// on with it, and what both have seen is one record.
func TestKilled(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 3, Seed: 7})
	p := s.fork()
	s.answering()
	target := s.net.Target(0)
	undo := s.net.Loss(target.Link(target.TTL()), lab.Forward, 100)
	s.await("an open incident with a trace", func() bool {
		open := s.open()
		return len(open) == 1 && len(open[0].Members[0].Reports) == 1 && open[0].Members[0].Lost >= 5
	})
	before := s.open()[0]
	s.kill(p)
	p = s.fork()
	s.await("the incident to go on", func() bool {
		open := s.open()
		return len(open) == 1 && open[0].ID == before.ID && len(open[0].Members) == 1 && open[0].Members[0].Lost > before.Members[0].Lost
	})
	undo()
	s.await("its end", func() bool { return len(s.closed()) == 1 && len(s.open()) == 0 })
	inc := s.closed()[0]
	m := inc.Members[0]
	if inc.ID != before.ID || !m.Began.Equal(before.Members[0].Began) || !strings.HasPrefix(m.Pings.Answer, before.Members[0].Pings.Answer[:5]) {
		t.Errorf("got %s since %s, pings %s; want %s since %s", inc.ID, m.Began, m.Pings.Answer, before.ID, before.Members[0].Began)
	}
	if !strings.Contains(strings.Join(inc.Notes, "\n"), "started again") {
		t.Errorf("notes: %q", inc.Notes)
	}
	s.await("the report of the trace that was cut short", func() bool {
		r := s.report(before.Members[0].Reports[0])
		return r != nil && r.Evidence.Ended == report.EndedInterrupted
	})
	s.term(p)
}

// TestKilledWhileLooking kills the node at moments between a missed ping and
// an incident that is written: whatever is left, the next one works and every
// accepted job has its report.
func TestKilledWhileLooking(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 4, Seed: 7})
	for i, wait := range []time.Duration{0, 100 * time.Millisecond, 400 * time.Millisecond, 900 * time.Millisecond} {
		p := s.fork()
		s.answering()
		target := s.net.Target(i)
		undo := s.net.Loss(target.Link(target.TTL()), lab.Forward, 100)
		s.await("a missed ping", func() bool {
			return s.net.Truth().Count(lab.Window{}, func(r *lab.Record) bool { return r.Target == i && r.Fate == lab.LostForward }).Probes > 0
		})
		time.Sleep(wait) // any moment will do
		s.kill(p)
		undo()
	}
	p := s.fork()
	s.await("all incidents to end", func() bool { return len(s.open()) == 0 && len(s.dir1("spool/new"))+len(s.dir1("spool/cur")) == 0 })
	s.term(p)
	for _, inc := range s.closed() {
		for _, m := range inc.Members {
			for _, id := range m.Reports {
				if s.report(id) == nil && !s.isBad(id) {
					t.Errorf("incident %s names %s, which is nowhere", inc.ID, id)
				}
			}
		}
	}
}

func (s *site) dir1(name string) []os.DirEntry {
	names, err := os.ReadDir(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return names
}

func (s *site) isBad(id ulid.ULID) bool {
	for _, f := range s.dir1("spool/bad") {
		if strings.HasPrefix(f.Name(), id.String()) {
			return true
		}
	}
	return false
}

// TestInterrupted finds an incident that was left open long ago: it is closed
// as interrupted, in words.
func TestInterrupted(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 2, Seed: 7})
	long := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	inc := &report.Incident{
		Schema: 1, ID: ulid.MustNew(ulid.Timestamp(long), ulid.DefaultEntropy()), State: report.IncidentOpen, Trigger: report.TriggerLoss, At: long,
		Times:    report.IncidentTimes{Began: long, Noticed: long, Opened: long},
		Episodes: []report.Episode{{From: long}}, Affected: 1, Watched: 2,
		Members: []report.Member{{
			Target: "203.0.113.1", Address: s.net.Target(0).Addr4, Trigger: report.TriggerLoss, Began: long, Noticed: long, Opened: long, Lost: 3, Sent: 3,
			Pings: report.Pings{From: long, TxMS: []int64{0, 200, 400}, RTTUS: []*int64{nil, nil, nil}, Answer: "---"},
		}},
	}
	var b bytes.Buffer
	if err := report.EncodeIncident(&b, inc); err != nil {
		t.Fatal(err)
	}
	if err := s.sp.WriteState(IncidentState(inc.ID), b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := s.sp.WriteState("incidents/01KAR1ABTB5H2ZJ0Q4V7W8X9YZ.json", []byte("{torn")); err != nil {
		t.Fatal(err)
	}
	l := s.start()
	s.await("the archive to have it", func() bool { return len(s.closed()) == 1 })
	got := s.closed()[0]
	if got.ID != inc.ID || got.State != report.IncidentInterrupted || got.Times.Closed == nil || len(got.Notes) == 0 {
		t.Errorf("got %s, %s, notes %q", got.ID, got.State, got.Notes)
	}
	l.drain()
	if names, _ := s.sp.ListState("incidents"); len(names) != 1 {
		t.Errorf("state/incidents: %v; want the torn one alone, left where it is", names)
	}
}

// TestStopped keeps the node from running for a while (SIGSTOP, a suspended
// machine): that is no loss, and afterwards it sees as well as before.
func TestStopped(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 20, Seed: 7})
	p := s.fork()
	s.answering()
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := p.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if sig == syscall.SIGSTOP {
			time.Sleep(stoppedFor)
		}
	}
	st, err := s.sp.WatchState()
	if err != nil {
		t.Fatal(err)
	}
	s.await("pings after it", func() bool {
		now, err := s.sp.WatchState()
		return err == nil && now.Totals.PingsSent > st.Totals.PingsSent+200
	})
	now, err := s.sp.WatchState()
	if err != nil {
		t.Fatal(err)
	}
	if now.Totals.PingsLost > 0 || now.Totals.Suspects > 0 || len(s.open()) > 0 {
		t.Errorf("%d pings lost, %d suspects, %d incidents of a healthy network", now.Totals.PingsLost, now.Totals.Suspects, len(s.open()))
	}
	target := s.net.Target(3)
	s.net.Loss(target.Link(target.TTL()), lab.Forward, 100)
	s.await("an incident after the stop", func() bool { return len(s.open()) == 1 })
	s.term(p)
}

// TestUplinkCut loses everything: one incident that blames nobody behind the
// uplink, evidence and words complete once it is back.
func TestUplinkCut(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 30, Seed: 7})
	l := s.start()
	s.answering()
	gateway := s.net.Target(0)
	undo := s.net.Loss(gateway.Link(2), lab.Both, 100)
	s.await("an incident of all targets", func() bool { open := s.open(); return len(open) == 1 && open[0].Affected == 30 })
	undo()
	s.await("its end", func() bool { return len(s.closed()) > 0 && len(s.open()) == 0 })
	closed := s.closed()
	if len(closed) != 1 {
		t.Fatalf("%d incidents, want one", len(closed))
	}
	if inc := closed[0]; inc.Verdict.Class != report.UplinkCut {
		t.Errorf("verdict %s: %s; want uplink-cut", inc.Verdict.Class, inc.Verdict.Sentence)
	}
	if told := l.told.all(); len(told) != 2 {
		t.Errorf("told %d times, want twice", len(told))
	}
	l.drain()
	for _, m := range closed[0].Members {
		if len(m.Reports) != 1 || s.report(m.Reports[0]) == nil {
			t.Errorf("%s has no report", m.Address)
		}
	}
}

// TestOwnNetwork loses packets on the way to the gateway: no line is blamed.
func TestOwnNetwork(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 10, Seed: 7})
	s.start()
	s.answering()
	undo := s.net.Loss(s.net.Target(0).Link(1), lab.Forward, 100)
	s.await("an incident of all targets", func() bool { open := s.open(); return len(open) == 1 && open[0].Affected == 10 })
	undo()
	s.await("its end", func() bool { return len(s.closed()) > 0 && len(s.open()) == 0 })
	for _, inc := range s.closed() {
		if inc.Verdict.Class != report.OwnNetwork {
			t.Errorf("verdict %s: %s; want own-network", inc.Verdict.Class, inc.Verdict.Sentence)
		}
	}
}
