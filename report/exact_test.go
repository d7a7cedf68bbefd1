package report

import (
	"math"
	"testing"
)

// Values from the tables of Clopper and Pearson's interval.
func TestExact(t *testing.T) {
	for _, c := range []struct {
		x, n      int
		low, high float64
	}{
		{0, 3, 0, 0.7076}, {1, 10, 0.0025, 0.4450}, {3, 10, 0.0667, 0.6525}, {5, 10, 0.1871, 0.8129}, {10, 10, 0.6915, 1},
		{0, 100, 0, 0.0362}, {1, 100, 0.0003, 0.0545}, {30, 100, 0.2124, 0.3998}, {120, 1000, 0.1005, 0.1418}, {1, 1, 0.0250, 1}, {6000, 12000, 0.4910, 0.5090},
	} {
		low, high := exact(c.x, c.n)
		if math.Abs(low-c.low) > 1e-4 || math.Abs(high-c.high) > 1e-4 {
			t.Errorf("%d of %d: got %.4f to %.4f, want %.4f to %.4f", c.x, c.n, low, high, c.low, c.high)
		}
	}
}

// TestIntervalOutward: what is shown of an interval is never narrower than the
// exact one, and no wider than a tenth of a percent at each end asks for.
func TestIntervalOutward(t *testing.T) {
	for _, c := range []struct {
		x, n int
		want string
	}{
		{22620, 22620, "22620 of 22620 probes (100 %, 95 % interval 99.9 to 100 %)"},
		{0, 22620, "0 of 22620 probes (0 %, 95 % interval 0 to 0.1 %)"},
		{1, 10, "1 of 10 probes (10 %, 95 % interval 0.2 to 44.6 %)"},
		{40, 40, "40 of 40 probes (100 %, 95 % interval 91.1 to 100 %)"},
		{3, 10, "3 of 10 probes (30 %, 95 % interval 6.6 to 65.3 %)"},
	} {
		if got := counted(Stats{Lost: c.x, Sent: c.n}.Interval()); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	for _, n := range []int{1, 2, 7, 23, 100, 1000, 22620} {
		for x := 0; x <= n; x += max(1, n/50) {
			l := Stats{Lost: x, Sent: n}.Interval()
			// Beyond each end chance leaves no more than one of 40.
			if p := atLeast(x, n, l.Low/100); x > 0 && p > 0.025+1e-9 {
				t.Errorf("%d of %d: below %g %% chance still leaves %g", x, n, l.Low, p)
			}
			if p := 1 - atLeast(x+1, n, l.High/100); x < n && p > 0.025+1e-9 {
				t.Errorf("%d of %d: above %g %% chance still leaves %g", x, n, l.High, p)
			}
			if low, high := exact(x, n); l.Low < 100*low-0.11 || l.High > 100*high+0.11 {
				t.Errorf("%d of %d: %g to %g is too wide", x, n, l.Low, l.High)
			}
		}
	}
}

// TestExactCovers sums the binomial itself: the interval holds the true
// rate in at least 95 % of all outcomes, whatever n and rate are.
func TestExactCovers(t *testing.T) {
	for _, n := range []int{1, 3, 10, 40, 124} {
		for _, p := range []float64{0.001, 0.02, 0.1, 0.3, 0.5, 0.85} {
			covered := 0.0
			for x := range n + 1 {
				if low, high := exact(x, n); low <= p && p <= high {
					covered += atLeast(x, n, p) - atLeast(x+1, n, p)
				}
			}
			if covered < 0.95-1e-6 {
				t.Errorf("%d probes at %g: the interval holds it in %.4f of all cases", n, p, covered)
			}
		}
	}
}

// Values by hand from the hypergeometric distribution: (252·20 + 210) of 593,775 for 5 of 10 against 1 of 20.
func TestWorse(t *testing.T) {
	for _, c := range []struct {
		x, n, y, m int
		want       float64
	}{
		{3, 3, 0, 3, 0.05}, {2, 10, 0, 10, 0.2368}, {5, 10, 1, 20, 0.0088}, {0, 10, 5, 10, 1}, {10, 10, 10, 10, 1}, {8, 10, 2, 10, 0.0115},
	} {
		if got := worse(c.x, c.n, c.y, c.m); math.Abs(got-c.want) > 1e-4 {
			t.Errorf("%d of %d against %d of %d: got %.4f, want %.4f", c.x, c.n, c.y, c.m, got, c.want)
		}
	}
	if p := worse(300, 1000, 10000, 100000); p > 1e-30 || p < 0 {
		t.Errorf("got %g for a clear difference of many", p)
	}
}

func TestProven(t *testing.T) {
	for _, c := range []struct {
		lost, sent int
		want       bool
	}{
		{0, 100, false}, {1, 1, false}, {1, 10, false}, {1, 124, false}, {2, 11, true}, {2, 124, true}, {2, 300, false}, {3, 300, true}, {3, 1000, false}, {100, 100, true},
	} {
		if got := proven(c.lost, c.sent); got != c.want {
			t.Errorf("%d of %d: got %v", c.lost, c.sent, got)
		}
	}
	for _, c := range [][2]int{{1, 124}, {1, 10}, {2, 300}, {1, 3}} {
		n := wanted(c[0], c[1])
		if x := int(float64(c[0]) / float64(c[1]) * float64(n+c[1])); n <= 0 || !proven(x, n+c[1]) {
			t.Errorf("%d of %d: %d more would make it %d of %d, which proves nothing", c[0], c[1], n, x, n+c[1])
		}
	}
}

func TestRanks(t *testing.T) {
	low, high := []float64{1, 2, 3, 4, 5, 6, 7, 8}, []float64{11, 12, 13, 14, 15, 16, 17, 18}
	if p := ranks(low, high); p > 0.001 {
		t.Errorf("got %g for samples that do not overlap", p)
	}
	if p := ranks(high, low); p < 0.999 {
		t.Errorf("got %g the other way round", p)
	}
	if p := ranks(low, low); math.Abs(p-0.5) > 1e-9 {
		t.Errorf("got %g for the same sample", p)
	}
}
