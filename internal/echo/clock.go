package echo

import "time"

// stepLeast is what a realtime clock has to move against the monotonic one
// to have been stepped: less may be a moment between the two readings.
const stepLeast = 5 * time.Millisecond

// roundTrip is the time from sending to arrival, out of realtime stamps of
// both (ns since 1970; arrived 0: none). elapsed is the monotonic time from
// sending to now, step how far the realtime clock was moved in it. If ok is
// false, rtt is the best that can be said, and nobody knows whether the
// answer came within the deadline.
//
// The kernel stamps by the realtime clock, which may be stepped before or
// after the answer arrived; of the two readings one is right. An answer read
// within its deadline arrived within it, whatever clocks say.
func roundTrip(sent, arrived int64, elapsed, step, deadline time.Duration) (rtt time.Duration, ok bool) {
	least := func(d time.Duration) time.Duration { return max(d, time.Nanosecond) } // 0 is no time
	if arrived == 0 {
		return least(elapsed), elapsed <= deadline
	}
	// A clock that is slewed runs up to 500 ppm fast or slow.
	slack := elapsed/1000 + 10*time.Microsecond
	fits := func(d time.Duration) bool { return d >= -slack && d <= elapsed+slack }
	before := time.Duration(arrived - sent) // no step, or one after the arrival
	after := before - step
	stepped := step >= stepLeast || step <= -stepLeast
	switch {
	case fits(before) && stepped && fits(after):
		rtt = min(before, after)
		ok = elapsed <= deadline || (before <= deadline) == (after <= deadline)
	case fits(before):
		rtt, ok = before, true
	case stepped && fits(after):
		rtt, ok = after, true
	default:
		rtt, ok = elapsed, elapsed <= deadline
	}
	return least(min(rtt, elapsed)), ok
}
