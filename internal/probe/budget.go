package probe

import "time"

// maxCatchUp is how much of a pause may be made up for at once: a loop that
// was kept from running for longer sends less, not a burst.
const maxCatchUp = 5 * time.Millisecond

// watchCatchUp is the same of watch pings, which leave by the beat: what is
// due in one beat may leave together.
const watchCatchUp = 20 * time.Millisecond

// budget is a token bucket so shallow that it holds no burst: in any window
// w it lets through at most rate × (w + catch-up), and 1.
type budget struct {
	rate   float64 // probes/s
	depth  float64
	tokens float64
	last   time.Time
}

func newBudget(pps float64, catchUp time.Duration, now time.Time) budget {
	return budget{rate: pps, depth: max(1, pps*catchUp.Seconds()), tokens: 1, last: now}
}

// refill adds what the time since the last call is worth.
func (b *budget) refill(now time.Time) {
	if d := now.Sub(b.last); d > 0 {
		b.tokens = min(b.depth, b.tokens+b.rate*d.Seconds())
		b.last = now
	}
}

// take spends one probe's worth, if there is one.
func (b *budget) take() bool {
	// A hair less than 1, so that waiting for exactly wait() is enough.
	if b.tokens < 1-1e-9 {
		return false
	}
	b.tokens--
	return true
}

// has says whether take would succeed.
func (b *budget) has() bool { return b.tokens >= 1-1e-9 }

// wait is how long it takes until the next probe may leave.
func (b *budget) wait() time.Duration {
	if b.has() {
		return 0
	}
	return time.Duration((1-b.tokens)/b.rate*float64(time.Second)) + 1
}
