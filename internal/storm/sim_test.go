package storm

import (
	"cmp"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"
)

// A simNet is a random tree as internal/lab makes them: three shared routers, then
// twice as many at each TTL until two targets share one.
type simNet struct {
	rng     *rand.Rand
	paths   [][]int // by target: routers, nearest first
	routers []simRouter
}

type simRouter struct {
	parent int
	behind []int // targets
	depth  int
	usual  float64 // share of probes it answers when asked slowly; 0: a silent one
	limit  bool    // six at once, then one a second
}

// simOpts are what makes a draw harder.
type simOpts struct {
	targets int
	silent  float64 // share of routers that never answer
	stingy  float64 // share that answers three of ten
	unknown float64 // share of targets without a known path
}

func newSimNet(rng *rand.Rand, o simOpts) *simNet {
	s := &simNet{rng: rng}
	widest := min(512, 1<<bits.Len(uint(max(2, o.targets/2)-1)))
	made := make([]map[uint32]int, 16)
	for t := range o.targets {
		branch := rng.Uint32()
		var path []int
		for stage := range 7 + rng.IntN(8) {
			width := uint32(1)
			if stage >= 3 {
				width = uint32(min(1<<(stage-2), widest))
			}
			if made[stage] == nil {
				made[stage] = map[uint32]int{}
			}
			r, ok := made[stage][branch&(width-1)]
			if !ok {
				r = len(s.routers)
				made[stage][branch&(width-1)] = r
				n := simRouter{parent: -1, depth: stage, usual: 0.98, limit: rng.IntN(2) == 0}
				if stage > 0 {
					n.parent = path[stage-1]
				}
				switch f := rng.Float64(); {
				case stage == 0:
				case f < o.silent:
					n.usual = 0
				case f < o.silent+o.stingy:
					n.usual = 0.3
				}
				s.routers = append(s.routers, n)
			}
			s.routers[r].behind = append(s.routers[r].behind, t)
			path = append(path, r)
		}
		s.paths = append(s.paths, path)
	}
	return s
}

func routerAddr(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
}

func targetAddr(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 19, byte(i >> 8), byte(i)})
}

// pick is a random router with a number of targets behind it.
func (s *simNet) pick(low, high int) int {
	var fit []int
	for r := range s.routers {
		if n := len(s.routers[r].behind); n >= low && n <= high {
			fit = append(fit, r)
		}
	}
	return fit[s.rng.IntN(len(fit))]
}

// A simFault is the loss on the link to a router, or to a target.
type simFault struct {
	router, target int // -1: not that
	loss           float64
}

// evidence is what a watchdog has after ten pings to each target, with looks
// at the path of those that missed one where looks is set.
func (s *simNet) evidence(o simOpts, pings int, looks bool, faults ...simFault) (e []Evidence, lossy []int) {
	rng := s.rng
	rate := func(t, hops int) float64 { // of a packet toward t that gets as far as so many hops; all routers: to t
		pass := 1 - 0.0005
		for _, f := range faults {
			if f.target == t && hops > len(s.paths[t]) || f.router >= 0 && slices.Contains(s.paths[t][:min(hops, len(s.paths[t]))], f.router) {
				pass *= 1 - f.loss
			}
		}
		return 1 - pass
	}
	memory := make([]int, len(s.routers)) // answers to 24 probes of path memory
	for r := range memory {
		for range 24 {
			if rng.Float64() < s.routers[r].usual {
				memory[r]++
			}
		}
	}
	type probe struct {
		at     float64
		target int
		ttl    int
	}
	var probes []probe
	for t, path := range s.paths {
		v := Evidence{Target: targetAddr(t), Sent: pings}
		p := rate(t, len(path)+1)
		for range pings {
			if rng.Float64() < p {
				v.Lost++
			}
		}
		if rng.Float64() >= o.unknown {
			for _, r := range path {
				a := routerAddr(r)
				if s.routers[r].usual == 0 {
					a = netip.Addr{}
				}
				v.Path = append(v.Path, a)
			}
		}
		e = append(e, v)
		if v.Lost >= 2 { // about what opens an incident; once in ten thousand draws of a clean target
			lossy = append(lossy, t)
		}
		if looks && v.Lost > 0 {
			begin := 1.5 * rng.Float64()
			for wave := range 3 {
				for ttl := range path {
					probes = append(probes, probe{begin + 0.15*float64(wave) + 0.001*float64(ttl), t, ttl + 1})
				}
			}
		}
	}
	slices.SortFunc(probes, func(a, b probe) int { return cmp.Compare(a.at, b.at) })
	tokens := make([]float64, len(s.routers))
	asked := make([]float64, len(s.routers))
	for r := range tokens {
		tokens[r] = 6
	}
	for _, p := range probes {
		r := s.paths[p.target][p.ttl-1]
		v := &e[p.target]
		i := slices.IndexFunc(v.Hops, func(h HopCount) bool { return h.TTL == p.ttl })
		if i < 0 {
			i = len(v.Hops)
			v.Hops = append(v.Hops, HopCount{TTL: p.ttl, UsualAnswered: memory[r], UsualAsked: 24})
		}
		h := &v.Hops[i]
		h.Sent++
		h.Lost++
		if rng.Float64() < rate(p.target, p.ttl) {
			continue
		}
		tokens[r] = min(6, tokens[r]+p.at-asked[r])
		asked[r] = p.at
		if s.routers[r].limit && tokens[r] < 1 || rng.Float64() >= s.routers[r].usual {
			continue
		}
		tokens[r]--
		h.Lost--
		h.Addr = routerAddr(r)
	}
	return e, lossy
}

// covers tells whether the link to a router is on the stretch that was named,
// and of how many links that stretch is. A stretch without an end is right
// where all routers from its begin to this one are silent, or suspects.
func (s *simNet) covers(r Result, router int) (covered bool, links int) {
	if r.Place == nil {
		return false, 0
	}
	t := s.routers[router].behind[0]
	for _, u := range r.Members {
		if slices.Contains(s.routers[router].behind, u) {
			t = u
		}
	}
	path := []netip.Addr{{}}
	for _, r := range s.paths[t] {
		path = append(path, routerAddr(r))
	}
	path = append(path, targetAddr(t))
	at := s.routers[router].depth + 1
	from := slices.Index(path, r.Place.From)
	to := slices.Index(path, r.Place.To)
	if !r.Place.To.IsValid() {
		to = at
		for i := max(from, 0); i < at; i++ {
			if s.routers[s.paths[t][i]].usual > 0 && !slices.Contains(r.Place.Suspects, path[i+1]) {
				to = -1
			}
		}
	}
	return from >= 0 && to > from && from < at && at <= to, to - from
}
