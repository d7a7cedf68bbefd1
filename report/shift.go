package report

import (
	"math"
	"net/netip"
	"slices"
)

// A shift is a moment at which the routers became others while a trace ran
// (R12).
type shift struct {
	at   float64 // ms
	back float64 // when the first ones came back; +Inf: they did not
	hops []hopChange
}

// A seen is who answered a probe at a TTL, and when it left.
type seen struct {
	ms   float64
	addr int // index into Evidence.Addresses
}

// A cut is how the answers at one TTL part: those from one moment up to
// another are of other routers than the rest.
type cut struct {
	ttl      int
	series   *Series // of that TTL: a report from elsewhere may have several
	i, j     int     // places of the other answers: [i, j)
	from, to float64 // the moment lies between, ms
	log      float64 // logarithm of the chance of so clean a cut
}

// shift finds the moment, if there is one. Equal-cost routers answer in
// turn or at random; routers that replace each other do not overlap. For
// each TTL with several addresses the cut that parts them is sought, and
// how likely chance makes it: about 1 of C(n, k), of n answers k on one
// side. What TTLs with the same moment show is multiplied.
func (v *view) shift() *shift {
	if v.shifted != nil || v.shiftless {
		return v.shifted
	}
	v.shiftless = true
	var cuts []cut
	several := 0
	for _, hops := range [][]Hop{v.e.Hops, v.e.Beyond} {
		for i := range hops {
			h := &hops[i]
			if !v.mixed(&h.Series) {
				continue
			}
			several++
			if c, ok := parting(v.answerers(&h.Series)); ok {
				c.ttl, c.series = h.TTL, &h.Series
				cuts = append(cuts, c)
			}
		}
	}
	var best []cut
	most := 0.0
	for _, c := range cuts {
		var same []cut
		sum := 0.0
		for _, o := range cuts {
			if o.from <= c.to && c.from <= o.to {
				same = append(same, o)
				sum -= o.log
			}
		}
		if sum > most {
			most, best = sum, same
		}
	}
	if len(best) == 0 || most < math.Log(1000*float64(several)) {
		return nil
	}
	s := &shift{back: math.Inf(1)}
	from, to := math.Inf(-1), math.Inf(1)
	slices.SortFunc(best, func(a, b cut) int { return a.ttl - b.ttl })
	for _, c := range best {
		from, to = max(from, c.from), min(to, c.to)
		a := v.answerers(c.series)
		rest := append(slices.Clone(a[:c.i]), a[c.j:]...)
		if c.i > 0 && c.j < len(a) {
			s.back = (a[c.j-1].ms + a[c.j].ms) / 2
		}
		before, after := rest, a[c.i:c.j]
		if c.i == 0 {
			before, after = after, before
		}
		s.hops = append(s.hops, hopChange{ttl: c.ttl, before: v.usualIn(before), after: v.usualIn(after), firm: len(before) >= enough && len(after) >= enough})
	}
	s.at = (from + to) / 2
	v.shifted = s
	return s
}

// answerers are whose hops probes came to in a series, in the order of
// sending: a router that sends packets back stands nearer.
func (v *view) answerers(s *Series) []seen {
	out := make([]seen, 0, len(s.Addr))
	for i := range s.Addr {
		if v.isAnswerer(s, i) {
			out = append(out, seen{s.TxMS[i], *s.Addr[i]})
		}
	}
	return out
}

// isAnswerer says that the answer to probe i is one of answerers.
func (v *view) isAnswerer(s *Series, i int) bool {
	return s.Answer[i] != AnswerUnreachable && v.e.who(s, i).IsValid()
}

// mixed says that answerers are several.
func (v *view) mixed(s *Series) bool {
	first := -1
	for i := range s.Addr {
		switch {
		case !v.isAnswerer(s, i):
		case first < 0:
			first = *s.Addr[i]
		case *s.Addr[i] != first:
			return true
		}
	}
	return false
}

// mostParted is how many routers a TTL may have for a cut to be sought: more
// are no path that changed.
const mostParted = 64

