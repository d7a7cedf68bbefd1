package report

import (
	"math"
	"testing"
)

// TestStepsApart cuts round-trip times, 30 answers a letter: l 10 ms, h 200 ms.
func TestStepsApart(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		shape    string
		from, to float64
		n        int
	}{
		{"lh", 30, inf, 30},
		{"hl", -inf, 30, 30},
		{"lhl", 30, 60, 30},
		{"lhhl", 30, 90, 60},
		{"hlh", -inf, 30, 30}, // the whole trace is not slower than itself
		{"hlhh", 60, inf, 60},
		{"lhlhh", 90, inf, 60},
	} {
		var times []timed
		for _, x := range c.shape {
			for range 30 {
				rtt := 10.0
				if x == 'h' {
					rtt = 200
				}
				at := float64(len(times))
				times = append(times, timed{at, rtt + math.Mod(at, 7)})
			}
		}
		var v view
		r := v.steps(times)
		if r == nil || r.from != c.from || r.to != c.to || r.n != c.n {
			t.Errorf("%s: %+v, want %v to %v, %d answers", c.shape, r, c.from, c.to, c.n)
		}
	}
}
