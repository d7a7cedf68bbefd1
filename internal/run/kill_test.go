package run

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestKilledWhileTracing kills a node with signal 9 in the middle of its
// traces. What it saw becomes a report, silence included; it is not
// traced again, and what was not begun is traced by the next run.
func TestKilledWhileTracing(t *testing.T) {
	for _, c := range []struct {
		name  string
		jobs  int
		harm  func(*lab.Net)
		state report.State
	}{
		{"one that answers", 1, func(*lab.Net) {}, report.Reached},
		{"twenty that answer", 20, func(*lab.Net) {}, report.Reached},
		{"a black hole from the first hop on", 1, func(n *lab.Net) { n.Down(n.Target(0).Link(1)) }, report.Silent},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, lab.Config{Targets: c.jobs + 1, Seed: 3})
			c.harm(s.net)
			p := s.fork()
			for i := range c.jobs {
				s.submit(spool.Job{Target: s.target(i), Rounds: 10000})
			}
			for _, id := range s.ids {
				await(t, "outcomes in the events", func() bool { _, known := s.events(id); return known >= 10 })
			}
			s.kill(p)
			inFile := make([]map[int]bool, c.jobs)
			seen := make([]int, c.jobs)
			for i, id := range s.ids {
				inFile[i], _ = s.events(id)
				seen[i] = s.probed(i)
			}
			if len(s.reports()) > 0 {
				t.Fatal("there is a report already")
			}
			late := s.submit(spool.Job{Target: s.target(c.jobs), Rounds: 3}) // while nobody was there
			s.run(once).done()
			reps := s.settled()
			for i, id := range s.ids[:c.jobs] {
				e := &reps[id].Evidence
				if e.Ended != report.EndedInterrupted {
					t.Errorf("job %d ended %s, want interrupted", i, e.Ended)
				}
				if e.Target.State != c.state {
					t.Errorf("job %d: target is %s, want %s", i, e.Target.State, c.state)
				}
				if got := sent(reps[id]); got != len(inFile[i]) || got > seen[i] || got == 0 {
					t.Errorf("job %d: %d probes in the report, %d in the events, %d on the line", i, got, len(inFile[i]), seen[i])
				}
				if c.state == report.Silent && lost(reps[id]) == 0 {
					t.Errorf("job %d: the silence is not in the report", i)
				}
				if again := s.probed(i); again != seen[i] {
					t.Errorf("job %d was traced again: %d probes on the line, %d before", i, again, seen[i])
				}
			}
			if e := &reps[late].Evidence; e.Ended != report.EndedComplete {
				t.Errorf("the job that waited ended %s, want complete", e.Ended)
			}
			if k := s.state().Counters; k.Interrupted != c.jobs || k.Reported != c.jobs+1 || k.Claimed != 1 {
				t.Errorf("run.json counts %+v", k)
			}
		})
	}
}

// TestKilledAtTheEnd kills a node between report and finish: the job lies
// in cur/ still, and the report has no line in the index. The next run
// mends the index and takes the job away; it is not traced twice.
func TestKilledAtTheEnd(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 1, Seed: 3})
	p := s.fork()
	id := s.submit(spool.Job{Target: s.target(0), Rounds: 3})
	await(t, "the end of the job", func() bool { return len(s.reports()) == 1 && len(s.list("cur")) == 0 })
	s.kill(p)
	seen := s.probed(0)
	// What the disk would hold, had the kill come a moment earlier.
	data, err := spool.Job{Target: s.target(0), ID: id, Source: "cli", Accepted: time.Now()}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	write(t, s.path("spool", "cur", id.String()+".job"), string(data))
	index := s.path("archive", time.Now().UTC().Format("2006/01/02"), "index.jsonl")
	text, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	write(t, index, strings.SplitAfter(string(text), "\n")[0])
	s.run(once).done()
	s.settled()
	if again := s.probed(0); again != seen {
		t.Errorf("traced again: %d probes on the line, %d before", again, seen)
	}
}

