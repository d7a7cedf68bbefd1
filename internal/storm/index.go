package storm

import (
	"net/netip"
	"slices"
)

// An index numbers the hops and places of all paths.
type index struct {
	nodes  []node
	places []place
	start  []int   // by target: where its edges begin in flat; one more than targets
	flat   []int32 // by TTL, the link to it; the target's last link at the end; -1: an address again, no new hop
	root   int32   // place of the machine itself, -1 where all paths share the first link
	buf    []int32
}

// A node is a hop: an address, a silent hop after one, or this machine (the
// first).
type node struct {
	addr   netip.Addr // of a router or target
	name   hopName
	from   int32 // the first link to it comes from there …
	in     int32 // … and is this place; -1: none yet
	router int32 // the place that is this router itself, where several links lead to it; else -1
	out    int32 // links that leave it
	seen   int   // the last target, plus one, whose path had it
	more   bool  // several links lead to it
}

// A place is where packets may be lost (see the package comment).
type place struct {
	from, to int32 // nodes; from -1: a router or the machine
	behind   int32 // targets
	last     bool  // leads to a target
	hash     uint64
	class    int32 // of places with the same targets behind them; -1: behind it all is clean
}

func newIndex(e []Evidence) *index {
	x := &index{start: make([]int, 1, len(e)+1), root: -1}
	hops := 0
	for t := range e {
		hops += min(len(e[t].Path), maxPath) + 1
	}
	x.flat = make([]int32, 0, hops)
	x.nodes = make([]node, 1, len(e)*2+1) // as many routers as targets, about
	x.nodes[0] = node{from: -1, in: -1, router: -1}
	x.places = make([]place, 0, len(e)*2)
	addrs := make(map[netip.Addr]int32, len(e)*2)
	silent := map[uint64]int32{}
	links := map[uint64]int32{}
	add := func(a netip.Addr, name hopName) int32 {
		x.nodes = append(x.nodes, node{addr: a, name: name, from: -1, in: -1, router: -1})
		return int32(len(x.nodes) - 1)
	}
	named := func(a netip.Addr) int32 {
		n, ok := addrs[a]
		if !ok {
			n = add(a, hopName{addr: a})
			addrs[a] = n
		}
		return n
	}
	for t := range e {
		path := e[t].path()
		key := mix(uint64(t) + 1)
		at, router, quiet := int32(0), int32(0), uint64(0)
		step := func(n int32) {
			if x.nodes[n].seen == t+1 { // a loop, or the same router answers for two TTLs
				x.flat = append(x.flat, -1)
				return
			}
			x.nodes[n].seen = t + 1
			p := x.link(at, n, links)
			x.places[p].behind++
			x.places[p].hash += key
			x.flat = append(x.flat, p)
			at = n
		}
		for _, a := range path {
			switch {
			case a == e[t].Target && a.IsValid():
				x.flat = append(x.flat, -1)
			case a.IsValid():
				router, quiet = named(a), 0
				step(router)
			default:
				quiet++
				k := uint64(router)<<8 | quiet
				n, ok := silent[k]
				if !ok {
					n = add(netip.Addr{}, hopName{x.nodes[router].addr, int(quiet)})
					silent[k] = n
				}
				step(n)
			}
		}
		if path != nil {
			n := int32(0)
			if e[t].Target.IsValid() {
				n = named(e[t].Target)
			} else {
				n = add(netip.Addr{}, hopName{quiet: -1}) // nobody else has it
			}
			step(n)
			if p := x.flat[len(x.flat)-1]; p >= 0 {
				x.places[p].last = true
			}
		}
		x.start = append(x.start, len(x.flat))
	}
	x.addRouters()
	return x
}

// link is the place from a to b. Nearly every hop is reached from one other
// only, so that one is kept with it.
func (x *index) link(a, b int32, links map[uint64]int32) int32 {
	n := &x.nodes[b]
	if n.in >= 0 && n.from == a {
		return n.in
	}
	key := uint64(a)<<32 | uint64(b)
	if n.in >= 0 {
		n.more = true
		if p, ok := links[key]; ok {
			return p
		}
	}
	p := int32(len(x.places))
	x.places = append(x.places, place{from: a, to: b, class: -1})
	x.nodes[a].out++
	if n.in < 0 {
		n.from, n.in = a, p
	} else {
		links[key] = p
	}
	return p
}

// addRouters makes the places that are several links at once.
func (x *index) addRouters() {
	first := 0
	for i, n := 0, len(x.places); i < n; i++ {
		l := x.places[i]
		if l.from == 0 {
			first++
		}
		to := &x.nodes[l.to]
		if !to.more {
			continue
		}
		if to.router < 0 {
			to.router = int32(len(x.places))
			x.places = append(x.places, place{from: -1, to: l.to, class: -1})
		}
		r := &x.places[to.router]
		r.behind += l.behind
		r.hash += l.hash
		r.last = r.last || l.last
	}
	if first > 1 {
		x.root = int32(len(x.places))
		root := place{from: -1, class: -1}
		for t := range len(x.start) - 1 {
			if x.known(t) {
				root.behind++
				root.hash += mix(uint64(t) + 1)
			}
		}
		x.places = append(x.places, root)
	}
}

// known tells whether the path of a target is.
func (x *index) known(t int) bool { return x.start[t+1] > x.start[t] }

// edges of a target by TTL, its last link at the end.
func (x *index) edges(t int) []int32 { return x.flat[x.start[t]:x.start[t+1]] }

// through appends all places that a packet toward t has gone through when it
// arrives at TTL pos+1.
func (x *index) through(t, pos int, out []int32) []int32 {
	if !x.known(t) {
		return out
	}
	if x.root >= 0 {
		out = append(out, x.root)
	}
	for _, p := range x.edges(t)[:pos+1] {
		if p < 0 {
			continue
		}
		out = append(out, p)
		if r := x.nodes[x.places[p].to].router; r >= 0 {
			out = append(out, r)
		}
	}
	return out
}

// all places that a packet toward t goes through.
func (x *index) all(t int) []int32 {
	x.buf = x.through(t, len(x.edges(t))-1, x.buf[:0])
	return x.buf
}

// lone tells whether a place is the own line of one target.
func (x *index) lone(p int32) bool { return x.places[p].last && x.places[p].behind == 1 }

// classify numbers the sets of targets behind the places on the paths of
// these targets; places with the same set share all but their hop probes. The
// own line of one target has no class: the ground of the target has it already.
func (x *index) classify(targets []int) (classes int) {
	byHash := map[uint64]int32{}
	for _, t := range targets {
		for _, p := range x.all(t) {
			l := &x.places[p]
			if l.class >= 0 || x.lone(p) {
				continue
			}
			c, ok := byHash[l.hash]
			if !ok {
				c = int32(len(byHash))
				byHash[l.hash] = c
			}
			l.class = c
		}
	}
	return len(byHash)
}

// classes appends the classes of all places on the path of t, once each.
func (x *index) classes(t int, out []int32) []int32 {
	for _, p := range x.all(t) {
		if c := x.places[p].class; c >= 0 && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// mix spreads the bits of x (splitmix64), so that sums of it name sets.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
