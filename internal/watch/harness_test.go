package watch

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/mtrq/mtrq/internal/host"
	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/internal/paths"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/internal/run"
	"github.com/mtrq/mtrq/internal/targets"
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
	if dir := os.Getenv(childVariable); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(lab.TestMain(leakFree{m}))
}

// site is a node that watches targets of a private network.
type site struct {
	t   *testing.T
	net *lab.Net
	dir string
	sp  *spool.Spool
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
	if s.sp, err = spool.Open(filepath.Join(s.dir, "spool"), spool.Options{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// fastRules notice what the real ones do, and do not wait so long for what
// comes after.
func fastRules() Rules {
	return Rules{
		// Not the slow rule: on a machine that is too busy the network of the lab itself is late now and then.
		Interval: 200 * time.Millisecond, Lost: 3, Of: 12,
		ClearFor: 4 * time.Second, CleanFor: 2 * time.Second, QuietFor: time.Second, Settle: time.Second,
	}
}

// life is a node at work.
type life struct {
	*run.Runner
	site *site
	dog  *Watchdog
	log  *logBuffer
	halt func()
	kill context.CancelFunc
	end  chan error
	told *tellTale
}

// beside makes a Watchdog what a Runner wants.
type beside struct{ *Watchdog }

func (b beside) Look(id ulid.ULID) (run.Look, bool) { return b.Watchdog.Look(id) }

// fixed is a list of targets that changes when it is told to.
type fixed struct {
	list    targets.List
	changes chan targets.List
}

func (f *fixed) Run(ctx context.Context, changed func(targets.List)) error {
	changed(f.list)
	for {
		select {
		case l := <-f.changes:
			changed(l)
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *fixed) Sources() []targets.Source { return nil }

// all lists every target of the network.
func (s *site) all(every time.Duration) *fixed {
	f := &fixed{changes: make(chan targets.List)}
	for i := range s.net.Targets() {
		a := s.net.Target(i).Addr4
		f.list.Targets = append(f.list.Targets, targets.Target{Name: a.String(), Addr: a, Source: "test", Interval: every, Protocol: "icmp"})
	}
	return f
}

// tellTale is who is told.
type tellTale struct {
	mu  sync.Mutex
	got []told
}

type told struct {
	on  string
	inc *report.Incident
}

func (t *tellTale) Send(on string, inc *report.Incident) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.got = append(t.got, told{on, inc})
}

func (t *tellTale) all() []told {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]told(nil), t.got...)
}

// newNode makes a node in a directory; do is nil for the namespace of this
// process.
func newNode(dir string, lists Lists, do func(func() error) error, log *slog.Logger, hooks Hooks) (*run.Runner, *Watchdog, *archive.Writer, error) {
	sp, err := spool.Open(filepath.Join(dir, "spool"), spool.Options{})
	if err != nil {
		return nil, nil, nil, err
	}
	ar, err := archive.OpenWriter(filepath.Join(dir, "archive"), "UTC")
	if err != nil {
		return nil, nil, nil, err
	}
	sched := probe.New(probe.Options{Do: do, Log: log})
	known := paths.New(0)
	tracer := &trace.Tracer{
		Prober: sched, Resolver: net.DefaultResolver, Memory: trace.NewMemory(), Paths: known, Slots: trace.NewSlots(100),
		Rule: trace.Rule{
			Interval: 200 * time.Millisecond, MaxTTL: 30, MinPackets: 20, Tail: 2 * time.Second, MaxDuration: 30 * time.Second, SlotWait: time.Second,
		},
		Node: "lab", Now: time.Now,
	}
	dog := &Watchdog{
		Rules: fastRules(), Lists: lists, Prober: sched, Tracer: tracer, Job: trace.Job{Protocol: probe.ICMP},
		Paths: known, PathsAt: filepath.Join(dir, "paths"), Pinger: &Pinger{Do: do}, EchoDo: do, Spool: sp, Archive: ar,
		Host: &host.Reader{Do: do}, Hooks: hooks, Reports: ar.IncidentReports, Node: report.Node{Name: "lab"}, Log: log, Now: time.Now,
	}
	return &run.Runner{
		Spool: sp, Archive: ar, Scheduler: sched, Tracer: tracer, Defaults: run.Defaults{Protocol: "icmp"}, Jobs: 100,
		Node: report.Node{Name: "lab"}, Version: "test", ArchiveAt: filepath.Join(dir, "archive"), Watch: beside{dog}, Log: log, Now: time.Now,
	}, dog, ar, nil
}

// start lets the node work until the test ends, or halt or kill is called.
func (s *site) start(change ...func(*Watchdog)) *life {
	s.t.Helper()
	l := &life{site: s, log: &logBuffer{}, told: &tellTale{}, end: make(chan error, 1)}
	r, dog, ar, err := newNode(s.dir, s.all(200*time.Millisecond), s.net.Space().Do, slog.New(slog.NewTextHandler(l.log, nil)), l.told)
	if err != nil {
		s.t.Fatal(err)
	}
	l.Runner, l.dog = r, dog
	for _, f := range change {
		f(dog)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	stop := make(chan struct{})
	l.halt, l.kill = sync.OnceFunc(func() { close(stop) }), cancel
	go func() { l.end <- errors.Join(r.Run(ctx, stop), ar.Close()) }()
	s.t.Cleanup(func() {
		cancel()
		if l.end != nil {
			<-l.end
		}
		if s.t.Failed() {
			s.t.Logf("log of the node:\n%s", l.log)
		}
	})
	return l
}

// drain is one TERM and the end.
func (l *life) drain() {
	l.site.t.Helper()
	l.halt()
	select {
	case err := <-l.end:
		l.end = nil
		if err != nil {
			l.site.t.Fatalf("run: %v", err)
		}
	case <-time.After(patience):
		l.site.t.Fatal("the node does not end")
	}
}

// await looks at what the world shows until it is as wanted.
func (s *site) await(what string, ok func() bool) {
	s.t.Helper()
	lab.Await(s.t, patience, 20*time.Millisecond, what, ok)
}

// answering waits until every target has answered some pings.
func (s *site) answering() {
	s.t.Helper()
	s.await("answers of all targets", func() bool {
		st, err := s.sp.WatchState()
		if err != nil || len(st.Targets) == 0 {
			return false
		}
		for _, t := range st.Targets {
			if t.Sent-t.Lost < 10 {
				return false
			}
		}
		return true
	})
}

// open is the incidents that are open, as state/ has them.
func (s *site) open() (out []*report.Incident) {
	names, err := s.sp.ListState("incidents")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, n := range names {
		data, err := s.sp.ReadState("incidents/" + n)
		if err != nil {
			continue // closed in between
		}
		inc, err := report.DecodeIncident(data)
		if err != nil {
			s.t.Fatalf("%s: %v", n, err)
		}
		out = append(out, inc)
	}
	return out
}

// closed is the incidents of the archive.
func (s *site) closed() (out []*report.Incident) {
	files, err := filepath.Glob(filepath.Join(s.dir, "archive/*/*/*/incidents/[^.]*.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			s.t.Fatal(err)
		}
		inc, err := report.DecodeIncident(data)
		if err != nil {
			s.t.Fatalf("%s: %v", f, err)
		}
		out = append(out, inc)
	}
	return out
}

// report reads an archived report.
func (s *site) report(id ulid.ULID) *report.Report {
	ar, err := archive.Open(filepath.Join(s.dir, "archive"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer ar.Close()
	e, err := ar.Find(id.String())
	if err != nil {
		return nil
	}
	r, err := ar.Load(e)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// state is a target as targets.json has it.
func (s *site) state(i int) (spool.WatchTarget, bool) {
	st, err := s.sp.WatchState()
	if err != nil {
		return spool.WatchTarget{}, false
	}
	for _, t := range st.Targets {
		if t.Address == s.net.Target(i).Addr4 {
			return t, true
		}
	}
	return spool.WatchTarget{}, false
}

type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
