package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/internal/lab/cases"
	"github.com/mtrq/mtrq/internal/paths"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/internal/trace"
	"github.com/mtrq/mtrq/report"
)

// A stage is a recipe being made.
type stage struct {
	recipe
	net    *lab.Net
	tracer *trace.Tracer
	prober *probe.Scheduler
	undo   []func()
}

// make makes one case.
func (r recipe) make(ctx context.Context, number int, seed uint64) (c *cases.Case, err error) {
	n, err := lab.Start(lab.Config{Targets: 1, HopsMin: r.hops, HopsMax: r.hops, Seed: seed})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	ctx, cancel := context.WithCancel(ctx)
	s := &stage{recipe: r, net: n, prober: probe.New(probe.Options{Do: n.Space().Do})}
	var wg sync.WaitGroup
	var failed error
	wg.Go(func() { failed = s.prober.Run(ctx) })
	defer func() {
		cancel()
		wg.Wait()
		err = errors.Join(err, failed)
	}()
	least := r.packets
	if least == 0 {
		least = 100
	}
	s.tracer = &trace.Tracer{Prober: s.prober, Resolver: net.DefaultResolver, Memory: trace.NewMemory(), Slots: trace.NewSlots(1),
		Rule: trace.Rule{Interval: time.Second, MaxTTL: 30, MinPackets: least, Tail: 5 * time.Second, MaxDuration: 60 * time.Second, SlotWait: time.Second},
		Node: "lab", Now: time.Now}
	return s.run(ctx, number)
}

func (s *stage) run(ctx context.Context, number int) (*cases.Case, error) {
	for _, line := range s.before {
		undo, err := s.net.Change(line)
		if err != nil {
			return nil, err
		}
		s.undo = append(s.undo, undo)
	}
	if s.harm != nil {
		s.harm(s.net)
	}
	target := s.net.Target(0).Addr4
	if s.six {
		target = s.net.Target(0).Addr6
	}
	if s.known {
		s.tracer.Memory.KeepPath(target, uint8(s.hops))
	}
	job := trace.Job{Target: target.String(), Asker: "watchdog", Protocol: s.protocol, Rounds: s.rounds}
	if s.memory {
		if err := s.remember(ctx, job); err != nil {
			return nil, err
		}
	}
	if s.moved > 0 {
		s.net.Detour(s.net.Target(0).Router(s.moved))
	}
	var pings *report.Pings
	if s.pings > 0 {
		pings = s.watch(ctx, s.pings)
	}
	began := time.Now()
	events, err := s.trace(ctx, job)
	if err != nil {
		return nil, err
	}
	if pings != nil {
		events = append(events[:1:1], append([]report.Event{{E: report.EventWatch, MS: 1, Pings: pings}}, events[1:]...)...)
	}
	if s.stall[1] > 0 {
		events = stood(events, s.stall)
	}
	id := ulid.MustParse("01KAR1ABTB5H2ZJ0Q4V7W8X9YZ")
	number += 1000 // those below are of drawn cases
	id[14], id[15] = byte(number>>8), byte(number)
	c := &cases.Case{Name: s.name, Group: s.group, Node: report.Node{Name: "lab"}, Events: events,
		Requests: []report.Request{{ID: id, Accepted: events[0].At.Add(-5 * time.Millisecond), Source: "watchdog"}}}
	s.decide(c, began)
	return c, nil
}

// stood is what a machine that stood still would have written of a trace: no
// probe while it did, and no answer to what left within the second before, whose
// deadlines were over when it went on.
func stood(events []report.Event, stall [2]time.Duration) []report.Event {
	var out []report.Event
	for _, e := range events {
		if e.E == report.EventProbe {
			switch at := time.Duration(e.MS * 1e6); {
			case at >= stall[1]:
			case at >= stall[0]:
				continue
			case at >= stall[0]-900*time.Millisecond:
				e.Kind, e.US, e.Addr, e.MPLS = report.KindLost, nil, netip.Addr{}, nil
			}
		}
		out = append(out, e)
	}
	return out
}

