package lab

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Every change below takes effect between two packets and is noted in the truth. A packet's whole fate, its
// answer's included, is decided when it is read: a change does not touch what is in the air. Each returns a function
// that takes back what it changed, and may be ignored. An index out of range panics.

// apply puts a changed state in place. text describes the change.
func (n *Net) apply(text string, change func(*state)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	st := n.engine.state.Load().clone()
	change(st)
	st.seenNs = new(atomic.Int64)
	n.engine.state.Store(st)
	n.truth.note(st.seenNs, text)
}

// setRouter changes one router's field and returns what takes it back.
func setRouter[V any](n *Net, id RouterID, text string, field func(*Router) *V, v V) func() {
	var old V
	n.apply(text, func(st *state) {
		old, *field(&st.routers[id]) = *field(&st.routers[id]), v
	})
	return func() {
		n.apply("end of: "+text, func(st *state) { *field(&st.routers[id]) = old })
	}
}

// setLink likewise for a link.
func setLink(n *Net, id LinkID, text string, change, undo func(l *linkState, old linkState)) func() {
	var old linkState
	n.apply(text, func(st *state) {
		old = st.links[id]
		change(&st.links[id], old)
	})
	return func() {
		n.apply("end of: "+text, func(st *state) { undo(&st.links[id], old) })
	}
}

// Loss sets a link's loss in percent, 0 to 100. 100 in both directions is a line that is down.
func (n *Net) Loss(link LinkID, d Direction, percent float64) (undo func()) {
	set := func(l *linkState, forward, backward uint64) {
		if d&Forward != 0 {
			l.forward = forward
		}
		if d&Backward != 0 {
			l.backward = backward
		}
	}
	at := threshold(percent)
	return setLink(n, link, fmt.Sprintf("loss link=%d %s %g%%", link, d, percent),
		func(l *linkState, _ linkState) { set(l, at, at) },
		func(l *linkState, old linkState) { set(l, old.forward, old.backward) })
}

// Down takes a link down in both directions.
func (n *Net) Down(link LinkID) (undo func()) { return n.Loss(link, Both, 100) }

// Delay sets a link's one-way delay and jitter.
func (n *Net) Delay(link LinkID, delay, jitter time.Duration) (undo func()) {
	return setLink(n, link, fmt.Sprintf("delay link=%d %s jitter=%s", link, delay, jitter),
		func(l *linkState, _ linkState) { l.delayNs, l.jitterNs = int64(delay), int64(jitter) },
		func(l *linkState, old linkState) { l.delayNs, l.jitterNs = old.delayNs, old.jitterNs })
}

// AddDelay adds to a link's one-way delay.
func (n *Net) AddDelay(link LinkID, more time.Duration) (undo func()) {
	return setLink(n, link, fmt.Sprintf("delay link=%d +%s", link, more),
		func(l *linkState, _ linkState) { l.delayNs += int64(more) },
		func(l *linkState, _ linkState) { l.delayNs -= int64(more) })
}

// RateLimit sets the limit of a router's ICMP errors, with a full bucket.
func (n *Net) RateLimit(id RouterID, l Limit) (undo func()) {
	return setRouter(n, id, fmt.Sprintf("limit router=%d rate=%g burst=%d", id, l.PerSecond, l.Burst),
		func(r *Router) *Limit { return &r.Limit }, l)
}

// Silent lets a router answer nothing. It goes on forwarding.
func (n *Net) Silent(id RouterID, on bool) (undo func()) {
	return setRouter(n, id, fmt.Sprintf("silent router=%d %t", id, on), func(r *Router) *bool { return &r.Silent }, on)
}

// BlackHole lets a router answer for itself but forward nothing.
func (n *Net) BlackHole(id RouterID, on bool) (undo func()) {
	return setRouter(n, id, fmt.Sprintf("blackhole router=%d %t", id, on), func(r *Router) *bool { return &r.BlackHole }, on)
}

// Slow adds to the time of a router's own answers.
func (n *Net) Slow(id RouterID, by time.Duration) (undo func()) {
	return setRouter(n, id, fmt.Sprintf("slow router=%d %s", id, by), func(r *Router) *time.Duration { return &r.Slow }, by)
}