// TestStateOfTheDead grows old, and is no longer believed.
func TestStateOfTheDead(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 1, Seed: 3})
	p := s.fork()
	s.kill(p)
	st := s.state()
	if _, tracing, _ := s.spool.RunState(st.At.Add(spool.RunStateStale)); !tracing || st.PID != p.cmd.Process.Pid {
		t.Errorf("tracing %t by %d while the state is fresh, want true by %d", tracing, st.PID, p.cmd.Process.Pid)
	}
	if _, tracing, why := s.spool.RunState(st.At.Add(spool.RunStateStale + time.Millisecond)); tracing || !strings.Contains(why, "last gave a sign") {
		t.Errorf("tracing %t (%s) when the state is old", tracing, why)
	}
}

// TestStoppedWhileTracing is one TERM: running traces become reports at
// once, and jobs of which no probe was sent go back.
func TestStoppedWhileTracing(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 5, Seed: 3})
	l := s.run()
	for i := range 5 {
		s.submit(spool.Job{Target: s.target(i), Rounds: 10000})
	}
	await(t, "five long looks", func() bool { return s.state().Jobs.LongLook == 5 })
	l.drain()
	calm := s.calm(l)
	for id, rep := range s.settled() {
		if e := &rep.Evidence; e.Ended != report.EndedShutdown || e.Times.FirstLook == nil || lost(rep) > 0 && calm {
			t.Errorf("job %s ended %s, first look %v, %d lost; want shutdown after a whole first look without loss", id, e.Ended, e.Times.FirstLook, lost(rep))
		}
	}
}

// TestStoppedBeforeAProbe gives a job back as it was, to be traced later. Also
// after two deaths: nobody died of it this time.
func TestStoppedBeforeAProbe(t *testing.T) {
	for name, file := range map[string]string{"the first time": "new/%s.job", "after two deaths": "new/%s.2.job"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for a process that says nothing
			s := newSite(t, lab.Config{Targets: 1, Seed: 3})
			id := s.submit(spool.Job{Target: s.target(0), Rounds: 3})
			waits := s.path("spool", fmt.Sprintf(file, id))
			if err := os.Rename(s.path("spool", "new", id.String()+".job"), waits); err != nil {
				t.Fatal(err)
			}
			l := s.runWith(script(t, "exec sleep 60"))
			await(t, "the claim", func() bool { return s.state().Jobs.Queued == 1 })
			l.drain()
			if _, err := os.Stat(waits); err != nil {
				t.Error(err)
			}
			if k := l.tally.counts; k.Returned != 1 || k.Bad != 0 {
				t.Errorf("counted %+v, want 1 returned", k)
			}
			s.run(once).done()
			if rep := s.settled()[id]; rep == nil || rep.Evidence.Ended != report.EndedComplete {
				t.Errorf("the job that was given back has the report %+v", rep)
			}
		})
	}
}

// script writes a shell script to stand in for mtr-packet.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mtr-packet")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestStoppedTwice ends at once; the next run reports what was seen.
func TestStoppedTwice(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 1, Seed: 3})
	l := s.run()
	id := s.submit(spool.Job{Target: s.target(0), Rounds: 10000})
	await(t, "outcomes in the events", func() bool { _, known := s.events(id); return known >= 10 })
	l.cancel()
	if err := l.wait(); err != nil {
		t.Errorf("run: %v", err)
	}
	inFile, _ := s.events(id)
	seen := s.probed(0)
	if len(s.reports()) > 0 {
		t.Error("a second TERM still wrote a report")
	}
	s.run(once).done()
	rep := s.settled()[id]
	if rep == nil || rep.Evidence.Ended != report.EndedInterrupted || sent(rep) != len(inFile) || s.probed(0) != seen {
		t.Errorf("the report of the second run: %+v", rep)
	}
}
