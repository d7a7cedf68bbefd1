package report

import (
	"math"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"time"
)

const (
	maxNumbers = 8
	maxSpells  = 10
	noticeable = 0.01  // a difference that chance makes less often than this is one
	newsworthy = 0.001 // the same, of a hop against what it usually does
)

// number keeps a comparison.
func (d *Verdict) number(n Number) {
	if len(d.Numbers) < maxNumbers {
		n.P = tidy(n.P)
		d.Numbers = append(d.Numbers, n)
	}
}

// tidy is a probability to two digits.
func tidy(p float64) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(p, 'g', 2, 64), 64)
	if err != nil || p < 1e-12 {
		return 0
	}
	return out
}

// testPlace is the comparison behind a link: the hop behind it against the
// one before it, both while the target was losing packets.
func (v *view) testPlace(d *Verdict, p place) {
	if p.from == 0 {
		return
	}
	far := count(&v.series, v.calm(), 0, math.Inf(1))
	ttl := 0
	if p.to <= v.last() {
		far, ttl = count(&v.e.Hops[p.to-1].Series, v.calm(), 0, math.Inf(1)), p.to
	}
	near := count(&v.e.Hops[p.from-1].Series, v.calm(), 0, math.Inf(1))
	if far.in == 0 || near.in == 0 {
		return
	}
	d.number(Number{Rule: "R2", TTL: ttl, Lost: far.inLost, Sent: far.in, Against: AgainstHop, AgainstTTL: p.from,
		AgainstLost: near.inLost, AgainstSent: near.in, P: worse(far.inLost, far.in, near.inLost, near.in)})
}

// testLimits are the comparisons behind "limits its answers": each such hop
// against what lies behind it.
func (v *view) testLimits(d *Verdict) {
	for i, limited := range v.limited {
		if !limited {
			continue
		}
		rule := "R3"
		if v.target.Lost > 0 {
			rule = "R4"
		}
		s := v.hops[i]
		against, ttl, later := v.behind(i, v.limited)
		d.number(Number{Rule: rule, TTL: i + 1, Lost: s.Lost, Sent: s.Sent, Against: against, AgainstTTL: ttl,
			AgainstLost: later.Lost, AgainstSent: later.Sent, P: worse(s.Lost, s.Sent, later.Lost, later.Sent)})
	}
}

// behind is what hop i is measured by. All that was answered from behind it
// has passed it: where the target lost nothing, that is the target and all hops
// that do not limit their answers, together. Where packets are lost behind it,
// only the hop that loses least is fair.
func (v *view) behind(i int, limited []bool) (a Against, ttl int, s Stats) {
	if v.target.Answered == 0 || v.target.Lost > 0 {
		ttl, s = v.leastBehind(i)
		return AgainstHop, ttl, s
	}
	s = Stats{Sent: v.target.Sent}
	for j := i + 1; j < len(v.hops); j++ {
		if h := v.hops[j]; j != v.end() && h.Answered > 0 && !limited[j] {
			s.Sent, s.Lost = s.Sent+h.Sent, s.Lost+h.Lost
		}
	}
	return AgainstBehind, 0, s
}

// leastBehind is the hop behind one that loses least for sure, by the upper
// end of its interval (R4); TTL 0: the target.
func (v *view) leastBehind(i int) (ttl int, best Stats) {
	most := 2.0
	try := func(t int, s Stats) {
		if s.Answered == 0 {
			return
		}
		if _, high := wilson(s.Lost, s.Sent); high < most {
			ttl, best, most = t, s, high
		}
	}
	try(0, v.target)
	for j := i + 1; j < len(v.hops); j++ {
		if j != v.end() {
			try(j+1, v.hops[j])
		}
	}
	return ttl, best
}

// usualHop is what path memory knows of a TTL; nil: nothing.
func (v *view) usualHop(ttl int) *PathHop {
	if v.usual == nil {
		return nil
	}
	for i := range v.usual.Hops {
		if v.usual.Hops[i].TTL == ttl {
			return &v.usual.Hops[i]
		}
	}
	return nil
}

// usualAt is what path memory knows of hop i, provided the same router is
// there; ok is false where that is too little to say anything.
func (v *view) usualAt(i int) (lost, asked int, ok bool) {
	u := v.usualHop(i + 1)
	if u == nil || u.Asked < fewProbes {
		return 0, 0, false
	}
	a := v.e.latest(&v.e.Hops[i].Series)
	// Silent now: whoever answered there before does not.
	if !slices.Contains(u.Addrs, a) && a.IsValid() {
		return 0, 0, false
	}
	return u.Asked - u.Answered, u.Asked, true
}