// Unreachable lets a router refuse to forward and say why.
func (n *Net) Unreachable(id RouterID, u Unreachable) (undo func()) {
	return setRouter(n, id, fmt.Sprintf("unreachable router=%d %s", id, u),
		func(r *Router) *Unreachable { return &r.Unreachable }, u)
}

// MPLS sets the labels that a router quotes, outermost first.
func (n *Net) MPLS(id RouterID, labels ...MPLS) (undo func()) {
	if len(labels) > 16 {
		panic("lab: more than 16 MPLS labels")
	}
	return setRouter(n, id, fmt.Sprintf("mpls router=%d %v", id, labels),
		func(r *Router) *[]MPLS { return &r.MPLS }, slices.Clone(labels))
}

// Filter sets the protocols that a target drops.
func (n *Net) Filter(target int, p Protocols) (undo func()) {
	text := fmt.Sprintf("filter target=%d %s", target, p)
	var old Protocols
	n.apply(text, func(st *state) { old, st.targets[target].Filter = st.targets[target].Filter, p })
	return func() { n.apply("end of: "+text, func(st *state) { st.targets[target].Filter = old }) }
}

// Reroute gives a target another path.
func (n *Net) Reroute(target int, p Path) (undo func()) {
	st := n.engine.state.Load()
	if err := (&Topology{Routers: st.routers, Links: make([]Link, len(st.links))}).checkPath(p); err != nil {
		panic("lab: reroute: " + err.Error())
	}
	text := fmt.Sprintf("reroute target=%d", target)
	var old Path
	n.apply(text, func(st *state) {
		old, st.targets[target].Path = st.targets[target].Path, p
		st.findRouters()
	})
	return func() {
		n.apply("end of: "+text, func(st *state) {
			st.targets[target].Path = old
			st.findRouters()
		})
	}
}

// Detour leads every path through a router over a new one instead, with an address of its own and a link like the
// old one's.
func (n *Net) Detour(id RouterID) (m Member, undo func()) {
	return n.replace(id, fmt.Sprintf("detour router=%d", id), func(Stage, Member) Stage { return Stage{} })
}

// replace adds a router beside one and rebuilds the stages that hold it. An empty Stage from build means the new
// router in place of the old.
func (n *Net) replace(id RouterID, text string, build func(s Stage, added Member) Stage) (m Member, undo func()) {
	old := map[int][]Stage{}
	n.apply(text, func(st *state) {
		for i, t := range st.targets {
			old[i] = t.Path.Stages
		}
		found := false
		for _, t := range st.targets {
			for _, s := range t.Path.Stages {
				if i := slices.IndexFunc(s.Members, func(m Member) bool { return m.Router == id }); i >= 0 && !found {
					m, found = st.addRouter(s.Members[i]), true
				}
			}
		}
		if !found {
			panic(fmt.Sprintf("lab: %s: no path goes through it", text))
		}
		st.replaceStage(id, func(s Stage) Stage {
			if b := build(s, m); len(b.Members) > 0 {
				return b
			}
			s.Members = slices.Clone(s.Members)
			for i := range s.Members {
				if s.Members[i].Router == id {
					s.Members[i] = m
				}
			}
			return s
		})
	})
	return m, func() {
		n.apply("end of: "+text, func(st *state) {
			for i := range st.targets {
				st.targets[i].Path.Stages = old[i]
			}
			st.findRouters()
		})
	}
}

// Spread turns a router's stage into one of several members that share the load, those added being like it.
// Stage.Members of the paths through it has them all.
func (n *Net) Spread(id RouterID, members int, mode FlowMode) (undo func()) {
	var undos []func()
	for range members - 1 {
		_, undo := n.replace(id, fmt.Sprintf("spread router=%d %s", id, mode), func(s Stage, added Member) Stage {
			s.Members = append(slices.Clone(s.Members), added)
			s.Mode = mode
			return s
		})
		undos = append(undos, undo)
	}
	return func() {
		for _, undo := range slices.Backward(undos) {
			undo()
		}
	}
}

func (d Direction) String() string {
	return [...]string{"none", "forward", "backward", "both"}[d&Both]
}

func (u Unreachable) String() string { return [...]string{"forwards", "net", "host", "admin"}[u] }

func (m FlowMode) String() string { return [...]string{"per-flow", "per-destination", "per-packet"}[m] }
