package watch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

// TestFullDisk lets a target lose packets while neither spool nor archive
// has a byte left: the trace goes on in memory, and once there is space again
// the incident and its report are written, as of the time of the loss.
func TestFullDisk(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 3, Seed: 7})
	p := s.forkOnSmallDisks("spool", "archive")
	s.answering()
	free := []func(){s.fill("spool"), s.fill("archive")}
	target := s.net.Target(0)
	undo := s.net.Loss(target.Link(target.TTL()), lab.Forward, 100)
	s.await("word of the full disk", func() bool { return strings.Contains(p.log.String(), "submit the job of a loss; trying again") })
	traced := func(r *lab.Record) bool { return r.Target == 0 && int(r.TTL) < target.TTL() && r.Fate == lab.Answered }
	seen := s.net.Truth().Count(lab.Window{}, traced).Probes
	s.await("the trace to go on meanwhile", func() bool { return s.net.Truth().Count(lab.Window{}, traced).Probes >= seen+20 })
	if len(s.closed())+len(s.open()) > 0 {
		t.Error("an incident was written to a full disk: the test does not test what it says")
	}
	for _, f := range free {
		f()
	}
	s.await("the open incident, written after all", func() bool { return len(s.open()) == 1 })
	undo()
	s.await("its end", func() bool { return len(s.closed()) == 1 && len(s.open()) == 0 })
	inc := s.closed()[0]
	if m := inc.Members[0]; m.Address != target.Addr4 || m.Lost < 5 || len(m.Reports) == 0 {
		t.Fatalf("got %s, %d lost, reports %v", m.Address, m.Lost, m.Reports)
	}
	s.await("its report", func() bool { return s.report(inc.Members[0].Reports[0]) != nil })
	e := s.report(inc.Members[0].Reports[0]).Evidence
	if e.Requests[0].Freshness != report.InEvent || e.Times.Started.After(inc.Times.Opened) {
		t.Errorf("the trace is %s and began at %s; the incident opened at %s", e.Requests[0].Freshness, e.Times.Started, inc.Times.Opened)
	}
	s.term(p)
}

// fill writes into a directory until nothing more fits.
func (s *site) fill(dir string) (free func()) {
	s.t.Helper()
	path := filepath.Join(s.dir, dir, ".filler")
	f, err := os.Create(path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close() // what counts is that it is full
	for block := make([]byte, 1<<12); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		s.t.Fatalf("fill %s: %v", path, err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			s.t.Fatal(err)
		}
	}
}
