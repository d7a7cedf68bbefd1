package watch

import "time"

// clockWatch sees steps of the wall clock: it goes on by another span than
// the monotonic one. A stall moves both.
type clockWatch struct{ last time.Time }

const clockStep = 500 * time.Millisecond

func (c *clockWatch) begin(now time.Time) { c.last = now }

// step is how far the wall clock was set since the last call, 0 where it was
// not.
func (c *clockWatch) step(now time.Time) time.Duration {
	mono := now.Sub(c.last)
	wall := now.Round(0).Sub(c.last.Round(0))
	c.last = now
	if d := wall - mono; d > clockStep || d < -clockStep {
		return d
	}
	return 0
}
