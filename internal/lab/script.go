package lab

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ScriptEvent is a change of the network at a time after the script's start, taken back after For unless that is 0.
type ScriptEvent struct {
	At, For time.Duration
	Text    string
	apply   func() (undo func())
}

// ParseEvent reads one line of a script, for example
//
//	5s loss link=7 forward 30% for 10s
//	0s limit ttl=1 rate=100 burst=50
//
// A time, a change as ParseChange knows it, and how long it lasts if it ends.
func (n *Net) ParseEvent(line string) (ScriptEvent, error) {
	words := strings.Fields(line)
	e := ScriptEvent{Text: strings.Join(words, " ")}
	fail := func(err error) (ScriptEvent, error) { return e, fmt.Errorf("event %q: %w", line, err) }
	if len(words) < 2 {
		return fail(fmt.Errorf("want a time and a change, such as %q", "5s loss link=7 forward 30%% for 10s"))
	}
	var err error
	if e.At, err = time.ParseDuration(words[0]); err != nil || e.At < 0 {
		return fail(fmt.Errorf("%q is no time after the start, such as 5s", words[0]))
	}
	words = words[1:]
	if k := len(words) - 2; k > 0 && words[k] == "for" {
		if e.For, err = time.ParseDuration(words[k+1]); err != nil || e.For <= 0 {
			return fail(fmt.Errorf("%q is no duration, such as 10s", words[k+1]))
		}
		words = words[:k]
	}
	if e.apply, err = n.parseChange(words); err != nil {
		return fail(err)
	}
	return e, nil
}

// Change reads a change without times, such as "limit ttl=1 rate=100", and applies it.
func (n *Net) Change(line string) (undo func(), err error) {
	apply, err := n.parseChange(strings.Fields(line))
	if err != nil {
		return nil, fmt.Errorf("change %q: %w", line, err)
	}
	return apply(), nil
}

// Script applies events at their times from now on, and returns after the last or with the context's error.
func (n *Net) Script(ctx context.Context, events []ScriptEvent) error {
	type step struct {
		at time.Duration
		do func()
	}
	var steps []step
	for _, e := range events {
		var undo func()
		steps = append(steps, step{e.At, func() { undo = e.apply() }})
		if e.For > 0 {
			steps = append(steps, step{e.At + e.For, func() { undo() }})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return int(a.at - b.at) })
	began := time.Now()
	for _, s := range steps {
		timer := time.NewTimer(s.at - time.Since(began))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
			s.do()
		}
	}
	return nil
}

// parseChange reads
//
//	loss   LINK [forward|backward|both] 30%      silent, blackhole, detour ROUTER
//	down   LINK                                  limit ROUTER rate=100 [burst=50]
//	delay  LINK +20ms                            slow ROUTER 800ms
//	filter target=3 icmp|udp|tcp|icmp+udp        unreachable ROUTER net|host|admin
//	mpls   ROUTER labels=16001,24005             spread ROUTER members=3 [per-flow|per-packet|per-destination]
//
// ROUTER is router=ID or ttl=N, on the path to target=T (0); LINK is link=ID, ttl=N for the link into that router, or
// target=T alone for the link into the target. In a tree all paths have the routers of TTL 1 to 3 in common.
func (n *Net) parseChange(words []string) (func() func(), error) {
	if len(words) == 0 {
		return nil, fmt.Errorf("empty")
	}
	a := args{net: n, target: -1}
	if err := a.parse(words[1:]); err != nil {
		return nil, err
	}
	var apply func() func()
	switch verb := words[0]; verb {
	case "loss", "down", "delay":
		apply = a.onLink(verb)
	case "filter":
		p, target := a.protocols(), a.target
		if target < 0 {
			return nil, fmt.Errorf("want target=N")
		}
		apply = func() func() { return n.Filter(target, p) }
	default:
		apply = a.onRouter(verb)
	}
	if apply == nil && a.err == nil {
		a.err = fmt.Errorf("unknown change %q", words[0])
	}
	if a.err == nil && len(a.rest) > 0 {
		a.err = fmt.Errorf("do not understand %q", strings.Join(a.rest, " "))
	}
	return apply, a.err
}

func (a *args) onLink(verb string) func() func() {
	n, link := a.net, a.linkID()
	switch verb {
	case "loss":
		d, percent := a.direction(), a.percent()
		return func() func() { return n.Loss(link, d, percent) }
	case "down":
		return func() func() { return n.Down(link) }
	}
	more := a.duration()
	return func() func() { return n.AddDelay(link, more) }
}

func (a *args) onRouter(verb string) func() func() {
	n, id := a.net, a.routerID()
	switch verb {
	case "silent":
		return func() func() { return n.Silent(id, true) }
	case "blackhole":
		return func() func() { return n.BlackHole(id, true) }
	case "detour":
		return func() func() { _, undo := n.Detour(id); return undo }
	case "limit":
		rate, err := strconv.ParseFloat(a.values["rate"], 64)
		l := Limit{PerSecond: rate, Burst: a.number("burst", max(1, int(rate/20)))}
		if err != nil || rate < 0 {
			a.err = fmt.Errorf("want rate=ANSWERS_PER_SECOND")
		}
		return func() func() { return n.RateLimit(id, l) }
	case "slow":
		by := a.duration()
		return func() func() { return n.Slow(id, by) }
	case "unreachable":
		i := slices.Index([]string{"net", "host", "admin"}, a.word())
		if i < 0 {
			a.err = fmt.Errorf("want net, host or admin")
		}
		return func() func() { return n.Unreachable(id, Unreachable(i+1)) }
	case "mpls":
		var labels []MPLS
		for _, s := range strings.Split(a.values["labels"], ",") {
			l, err := strconv.ParseUint(s, 10, 20)
			if err != nil || len(labels) == 16 {
				a.err = fmt.Errorf("want labels=16001,24005: at most 16 labels of at most 20 bits")
			}
			labels = append(labels, MPLS{Label: uint32(l), TTL: 1})
		}
		return func() func() { return n.MPLS(id, labels...) }
	case "spread":
		members, mode := a.number("members", 2), 0
		if len(a.rest) > 0 {
			mode = slices.Index([]string{"per-flow", "per-destination", "per-packet"}, a.word())
		}
		if mode < 0 || members < 2 || members > 64 {
			a.missing("members=2 to 64 and per-flow, per-destination or per-packet")
		}
		return func() func() { return n.Spread(id, members, FlowMode(max(0, mode))) }
	}
	return nil
}
