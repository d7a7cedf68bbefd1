package lab

import (
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// state is one moment of the network. It never changes once the engine can see it: a change clones what it
// touches and puts the clone in place with one atomic store, so a packet meets either the old or the new.
type state struct {
	routers []Router
	links   []linkState
	targets []TargetSpec
	// to4 and to6 say what stands behind a destination address.
	to4 map[[4]byte]place
	to6 map[[16]byte]place
	// toRouter is the path to a router's own address: the beginning of some path through it. Empty if none.
	toRouter [][]Stage
	// seenNs is when the first packet met this state, in nanoseconds since the network began; 0: none yet. The reading
	// thread writes it. Nil in the first state.
	seenNs *atomic.Int64
}

// place is a target or a router; the other is -1.
type place struct{ target, router int32 }

// linkState is a Link as the engine wants it: loss as a threshold for 32 random bits.
type linkState struct {
	delayNs, jitterNs int64
	forward, backward uint64
	spike             uint64 // as loss is
	spikeNs, spreadNs int64  // the shortest, and what may be added to it
}

// certain is a loss of 100 %.
const certain = 1 << 32

func threshold(percent float64) uint64 { return uint64(percent / 100 * certain) }

func newState(t *Topology) *state {
	s := &state{
		routers: slices.Clone(t.Routers), targets: slices.Clone(t.Targets),
		to4: map[[4]byte]place{}, to6: map[[16]byte]place{},
	}
	for _, l := range t.Links {
		s.links = append(s.links, newLinkState(l))
	}
	for i := range s.routers {
		s.name(s.routers[i].Addr4, place{-1, int32(i)})
		s.name(s.routers[i].Addr6, place{-1, int32(i)})
	}
	for i := range s.targets {
		s.name(s.targets[i].Addr4, place{int32(i), -1})
		s.name(s.targets[i].Addr6, place{int32(i), -1})
		if s.targets[i].OpenTCP == nil {
			s.targets[i].OpenTCP = []uint16{80, 443}
		}
	}
	s.findRouters()
	return s
}

func newLinkState(l Link) linkState {
	return linkState{
		delayNs: int64(l.Delay), jitterNs: int64(l.Jitter),
		forward: threshold(l.LossForward), backward: threshold(l.LossBackward),
		spike:   threshold(l.Spikes.Percent),
		spikeNs: int64(l.Spikes.Least), spreadNs: int64(max(0, l.Spikes.Most-l.Spikes.Least)),
	}
}

func (s *state) name(a netip.Addr, p place) {
	switch {
	case !a.IsValid():
	case a.Is4():
		s.to4[a.As4()] = p
	default:
		s.to6[a.As16()] = p
	}
}

// clone copies what changes may touch in place. Paths are replaced whole and never written into.
func (s *state) clone() *state {
	c := *s
	c.routers = slices.Clone(s.routers)
	c.links = slices.Clone(s.links)
	c.targets = slices.Clone(s.targets)
	return &c
}

// addRouter appends a router beside an existing one, with a link of its own that is like the given one.
func (s *state) addRouter(like Member) Member {
	r := s.routers[like.Router]
	r.Addr4, r.Addr6 = s.freeRouterAddrs()
	m := Member{Router: RouterID(len(s.routers)), Link: LinkID(len(s.links))}
	s.routers = append(s.routers, r)
	s.links = append(s.links, s.links[like.Link])
	s.to4, s.to6 = maps.Clone(s.to4), maps.Clone(s.to6)
	s.name(r.Addr4, place{-1, int32(m.Router)})
	s.name(r.Addr6, place{-1, int32(m.Router)})
	return m
}

// freeRouterAddrs finds the first pair of router addresses that nothing has.
func (s *state) freeRouterAddrs() (v4, v6 netip.Addr) {
	for i := len(s.routers); ; i++ {
		v4, v6 = routerAddrs(i)
		_, used4 := s.to4[v4.As4()]
		_, used6 := s.to6[v6.As16()]
		if !used4 && !used6 {
			return v4, v6
		}
	}
}

// replaceStage puts f's result in place of every stage that holds the router.
func (s *state) replaceStage(router RouterID, f func(Stage) Stage) {
	for i := range s.targets {
		stages := s.targets[i].Path.Stages
		for j, stage := range stages {
			if slices.ContainsFunc(stage.Members, func(m Member) bool { return m.Router == router }) {
				stages = slices.Clone(stages)
				stages[j] = f(stage)
				s.targets[i].Path.Stages = stages
			}
		}
	}
	s.findRouters()
}

// findRouters sets the path to each router.
func (s *state) findRouters() {
	s.toRouter = make([][]Stage, len(s.routers))
	for _, t := range s.targets {
		for i, stage := range t.Path.Stages {
			for _, m := range stage.Members {
				if s.toRouter[m.Router] != nil {
					continue
				}
				path := slices.Clone(t.Path.Stages[:i+1])
				path[i] = Stage{Members: []Member{m}} // toward its own address there is no choice left
				s.toRouter[m.Router] = path
			}
		}
	}
}

// roundTrip is the time there and back over links without jitter, up to and including the stage of a TTL, or the
// target's where ttl is beyond the last router.
func (s *state) roundTrip(p Path, ttl int) time.Duration {
	var d int64
	for _, stage := range p.Stages[:min(ttl, len(p.Stages))] {
		d += s.links[stage.Members[0].Link].delayNs
	}
	if ttl > len(p.Stages) {
		d += s.links[p.Last].delayNs
	}
	return time.Duration(2 * d)
}