// parting is the cut that parts the answers of a TTL most evenly, such that
// no router answers on both sides of it.
func parting(a []seen) (cut, bool) {
	first, last := make(map[int]int), make(map[int]int) // places of an address
	var order []int
	for i, s := range a {
		if _, ok := first[s.addr]; !ok {
			first[s.addr] = i
			order = append(order, s.addr)
		}
		last[s.addr] = i
	}
	n := len(a)
	if len(order) > mostParted {
		return cut{}, false
	}
	best, most := cut{}, 0
	try := func(i, j int) {
		// Grow until every router within answers only within.
		for lo, hi := i, i; lo > i || hi < j; { // [lo, hi) was looked at
			k := hi
			if lo > i {
				lo--
				k = lo
			} else {
				hi++
			}
			i, j = min(i, first[a[k].addr]), max(j, last[a[k].addr]+1)
		}
		if k := min(j-i, n-(j-i)); k > most {
			most, best = k, cut{i: i, j: j}
		}
	}
	for _, addr := range order {
		try(first[addr], last[addr]+1)
		try(first[addr], n) // from then on
	}
	if most == 0 {
		return cut{}, false
	}
	k := best.j - best.i
	ways := 2.0 // as many cuts there are of this size: at either end …
	edge := best.i
	switch {
	case best.i == 0:
		edge = best.j
	case best.j < n:
		ways = float64(n) // … or anywhere
	}
	best.from, best.to = a[edge-1].ms, a[edge].ms
	best.log = min(0, math.Log(ways)-lgammaChoose(n, k))
	return best, true
}

// usualIn are the addresses among answers, the most frequent first.
func (v *view) usualIn(a []seen) []netip.Addr {
	n := make(map[int]int)
	for _, s := range a {
		n[s.addr]++
	}
	var order []int
	for k := range n {
		order = append(order, k)
	}
	slices.SortFunc(order, func(x, y int) int {
		if n[x] != n[y] {
			return n[y] - n[x]
		}
		return x - y
	})
	out := make([]netip.Addr, len(order))
	for i, k := range order {
		out[i] = v.e.Addresses[k]
	}
	return out
}

// moved is R12 of a target that lost nothing: its routers are others than
// usual, or changed while the trace ran.
func (v *view) moved(d *Verdict) bool {
	firm := func(hops []hopChange) (n int) {
		for _, h := range hops {
			if h.firm {
				n++
			}
		}
		return n
	}
	grade := func(n int) Grade {
		switch {
		case n > 1:
			return Certain
		case n == 1:
			return Likely
		}
		return Weak
	}
	if s := v.shift(); s != nil {
		d.Class = PathChanged
		d.atMost(grade(firm(s.hops)))
		d.rule("R12")
		v.tell(d, "shift", v.clock(s.at), v.shiftWords(s))
		d.settle(v.lang.Say("shift.settle"))
		return true
	}
	if diff := v.unusual(); len(diff) > 0 {
		d.Class = PathChanged
		d.atMost(grade(len(diff)))
		d.rule("R12", "R15")
		v.tell(d, "shift.usual", hopWords(v.lang, diff))
		d.settle(v.lang.Say("shift.settle"))
		return true
	}
	return false
}

// unusual are the hops at which others answer than path memory knows. A hop
// that shares its load among many may show a router that memory has not met:
// it counts only where memory knows one or two routers well, and the trace
// asked often enough to have met one of them.
func (v *view) unusual() []hopChange {
	var out []hopChange
	for _, c := range changes(v.usual, v.path()) {
		if !c.firm || len(c.before) > 2 || c.ttl > len(v.hops) {
			continue
		}
		if u := v.usualHop(c.ttl); u != nil && u.Answered >= slowFor && v.hops[c.ttl-1].Answered >= 2*enough {
			out = append(out, c)
		}
	}
	return out
}

func (v *view) shiftWords(s *shift) string { return hopWords(v.lang, s.hops) }

// path is the path as the trace found it, for comparison with the usual one.
func (v *view) path() *Path {
	p := &Path{At: v.e.Times.Started}
	for i := range v.e.Hops {
		h := &v.e.Hops[i]
		p.Hops = append(p.Hops, PathHop{TTL: h.TTL, Addrs: v.usualIn(v.answerers(&h.Series)), Answered: v.hops[i].Answered, Asked: v.hops[i].Sent})
	}
	return p
}
