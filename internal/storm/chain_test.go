package storm

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/mtrq/mtrq/report"
)

// A chainScore counts draws of which a place was named.
type chainScore struct{ all, named, right, wide, sure, wrong int }

func (s *chainScore) count(d *chainDraw, from, to int, sure bool) {
	s.named++
	s.wide += to - from
	right := from < d.bad && d.bad <= to
	if right {
		s.right++
	}
	if sure {
		s.sure++
		if !right {
			s.wrong++
		}
	}
}

func (s *chainScore) add(o chainScore) {
	s.all, s.named, s.right = s.all+o.all, s.named+o.named, s.right+o.right
	s.wide, s.sure, s.wrong = s.wide+o.wide, s.sure+o.sure, s.wrong+o.wrong
}

func (s chainScore) String() string {
	part := func(n, of int) float64 { return float64(n) / float64(max(1, of)) }
	return fmt.Sprintf("named %.3f, of these right %.3f, links %.1f, certain %.3f, of these wrong %.4f; of %d",
		part(s.named, s.all), part(s.right, s.named), part(s.wide, s.named), part(s.sure, s.named), part(s.wrong, s.sure), s.all)
}

// chainRun scores what the paths say at a time, and the verdict of the
// incident with its trace.
func chainRun(t *testing.T, draws, memory int, now float64, watched bool) (paths, whole chainScore) {
	t.Helper()
	for i := range draws {
		rng := rand.New(rand.NewPCG(seeds, uint64(i)))
		d, ok := newChainDraw(rng, memory)
		if !ok {
			continue
		}
		ttl := 0
		if watched {
			ttl = 2 + rng.IntN(d.hops-1)
		}
		c := d.explain(d.began+now, ttl)
		if c == nil {
			continue
		}
		paths.all++
		from, to := d.stretch(c)
		paths.count(d, from, to, c.Chance >= 0.99)
		r, err := d.trace()
		if err != nil {
			t.Fatal(err)
		}
		whole.all++
		if v := report.JudgeIncident(d.incident(c), []*report.Report{r}); v.Link != nil && v.Class != report.NotProven {
			whole.count(d, v.Link.From.TTL, v.Link.To.TTL, v.Grade == report.Certain)
		}
	}
	return paths, whole
}

// TestOneTarget is a node that watches one target, or a router on its way
// beside. What is named holds the bad link about as often as it says, and what
// is certain is not wrong, however thin path memory is and whenever it is
// asked. With the own line ten times as suspect as any other link of that
// target, 80 of 100 were right with no memory, 87 with thin memory.
func TestOneTarget(t *testing.T) {
	const draws = 150
	var all [2]chainScore
	for _, memory := range []int{0, 2, 24} {
		for _, now := range []float64{2.5, 4, 32} {
			for _, watched := range []bool{false, true} {
				paths, whole := chainRun(t, draws, memory, now, watched)
				t.Logf("memory %2d, after %4.1f s, neighbour %5v: paths   %s", memory, now, watched, paths)
				t.Logf("memory %2d, after %4.1f s, neighbour %5v: verdict %s", memory, now, watched, whole)
				for i, s := range []chainScore{paths, whole} {
					all[i].add(s)
					if 100*s.right < 92*s.named {
						t.Errorf("want at least 92 of 100 right")
					}
				}
			}
		}
	}
	for i, what := range []string{"paths  ", "verdict"} {
		t.Logf("all: %s %s", what, all[i])
		if 100*all[i].right < 95*all[i].named || 100*all[i].wrong > all[i].sure || 20*all[i].sure < all[i].named {
			t.Errorf("want at least 95 of 100 right, one in twenty certain, and at most 1 in 100 of these wrong")
		}
	}
}

// TestThinHops: router 4 lost 3 of 9 probes, the target half of its pings, and
// nothing beside is known: that is either link, and not the last for certain.
func TestThinHops(t *testing.T) {
	e := to(1, 34, 64, 1, 2, 3, 4)
	for ttl, lost := range []int{0, 0, 0, 3} {
		e.Hops = append(e.Hops, HopCount{TTL: ttl + 1, Addr: r(ttl + 1), Lost: lost, Sent: 9, UsualAnswered: 1, UsualAsked: 1})
	}
	one(t, Explain([]Evidence{e}, []int{0}, Options{}), 1, r(3), targetAddr(1))

	// The last router answered all of twenty: it is the last link.
	e.Hops[3].Lost, e.Hops[3].Sent = 0, 20
	if got := one(t, Explain([]Evidence{e}, []int{0}, Options{}), 1, r(4), targetAddr(1)); got.Place.Chance < 0.99 {
		t.Errorf("got chance %.3f, want 0.99", got.Place.Chance)
	}
}