// remember traces the path while all is well, and gives the tracer a memory
// of it.
func (s *stage) remember(ctx context.Context, job trace.Job) error {
	m := paths.New(0)
	outcomes := map[report.Kind]paths.Outcome{report.KindReply: paths.Reply, report.KindExpired: paths.Expired, report.KindLost: paths.Lost}
	target := s.net.Target(0).Addr4
	var at time.Time
	s.tracer.Trace(ctx, nil, job, func(e report.Event) {
		if e.E == report.EventStart {
			at = e.At
		}
		if o, ok := outcomes[e.Kind]; ok && e.E == report.EventProbe && e.TTL > 0 {
			rtt := time.Duration(0)
			if e.US != nil {
				rtt = time.Duration(*e.US) * time.Microsecond
			}
			m.Note(target, uint8(e.TTL), o, e.Addr, rtt, at.Add(time.Duration(e.MS*1e6)))
		}
	})
	if _, ok := m.Path(target); !ok {
		return fmt.Errorf("nothing remembered of the path")
	}
	s.tracer.Paths = m
	return ctx.Err()
}

// watch pings the target four times a second, as a watchdog would.
func (s *stage) watch(ctx context.Context, long time.Duration) *report.Pings {
	p := &report.Pings{From: time.Now()}
	type ping struct {
		ms     int64
		result probe.Result
	}
	back := make(chan ping, 1000)
	n := 0
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for end := p.From.Add(long); time.Now().Before(end) && ctx.Err() == nil; n++ {
		ms := time.Since(p.From).Milliseconds()
		s.prober.SubmitAll([]probe.Request{{Spec: probe.Spec{Addr: s.net.Target(0).Addr4, TTL: 64, Protocol: probe.ICMP, Size: 64}, Class: probe.Watch, Deadline: 500 * time.Millisecond,
			Done: func(r probe.Result) {
				if r.Outcome != probe.Late {
					back <- ping{ms, r}
				}
			}}})
		<-tick.C
	}
	got := make(map[int64]probe.Result)
	for range n {
		r := <-back
		got[r.ms] = r.result
	}
	for ms := int64(0); ms <= long.Milliseconds()+1000; ms++ {
		r, ok := got[ms]
		switch {
		case !ok:
			continue
		case r.Outcome == probe.Reply:
			us := r.RTT.Microseconds()
			p.RTTUS, p.Answer = append(p.RTTUS, &us), p.Answer+string(report.AnswerReply)
		case r.Outcome == probe.Lost:
			p.RTTUS, p.Answer = append(p.RTTUS, nil), p.Answer+string(report.AnswerLost)
		default:
			p.RTTUS, p.Answer = append(p.RTTUS, nil), p.Answer+string(report.AnswerPending)
		}
		p.TxMS = append(p.TxMS, ms)
	}
	return p
}

// trace runs the job while the script runs, and returns its events, each
// probe once.
func (s *stage) trace(ctx context.Context, job trace.Job) ([]report.Event, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var failed error
	begin := func() {
		wg.Go(func() { failed = s.play(ctx) })
	}
	if len(s.script) > 0 && strings.HasPrefix(s.script[0], "0s over") {
		begin()
		wg.Wait()
		begin = func() {}
	}
	var events []report.Event
	place := map[int]int{}
	started := false
	s.tracer.Trace(ctx, nil, job, func(e report.Event) {
		if e.E == report.EventStart && !started {
			started = true
			begin()
		}
		if e.E == report.EventProbe {
			if i, ok := place[e.N]; ok {
				events[i] = e
				return
			}
			place[e.N] = len(events)
		}
		events = append(events, e)
	})
	cancel()
	wg.Wait()
	if failed != nil && !errors.Is(failed, context.Canceled) {
		return nil, failed
	}
	if len(events) < 3 {
		return nil, fmt.Errorf("the trace has %d events", len(events))
	}
	return events, nil
}

// play runs the script.
func (s *stage) play(ctx context.Context) error {
	var events []lab.ScriptEvent
	for _, line := range s.script {
		at, rest, _ := strings.Cut(line, " ")
		do := map[string]func() error{
			"then": func() error { s.then(s.net); return nil },
			"over": func() error {
				for _, u := range s.undo {
					u()
				}
				return nil
			},
			"noroute": func() error { return s.noRoute(ctx) },
		}[rest]
		if do == nil {
			e, err := s.net.ParseEvent(line)
			if err != nil {
				return err
			}
			events = append(events, e)
			continue
		}
		wait, err := time.ParseDuration(at)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		if err := do(); err != nil {
			return err
		}
	}
	return s.net.Script(ctx, events)
}

// noRoute takes the machine's route to the target away for five seconds.
func (s *stage) noRoute(ctx context.Context) error {
	to := s.net.Target(0).Addr4.String() + "/32"
	ip := func(args ...string) error {
		if out, err := s.net.Space().Command(context.WithoutCancel(ctx), "ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
		}
		return nil
	}
	if err := ip("route", "add", "unreachable", to); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
	}
	return ip("route", "del", "unreachable", to)
}
