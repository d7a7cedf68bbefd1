package trace

import (
	"context"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/report"
)

func TestMain(m *testing.M) { os.Exit(lab.TestMain(m)) }

// bench is a tracer at work in a lab.
type bench struct {
	net    *lab.Net
	tracer *Tracer
	ctx    context.Context
}

func newBench(t *testing.T, cfg lab.Config) *bench {
	t.Helper()
	lab.Need(t, "mtr-packet")
	n, err := lab.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := probe.New(probe.Options{Do: n.Space().Do})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("scheduler: %v", err)
		}
		if err := n.Close(); err != nil {
			t.Errorf("close lab: %v", err)
		}
	})
	return &bench{net: n, ctx: ctx, tracer: &Tracer{
		Prober: s, Resolver: net.DefaultResolver, Memory: NewMemory(), Slots: NewSlots(10),
		Rule: Rule{
			Interval: 200 * time.Millisecond, MaxTTL: 30, MinPackets: 15,
			Tail: time.Second, MaxDuration: 20 * time.Second, SlotWait: time.Second,
		},
		Node: "lab", Now: time.Now,
	}}
}

// trace runs a job and folds what it saw.
func (b *bench) trace(t *testing.T, drain <-chan struct{}, j Job, seen func(report.Event)) *report.Report {
	t.Helper()
	var events []report.Event
	ended, sent := b.tracer.Trace(b.ctx, drain, j, func(e report.Event) {
		events = append(events, e)
		if seen != nil {
			seen(e)
		}
	})
	rep, err := report.Fold([]report.Request{{ID: ulid.Make(), Accepted: time.Now()}}, report.Node{}, events, report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Evidence.Ended != ended {
		t.Errorf("report ended %s, Trace said %s", rep.Evidence.Ended, ended)
	}
	if sent == 0 && rep.Evidence.Times.FirstProbe != nil {
		t.Error("no probe counted as sent, but the report has some")
	}
	return rep
}

func TestTraceSeesThePath(t *testing.T) {
	b := newBench(t, lab.Config{Targets: 3, Seed: 7})
	clock := report.HostClock{Synced: true, OffsetUS: new(int64(-84)), ErrorUS: new(int64(12500))}
	b.tracer.Clock = func() *report.HostClock { return &clock }
	target := b.net.Target(1)
	rep := b.trace(t, nil, Job{Target: target.Addr4.String()}, nil)
	e := &rep.Evidence
	var got []string
	for _, h := range e.Hops {
		got = append(got, e.Addresses[*h.Addr[0]].String())
	}
	var want []string
	for _, h := range target.Hops() {
		want = append(want, h[0].String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("path (-want +got):\n%s", diff)
	}
	if e.Target.State != report.Reached || e.Ended != report.EndedComplete || e.Verdict.Class != report.Clean {
		t.Errorf("got %s, %s, %s; want reached, complete, clean", e.Target.State, e.Ended, e.Verdict.Class)
	}
	if diff := cmp.Diff(&clock, e.Clock); diff != "" {
		t.Errorf("clock (-want +got):\n%s", diff)
	}
	if length, known := b.tracer.Memory.Path(target.Addr4); !known || int(length) != target.TTL() {
		t.Errorf("remembers length %d, want %d", length, target.TTL())
	}
}

func TestTargetsThatDoNotAnswer(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(*lab.Net, lab.Target)
		want report.State
	}{
		{"filters ICMP", func(n *lab.Net, t lab.Target) { n.Filter(0, lab.ICMP) }, report.Filtered},
		{"cut in the middle", func(n *lab.Net, t lab.Target) { n.BlackHole(t.Router(4), true) }, report.Silent},
		{"a router says unreachable", func(n *lab.Net, t lab.Target) { n.Unreachable(t.Router(4), lab.HostUnreachable) }, report.Unreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, lab.Config{Targets: 1, Seed: 7})
			target := b.net.Target(0)
			c.harm(b.net, target)
			e := &b.trace(t, nil, Job{Target: target.Addr4.String()}, nil).Evidence
			if e.Target.State != c.want {
				t.Errorf("got %s (%s), want %s", e.Target.State, e.Verdict.Sentence, c.want)
			}
		})
	}
	t.Run("no route", func(t *testing.T) {
		b := newBench(t, lab.Config{Targets: 1, Seed: 7})
		if out, err := b.net.Space().Command(t.Context(), "ip", "route", "flush", "table", "main").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		e := &b.trace(t, nil, Job{Target: b.net.Target(0).Addr4.String()}, nil).Evidence
		if e.Target.State != report.NoRoute {
			t.Errorf("got %s (%s), want no-route", e.Target.State, e.Verdict.Sentence)
		}
	})
	t.Run("name that does not resolve", func(t *testing.T) {
		b := newBench(t, lab.Config{Targets: 1, Seed: 7})
		b.tracer.Resolver = names{}
		e := &b.trace(t, nil, Job{Target: "nope.example.net"}, nil).Evidence
		if e.Target.State != report.Unresolved || e.Ended != report.EndedFailed {
			t.Errorf("got %s, %s; want unresolved, failed", e.Target.State, e.Ended)
		}
	})
	t.Run("refused by the policy", func(t *testing.T) {
		b := newBench(t, lab.Config{Targets: 1, Seed: 7})
		e := &b.trace(t, nil, Job{Target: "127.0.0.1", Asker: "http"}, nil).Evidence
		if e.Target.State != report.Forbidden || e.Ended != report.EndedRefused {
			t.Errorf("got %s, %s; want refused", e.Target.State, e.Ended)
		}
		if n := b.net.Truth().Count(lab.Window{}, func(*lab.Record) bool { return true }); n.Probes != 0 {
			t.Errorf("probes left: %s", n)
		}
	})
}

func TestDrain(t *testing.T) {
	b := newBench(t, lab.Config{Targets: 1, Seed: 7})
	drain := make(chan struct{})
	rep := b.trace(t, drain, Job{Target: b.net.Target(0).Addr4.String()}, func(e report.Event) {
		if e.Phase == report.PhaseLongLook {
			close(drain)
		}
	})
	if rep.Evidence.Ended != report.EndedShutdown || rep.Evidence.Times.FirstLook == nil {
		t.Errorf("got %s, first look %v; want shutdown after a whole first look", rep.Evidence.Ended, rep.Evidence.Times.FirstLook)
	}
}

// TestLossWhileTracing loses packets on a link in the middle of the long
// look: the trace goes on until the target is clean again.
func TestLossWhileTracing(t *testing.T) {
	b := newBench(t, lab.Config{Targets: 1, Seed: 7})
	target := b.net.Target(0)
	var undo func()
	lost := 0
	rep := b.trace(t, nil, Job{Target: target.Addr4.String()}, func(e report.Event) {
		switch {
		case e.Phase == report.PhaseLongLook:
			undo = b.net.Loss(target.Link(5), lab.Forward, 100)
		case e.Kind == report.KindLost && e.TTL == 0:
			if lost++; lost == 3 {
				undo()
			}
		}
	})
	e := &rep.Evidence
	if e.Verdict.Class != report.RealLoss || e.Ended != report.EndedComplete {
		t.Errorf("got %s, %s (%s); want real-loss, complete", e.Verdict.Class, e.Ended, e.Verdict.Sentence)
	}
	if n := len(e.Ping.Answer); n == 0 || !slices.Contains([]byte("re"), e.Ping.Answer[n-1]) {
		t.Errorf("the trace did not see the recovery: %s", e.Ping.Answer)
	}
}
