package storm

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
)

// r is the address of router n; r(0) is a silent hop.
func r(n int) netip.Addr {
	if n == 0 {
		return netip.Addr{}
	}
	return routerAddr(n)
}

// to is the evidence on target n behind these routers.
func to(n, lost, sent int, path ...int) Evidence {
	e := Evidence{Target: targetAddr(n), Lost: lost, Sent: sent}
	for _, p := range path {
		e.Path = append(e.Path, r(p))
	}
	return e
}

// lossyOf are all that lost at least two.
func lossyOf(e []Evidence) (out []int) {
	for t := range e {
		if e[t].Lost >= 2 {
			out = append(out, t)
		}
	}
	return out
}

// one wants a single group with these members, at this stretch.
func one(t *testing.T, res []Result, members int, from, to netip.Addr) Result {
	t.Helper()
	if len(res) != 1 {
		t.Fatalf("got %d groups %+v, want one", len(res), res)
	}
	if len(res[0].Members) != members || res[0].Place == nil {
		t.Fatalf("got %+v, want %d members and a place", res[0], members)
	}
	if p := res[0].Place; p.From != from || p.To != to {
		t.Fatalf("got %v to %v (%+v), want %v to %v", p.From, p.To, p, from, to)
	}
	return res[0]
}

func TestUplink(t *testing.T) {
	t.Run("one gateway", func(t *testing.T) {
		var e []Evidence
		for n := range 40 {
			v := to(n, 10, 10, 1, 2, 10+n%5, 20+n%10)
			for ttl := 1; ttl <= 4; ttl++ {
				v.Hops = append(v.Hops, HopCount{TTL: ttl, Lost: 3, Sent: 3, UsualAnswered: 24, UsualAsked: 24})
			}
			e = append(e, v)
		}
		res := one(t, Explain(e, lossyOf(e), Options{}), 40, netip.Addr{}, r(1))
		if res.Place.Behind != 40 || res.Place.Lossy != 40 || res.Place.Loss != 100 {
			t.Errorf("got %+v, want 40 of 40 at 100 %%", res.Place)
		}
		for i := range e { // no looks: gateway and the router behind it cannot be told apart
			e[i].Hops = nil
		}
		res = one(t, Explain(e, lossyOf(e), Options{}), 40, netip.Addr{}, r(2))
		if want := []netip.Addr{r(1), r(2)}; !slices.Equal(res.Place.Suspects, want) {
			t.Errorf("got suspects %v, want %v", res.Place.Suspects, want)
		}
	})
	t.Run("two gateways", func(t *testing.T) {
		var e []Evidence
		for n := range 40 {
			e = append(e, to(n, 7, 10, 1+n%2, 10+n%8))
		}
		one(t, Explain(e, lossyOf(e), Options{}), 40, netip.Addr{}, netip.Addr{})
		for n := range e { // one of them is well: its link
			if n%2 == 1 {
				e[n].Lost = 0
			}
		}
		one(t, Explain(e, lossyOf(e), Options{}), 20, netip.Addr{}, r(1))
	})
}

// Equal-cost paths meet again at the bad router: no link has all lossy
// targets behind it, the router has.
func TestEqualCost(t *testing.T) {
	var e []Evidence
	for n := range 60 {
		switch {
		case n < 30:
			e = append(e, to(n, 6, 10, 1, 2+n%3, 5, 10+n%4))
		default:
			e = append(e, to(n, 0, 10, 1, 2+n%3, 6, 20+n%4))
		}
	}
	one(t, Explain(e, lossyOf(e), Options{}), 30, r(1), r(5))
}

// One of two members of a trunk is dead: half of the targets lose all.
func TestTrunk(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var e []Evidence
	for n := range 120 {
		lost := 0
		if n%3 == 0 && rng.IntN(2) == 0 {
			lost = 10
		}
		e = append(e, to(n, lost, 10, 1, 2, 3+n%3, 10+n%12))
	}
	res := one(t, Explain(e, lossyOf(e), Options{}), len(lossyOf(e)), r(2), r(3))
	if p := res.Place; p.Behind != 40 || p.Lossy != len(res.Members) || p.Loss < 30 || p.Loss > 70 {
		t.Errorf("got %+v, want about half of 40", p)
	}
}

