package storm

import "testing"

// TestShared: what was lost at one time and at another has one place or two.
func TestShared(t *testing.T) {
	evidence := func(lost func(n int) int) (e []Evidence) {
		for n := range 40 { // behind 1 and 2; eight behind each of 3 to 7
			e = append(e, to(n, lost(n), 20, 1, 2, 3+n/8, 20+n))
		}
		return e
	}
	behind := func(r, lost int) func(int) int {
		return func(n int) int {
			if 3+n/8 == r {
				return lost
			}
			return 0
		}
	}
	one := func(n int) int {
		if n == 0 {
			return 20
		}
		return 0
	}
	all := func(e []Evidence) Result {
		return Explain(e, lossyOf(e), Options{})[0]
	}
	for name, c := range map[string]struct {
		was, is func(int) int
		hit     bool
		target  int
		low     float64
		high    float64
	}{
		"the same link":                        {behind(3, 4), behind(3, 18), true, 2, 0.9, 1},
		"another link":                         {behind(4, 20), behind(3, 20), true, 2, 0, 1e-9},
		"the link above":                       {behind(3, 20), func(int) int { return 20 }, true, 30, 0, 1e-9},
		"a target that is not behind it":       {behind(3, 4), behind(3, 18), false, 30, 0, 1e-9},
		"a dead host behind the link":          {one, behind(3, 20), true, 2, 0, 1e-9},
		"a dead host may be a trunk's, unless": {one, behind(3, 20), false, 2, 1e-6, 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := evidence(c.was)
			lossy := lossyOf(e)
			for n := range e {
				e[n].Hit = c.hit && c.is(n) > 0
			}
			was, is := Explain(e, lossy, Options{})[0], all(evidence(c.is))
			if got := was.Shared(&is, e[c.target]); got < c.low || got > c.high {
				t.Errorf("got %g, want %g to %g; was %+v, is %+v", got, c.low, c.high, was.Place, is.Place)
			}
		})
	}
}
