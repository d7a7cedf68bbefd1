package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/internal/trace"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// patience turns a hang into a failure; nothing is judged by it.
const patience = time.Minute

// leakFree fails a run of tests that leaves a goroutine behind.
type leakFree struct{ m *testing.M }

func (l leakFree) Run() int {
	code := l.m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child())
	}
	os.Exit(lab.TestMain(leakFree{m}))
}

// A site is a node's directories in a private network.
type site struct {
	t     *testing.T
	net   *lab.Net
	dir   string
	spool *spool.Spool
	ids   []ulid.ULID // accepted
}

func newSite(t *testing.T, cfg lab.Config) *site {
	t.Helper()
	lab.Need(t, "mtr-packet")
	n, err := lab.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close lab: %v", err)
		}
	})
	s := &site{t: t, net: n, dir: t.TempDir()}
	if s.spool, err = spool.Open(s.path("spool"), spool.Options{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) path(names ...string) string {
	return filepath.Join(append([]string{s.dir}, names...)...)
}

func (s *site) target(i int) string { return s.net.Target(i).Addr4.String() }

func (s *site) submit(j spool.Job) ulid.ULID {
	s.t.Helper()
	j.Source = "cli"
	id, err := s.spool.Submit(s.t.Context(), j)
	if err != nil {
		s.t.Fatal(err)
	}
	s.ids = append(s.ids, id)
	return id
}

// shortRule ends a clean trace within a second.
func shortRule() trace.Rule {
	return trace.Rule{
		Interval: 100 * time.Millisecond, MaxTTL: 30, MinPackets: 5,
		Tail: 300 * time.Millisecond, MaxDuration: 20 * time.Second, SlotWait: time.Second,
	}
}

// newRunner makes a Runner for a spool and an archive. do is nil for the
// namespace of this process.
func newRunner(spoolDir, archiveDir, mtrPacket string, do func(func() error) error, log *slog.Logger) (*Runner, *archive.Writer, error) {
	sched := probe.New(probe.Options{Do: do, Path: mtrPacket, Log: log})
	r := &Runner{
		Scheduler: sched,
		Tracer: &trace.Tracer{
			Prober: sched, Resolver: net.DefaultResolver, Memory: trace.NewMemory(), Slots: trace.NewSlots(100),
			Rule: shortRule(), Node: "lab", Now: time.Now,
		},
		Defaults: Defaults{Protocol: "icmp"},
		Jobs:     100, Node: report.Node{Name: "lab"}, Version: "test", ArchiveAt: archiveDir, Log: log, Now: time.Now,
	}
	var err error
	if r.Spool, err = spool.Open(spoolDir, spool.Options{Note: r.Note}); err != nil {
		return nil, nil, err
	}
	w, err := archive.OpenWriter(archiveDir, "UTC")
	r.Archive = w
	return r, w, err
}

// life is a Runner at work.
type life struct {
	*Runner
	t      *testing.T
	log    *logBuffer
	halt   func() // the first TERM
	cancel context.CancelFunc
	ended  chan error
}

// run starts a Runner inside the lab. Unless the test ends it before, it
// is ended with the test.
func (s *site) run(change ...func(*Runner)) *life {
	s.t.Helper()
	return s.runWith("", change...)
}

func (s *site) runWith(mtrPacket string, change ...func(*Runner)) *life {
	s.t.Helper()
	log := &logBuffer{}
	r, w, err := newRunner(s.path("spool"), s.path("archive"), mtrPacket, s.net.Space().Do, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range change {
		f(r)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	stop := make(chan struct{})
	l := &life{Runner: r, t: s.t, log: log, halt: sync.OnceFunc(func() { close(stop) }), cancel: cancel, ended: make(chan error, 1)}
	go func() { l.ended <- errors.Join(r.Run(ctx, stop), w.Close()) }()
	s.t.Cleanup(func() {
		cancel()
		if l.ended != nil {
			<-l.ended
		}
		if s.t.Failed() {
			s.t.Logf("log of the runner:\n%s", log)
		}
	})
	return l
}

func once(r *Runner) { r.Once = true }

// wait waits for the Runner's end.
func (l *life) wait() error {
	l.t.Helper()
	select {
	case err := <-l.ended:
		l.ended = nil
		return err
	case <-time.After(patience):
		l.t.Fatal("the runner does not end")
		return nil
	}
}

func (l *life) done() {
	l.t.Helper()
	if err := l.wait(); err != nil {
		l.t.Fatalf("run: %v", err)
	}
}

// drain is one TERM and the end.
func (l *life) drain() {
	l.t.Helper()
	l.halt()
	l.done()
}

// await looks at what the world shows until it is as wanted.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	lab.Await(t, patience, 5*time.Millisecond, what, ok)
}

// state is run.json as it is now.
func (s *site) state() spool.RunState {
	st, _, _ := s.spool.RunState(time.Now())
	return st
}

// events gives the probes that a job's events say have left, and how many
// of them have an outcome.
func (s *site) events(id ulid.ULID) (sent map[int]bool, known int) {
	sent = map[int]bool{}
	f, err := os.Open(s.path("spool", "cur", id.String()+".events"))
	if err != nil {
		return sent, 0
	}
	defer f.Close()
	_, err = report.ReadEvents(f, func(e report.Event) {
		switch {
		case e.E != report.EventProbe:
		case e.Kind == report.KindUnsent: // not after all
			delete(sent, e.N)
		default:
			sent[e.N] = true
			if e.Kind != report.KindPending {
				known++
			}
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return sent, known
}

// reports reads every report of the archive, by the requests that it
// names; a request that two reports name fails the test.
func (s *site) reports() map[ulid.ULID]*report.Report {
	s.t.Helper()
	reps, _ := s.readArchive()
	return reps
}

// readArchive reads the reports, and counts each job's lines in the
// indexes of days. A report is there before its line is.
func (s *site) readArchive() (out map[ulid.ULID]*report.Report, lines map[ulid.ULID]int) {
	s.t.Helper()
	out, lines = map[ulid.ULID]*report.Report{}, map[ulid.ULID]int{}
	err := filepath.WalkDir(s.path("archive"), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
			return err
		case strings.HasPrefix(d.Name(), ".tmp-"):
			return nil // under way
		case d.Name() == "index.jsonl":
			return countLines(path, lines)
		case filepath.Ext(path) != ".json":
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		rep, err := report.Decode(f)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, req := range rep.Evidence.Requests {
			if out[req.ID] != nil {
				s.t.Errorf("job %s is named in two reports", req.ID)
			}
			out[req.ID] = rep
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal(err)
	}
	return out, lines
}

func countLines(path string, lines map[ulid.ULID]int) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(data) {
		var e struct{ ID ulid.ULID }
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		lines[e.ID]++
	}
	return nil
}

// settled holds the promise: every accepted job is named in exactly one
// report or lies in bad/ with a reason, and nothing else is left.
func (s *site) settled() map[ulid.ULID]*report.Report {
	s.t.Helper()
	reps, lines := s.readArchive()
	for id := range reps {
		if lines[id] != 1 {
			s.t.Errorf("job %s has %d lines in the index, want 1", id, lines[id])
		}
	}
	for _, id := range s.ids {
		bad, err := filepath.Glob(s.path("spool", "bad", id.String()+"*.job.reason"))
		if err != nil {
			s.t.Fatal(err)
		}
		if (reps[id] != nil) == (len(bad) > 0) {
			s.t.Errorf("job %s: reported %t, in bad/ %d times", id, reps[id] != nil, len(bad))
		}
	}
	if len(reps) > len(s.ids) {
		s.t.Errorf("%d requests are reported, %d were made", len(reps), len(s.ids))
	}
	for _, dir := range []string{"drop", "tmp", "new", "cur"} {
		if names := s.list(dir); len(names) > 0 {
			s.t.Errorf("%s/ still holds %v", dir, names)
		}
	}
	return reps
}

// list gives the names in a directory of the spool.
func (s *site) list(dir string) (names []string) {
	s.t.Helper()
	entries, err := os.ReadDir(s.path("spool", dir))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// calm says whether everybody came to run in time: the network, which
// lives in this process, mtr-packet, and the node. On a busy machine they
// do not, answers are late or lost in earnest, and what a test wants to
// know of losses cannot be asked.
func (s *site) calm(l *life) bool {
	st := l.Scheduler.Stats()
	calm := st.Stalls == 0 && st.Late == 0
	for r := range s.net.Truth().Records() {
		if !r.Due.IsZero() && (r.Answered.IsZero() || r.Answered.Sub(r.Due) > 50*time.Millisecond) {
			calm = false
		}
	}
	if !calm {
		s.t.Log("this machine was too busy to ask for exact numbers")
	}
	return calm
}

// probed is how many probes toward a target the network has seen.
func (s *site) probed(target int) int {
	return s.net.Truth().Toward(target, lab.Window{}).Probes
}

// sent is how many probes of a report left, as far as it tells.
func sent(rep *report.Report) (n int) {
	e := &rep.Evidence
	n = len(e.Ping.TxMS)
	for _, hops := range [][]report.Hop{e.Hops, e.Beyond} {
		for _, h := range hops {
			n += len(h.TxMS)
		}
	}
	return n
}

// lost is how many of them a report calls lost.
func lost(rep *report.Report) (n int) {
	e := &rep.Evidence
	n = strings.Count(e.Ping.Answer, "-")
	for _, hops := range [][]report.Hop{e.Hops, e.Beyond} {
		for _, h := range hops {
			n += strings.Count(h.Answer, "-")
		}
	}
	return n
}

// logBuffer may be written to and read at once.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logBuffer) has(text string) bool { return strings.Contains(l.String(), text) }