// All targets go through a chain of routers: only looks tell where on it.
func TestChainNeedsHops(t *testing.T) {
	for bad := 2; bad <= 6; bad++ {
		var e []Evidence
		for n := range 20 {
			v := to(n, 5, 10, 1, 2, 3, 4, 5, 6, 7, 20+n)
			if n >= 10 {
				v = to(n, 0, 10, 1, 100+n)
			}
			e = append(e, v)
		}
		lossy := lossyOf(e)
		one(t, Explain(e, lossy, Options{}), 10, r(1), r(7))
		for i := range lossy {
			for ttl := 1; ttl <= 8; ttl++ {
				h := HopCount{TTL: ttl, Sent: 3, UsualAnswered: 24, UsualAsked: 24}
				if ttl == 4 { // a router that answers one of ten: no evidence
					h.Lost, h.UsualAnswered = 3, 2
				} else if ttl >= bad {
					h.Lost = 1 + i%2
				}
				e[i].Hops = append(e[i].Hops, h)
			}
		}
		res := Explain(e, lossy, Options{})
		p := res[0].Place
		first, last := slices.Index(e[0].Path, p.From)+1, slices.Index(e[0].Path, p.To)+1
		if first >= bad || last < bad || last-first > 2 {
			t.Errorf("bad link to TTL %d: got TTL %d to %d, want at most two links with it (%+v)", bad, first, last, p)
		}
	}
}

// Every look asks the near routers, and they answer six and no more. That
// must not make them suspects.
func TestRateLimitIsNoLoss(t *testing.T) {
	var e []Evidence
	for n := range 80 {
		v := to(n, 0, 10, 1, 2, 3, 4, 5, 6, 100+n)
		v.Lost = 4
		for ttl := 1; ttl <= 6; ttl++ {
			h := HopCount{TTL: ttl, Sent: 3, Lost: 3, UsualAnswered: 24, UsualAsked: 24}
			switch {
			case ttl <= 4 && n < 2: // limited ones, well
				h.Lost = 0
			case ttl >= 5: // not limited, behind the loss
				h.Lost = 1
			}
			v.Hops = append(v.Hops, h)
		}
		e = append(e, v)
	}
	// Clean targets that leave behind the first router, so that it is not the uplink.
	for n := range 20 {
		e = append(e, to(200+n, 0, 10, 1, 300+n))
	}
	res := Explain(e, lossyOf(e), Options{})
	p := res[0].Place
	if len(res) != 1 || !slices.Contains(p.Suspects, r(5)) {
		t.Errorf("got %d groups, %+v, want the link to %v among the suspects", len(res), p, r(5))
	}
}

// What a target usually loses is not news.
func TestUsualLoss(t *testing.T) {
	var e []Evidence
	for n := range 8 {
		v := to(n, 2, 10, 1, 2, 3)
		v.UsualLost, v.UsualSent = 60, 300
		e = append(e, v)
	}
	for n := range 40 {
		e = append(e, to(100+n, 0, 10, 1, 2, 10+n%4))
	}
	if got := Group(e, lossyOf(e), Options{}); len(got) != 8 {
		t.Errorf("got %d groups, want none but the targets themselves: they always lose a fifth", len(got))
	}
	for n := range 8 {
		e[n].UsualLost = 0
	}
	if got := Group(e, lossyOf(e), Options{}); len(got) != 1 {
		t.Errorf("got %d groups, want one: they never lose", len(got))
	}
}

// A whole core is silent, and one of its ways out loses: its targets are one
// group, though no address is theirs alone.
func TestHiddenCore(t *testing.T) {
	var e []Evidence
	for n := range 200 {
		lost := 0
		if n%20 < 4 {
			lost = 8
		}
		e = append(e, to(n, lost, 10, 1, 2, 0, 0, 10+n%20))
	}
	res := one(t, Explain(e, lossyOf(e), Options{}), 40, r(2), netip.Addr{})
	if p := res.Place; p.Behind != 40 || p.Lossy != 40 || p.Loss != 80 || p.Chance < 0.95 {
		t.Errorf("got %+v, want 40 of 40 at 80 %%", p)
	}
}

