package targets

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// stretch makes intervals longer where all targets together would need more
// pings a second than allowed (0: no bound): all by the same factor, up to
// MaxInterval. No target is dropped. It says what it did; "" when nothing.
func stretch(targets []Target, maxPPS int) string {
	of := map[time.Duration]int{}
	for _, t := range targets {
		of[t.Interval]++
	}
	var need float64
	for d, n := range of {
		need += float64(n) / d.Seconds()
	}
	if maxPPS <= 0 || need <= float64(maxPPS) {
		return ""
	}
	factor, enough := stretchFactor(of, need, float64(maxPPS))
	for i := range targets {
		targets[i].Interval = stretched(targets[i].Interval, factor)
	}
	s := fmt.Sprintf("the targets need %.0f pings a second and max_pps is %d: all intervals are %.1f times as long, up to %s; "+
		"raise [watch] max_pps or watch fewer targets", math.Ceil(need), maxPPS, factor, MaxInterval)
	if !enough {
		s += fmt.Sprintf("; that is still too much: %.0f pings a second are sent", float64(len(targets))/MaxInterval.Seconds())
	}
	return s
}

// stretchFactor is by how much intervals must grow so that the pings fit.
// Those that reach MaxInterval give no more, so the others give that too.
// false: even the longest intervals are too much.
func stretchFactor(of map[time.Duration]int, need, maxPPS float64) (float64, bool) {
	longest := slices.SortedFunc(maps.Keys(of), func(a, b time.Duration) int { return cmp.Compare(b, a) })
	var capped float64 // pings a second of those at MaxInterval
	for _, d := range longest {
		if room := maxPPS - capped; room > 0 {
			factor := need / room // of this one and all shorter ones
			if d.Seconds()*factor <= MaxInterval.Seconds() {
				return factor, true
			}
		}
		need -= float64(of[d]) / d.Seconds()
		capped += float64(of[d]) / MaxInterval.Seconds()
	}
	shortest := longest[len(longest)-1]
	return MaxInterval.Seconds() / shortest.Seconds(), capped <= maxPPS
}

// stretched rounds up to a millisecond: a rhythm of microseconds is nobody's
// wish, and rounding down would exceed the bound.
func stretched(d time.Duration, factor float64) time.Duration {
	long := time.Duration(float64(d) * factor)
	if whole := long.Truncate(time.Millisecond); whole < long {
		long = whole + time.Millisecond
	}
	return min(long, MaxInterval)
}