// asUsual is R15: a hop that answers as few probes as it does on good days
// is no news; one that answers clearly fewer is, but while the target is
// clean it is that router's, not the line's.
func (v *view) asUsual(d *Verdict) {
	usual := 0
	for i := range v.hops {
		if i == v.end() || v.hops[i].Lost == 0 {
			continue
		}
		lost, asked, ok := v.usualAt(i)
		if !ok || lost == 0 {
			continue
		}
		s := v.hops[i]
		p := worse(s.Lost, s.Sent, lost, asked)
		if p < newsworthy {
			continue
		}
		if !v.limited[i] && s.Answered > 0 && v.target.Lost > 0 {
			continue // it may well be the line's
		}
		usual++
		d.rule("R15")
		d.number(Number{Rule: "R15", TTL: i + 1, Lost: s.Lost, Sent: s.Sent, Against: AgainstUsual, AgainstLost: lost, AgainstSent: asked, P: p})
	}
	if usual > 0 {
		v.tell(d, "usual", v.lang.count(usual, "hop"))
	}
}

// spellsOf brackets when the loss began and ended: the stretches between
// those in which the target was clean.
func (v *view) spellsOf(d *Verdict) {
	if v.target.Lost == 0 || v.e.Foreign != nil {
		return
	}
	d.Spells = spells(&v.series, v.calm(), v.e.Times.Started)
}

// A losing is a spell in the making, ms; NaN: unknown.
type losing struct{ after, from, to, by float64 }

func spells(s *Series, calm []span, zero time.Time) []Spell {
	var out []losing
	open := false
	cur := losing{}
	answered := math.NaN() // the last one before this
	k := 0
	end := func() {
		if open && len(out) < maxSpells {
			out = append(out, cur)
		}
		open = false
	}
	for i := range len(s.Answer) {
		if s.Answer[i] == AnswerPending {
			continue
		}
		tx := s.TxMS[i]
		for k < len(calm) && calm[k].to < tx {
			k++
		}
		lost := isLost(s.Answer[i])
		if !lost {
			if open && math.IsNaN(cur.by) {
				cur.by = tx
			}
			answered = tx
		}
		if k < len(calm) && tx >= calm[k].from {
			end()
		}
		if !lost {
			continue
		}
		if !open {
			open, cur = true, losing{after: answered, from: tx}
		}
		cur.to, cur.by = tx, math.NaN()
	}
	end()
	at := func(ms float64) *time.Time {
		if math.IsNaN(ms) {
			return nil
		}
		t := zero.Add(time.Duration(math.Round(ms*1000)) * time.Microsecond)
		return &t
	}
	var told []Spell
	for _, s := range out {
		told = append(told, Spell{From: Edge{After: at(s.after), By: at(s.from)}, To: Edge{After: at(s.to), By: at(s.by)}})
	}
	return told
}

// A membership is a router of several at a TTL with which the loss goes.
type membership struct {
	ttl  int
	addr netip.Addr
	test Number
}

// member is R11: among equal-cost routers on the stretch where the loss
// begins, the one that answers clearly less often than it did while the
// target was clean.
func (v *view) member(p place) *membership {
	var best *membership
	if v.e.Foreign != nil {
		return nil // which router lost how many, nobody counted
	}
	for ttl := p.from + 1; ttl <= min(p.to, v.last()); ttl++ {
		h := &v.e.Hops[ttl-1]
		first := v.e.latest(&h.Series)
		others := v.e.others(&h.Series, first)
		if len(others) == 0 {
			continue
		}
		var in, out int
		mine := make(map[netip.Addr]*[2]int, 1+len(others)) // answers while packets were lost, and while none were
		for i := range len(h.Answer) {
			w := v.e.who(&h.Series, i)
			if !w.IsValid() {
				continue
			}
			if mine[w] == nil {
				mine[w] = new([2]int)
			}
			if v.calmAt(h.TxMS[i]) {
				mine[w][1]++
				out++
			} else {
				mine[w][0]++
				in++
			}
		}
		for _, a := range append([]netip.Addr{first}, others...) {
			mineIn, mineOut := mine[a][0], mine[a][1]
			pr := worse(in-mineIn, in, out-mineOut, out)
			if mineOut == 0 || pr >= noticeable/4 || best != nil && best.test.P <= pr {
				continue
			}
			best = &membership{ttl, a, Number{Rule: "R11", TTL: ttl, Lost: in - mineIn, Sent: in, Against: AgainstMember,
				AgainstLost: out - mineOut, AgainstSent: out, P: pr}}
		}
	}
	return best
}

func (v *view) calmAt(ms float64) bool {
	spans := v.calm() // in order, side by side
	k := sort.Search(len(spans), func(k int) bool { return spans[k].to >= ms })
	return k < len(spans) && ms >= spans[k].from
}