// Two percent are found where many share them.
func TestSmallLoss(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var e []Evidence
	for n := range 600 {
		v := to(n, 0, 30, 1, 2, 3+n%2, 10+n%20)
		for range v.Sent {
			if n%2 == 0 && rng.Float64() < 0.02 || rng.Float64() < 0.0005 {
				v.Lost++
			}
		}
		e = append(e, v)
	}
	var lossy []int
	for n := range e {
		if e[n].Lost > 0 {
			lossy = append(lossy, n)
		}
	}
	res := slices.MaxFunc(Explain(e, lossy, Options{}), func(a, b Result) int { return len(a.Members) - len(b.Members) })
	if p := res.Place; p == nil || p.From != r(2) || p.To != r(3) || math.Abs(p.Loss-2) > 0.7 || p.Chance < 0.95 {
		t.Errorf("got %+v, want 2 %% from %v to %v", p, r(2), r(3))
	}
}

func TestNothingToSay(t *testing.T) {
	clean := []Evidence{to(1, 0, 10, 1, 2), to(2, 0, 10, 1, 3)}
	if got := Explain(clean, lossyOf(clean), Options{}); len(got) != 0 {
		t.Errorf("nothing is lost: got %+v", got)
	}
	if got := Explain(nil, nil, Options{}); len(got) != 0 {
		t.Errorf("no targets: got %+v", got)
	}
	dark := []Evidence{to(1, 9, 10), to(2, 9, 10, 0, 0, 0), to(3, 0, 10, 1, 2)}
	res := Explain(dark, []int{0, 1}, Options{})
	if len(res) != 2 || res[0].Place != nil || res[1].Place != nil {
		t.Errorf("paths unknown: got %+v, want each alone without a place", res)
	}
	alone := []Evidence{to(1, 9, 10, 1, 2, 3), to(2, 0, 10, 1, 2, 4), to(3, 0, 10, 1, 2, 3)}
	got := one(t, Explain(alone, []int{0}, Options{}), 1, r(3), targetAddr(1))
	if len(got.Place.Suspects) != 0 || got.Place.Behind != 1 || got.Place.Loss != 90 {
		t.Errorf("own line: got %+v", got.Place)
	}
}

// Paths and counts come from strangers' answers and our own mistakes: every
// lossy target is in one group, and no number is none.
func TestHostileEvidence(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	num := func() int {
		switch rng.IntN(8) {
		case 0:
			return -1
		case 1:
			return math.MaxInt
		case 2:
			return math.MinInt
		}
		return rng.IntN(20)
	}
	for range 300 {
		var e []Evidence
		for range rng.IntN(30) {
			v := Evidence{Target: r(rng.IntN(12)), Lost: num(), Sent: num(), UsualLost: num(), UsualSent: num()}
			for range rng.IntN(8) * rng.IntN(40) {
				v.Path = append(v.Path, r(rng.IntN(12)))
			}
			for range rng.IntN(20) {
				v.Hops = append(v.Hops, HopCount{num(), r(rng.IntN(12)), num(), num(), num(), num()})
			}
			e = append(e, v)
		}
		var lossy []int
		want := map[int]bool{}
		for range 20 {
			n := rng.IntN(40) - 5
			lossy = append(lossy, n)
			if n >= 0 && n < len(e) {
				want[n] = true
			}
		}
		res := Explain(e, lossy, Options{Background: math.NaN(), Place: -1, Own: 7})
		for _, x := range append(res, Explain(e, lossyOf(e), Options{})...) {
			if p := x.Place; p != nil && !(p.Chance >= 0 && p.Chance <= 1 && p.Loss >= 0 && p.Loss <= 100 && p.Lossy >= 1 && p.Lossy <= p.Behind) {
				t.Fatalf("got %+v", p)
			}
		}
		for _, x := range res {
			for _, n := range x.Members {
				if !want[n] {
					t.Fatalf("target %d is in two groups, or in none of e", n)
				}
				delete(want, n)
			}
		}
		if len(want) > 0 {
			t.Fatalf("targets %v are in no group", want)
		}
		again := Explain(e, lossy, Options{})
		for i := range again {
			if !reflect.DeepEqual(again[i].Members, res[i].Members) || !reflect.DeepEqual(again[i].Place, res[i].Place) {
				t.Fatalf("the same evidence gives %+v and %+v", res[i].Place, again[i].Place)
			}
		}
	}
}
