package probe

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestBudgetHoldsNoBurst drives a budget as a loop does that wakes when it
// likes, and looks at every window of what came out.
func TestBudgetHoldsNoBurst(t *testing.T) {
	const pps = 5000
	rnd := rand.New(rand.NewPCG(1, 2))
	now := time.Unix(1e9, 0)
	b := newBudget(pps, maxCatchUp, now)
	var out []time.Time
	for range 20000 {
		b.refill(now)
		for b.take() {
			out = append(out, now)
		}
		step := time.Millisecond + time.Duration(rnd.IntN(int(500*time.Microsecond)))
		switch rnd.IntN(500) {
		case 0:
			step = 300 * time.Millisecond // a stall
		case 1:
			step = -time.Second // a clock that goes back gives nothing
		}
		now = now.Add(step)
		if step < 0 {
			now = now.Add(-step)
		}
	}
	for _, window := range []time.Duration{time.Millisecond, 20 * time.Millisecond, time.Second} {
		most := int(pps*(window+maxCatchUp).Seconds()) + 1
		first := 0
		for i := range out {
			for out[i].Sub(out[first]) >= window {
				first++
			}
			if n := i - first + 1; n > most {
				t.Fatalf("%d probes within %s, want at most %d", n, window, most)
			}
		}
	}
}

func TestBudgetGivesItsRate(t *testing.T) {
	for _, pps := range []float64{1, 10, 199, 5000, 100000} {
		now := time.Unix(1e9, 0)
		b := newBudget(pps, maxCatchUp, now)
		n := 0
		for end := now.Add(10 * time.Second); now.Before(end); now = now.Add(max(time.Millisecond, b.wait())) {
			b.refill(now)
			for b.take() {
				n++
			}
		}
		if want := int(10 * pps); n < want-want/100-1 || n > want+1+want/1000 {
			t.Errorf("%g pps: %d probes in 10 s, want %d", pps, n, want)
		}
	}
}
