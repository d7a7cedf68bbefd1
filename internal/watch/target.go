package watch

import (
	"math/bits"
	"time"

	"github.com/mtrq/mtrq/internal/targets"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

const (
	historyFor   = 300 * time.Second // of pings that are kept, and at least historyLeast pings
	historyLeast = 300

	leastDeadline = 200 * time.Millisecond // of a ping at 1/s
	mostDeadline  = 500 * time.Millisecond
	farDeadline   = time.Second // what mtr-packet waits

	peakMore = 20 * time.Millisecond // beyond the peak of what is usual

	usualEvery = 60 * time.Second // it is worked out anew
	usualEarly = 5 * time.Second  // while it rests on …
	usualFew   = 30               // … fewer answers than this
	thinnedTo  = 5 * time.Second  // a silent target of many is asked so often

	slowBits, slowMost     = 10, 5 // median of the last ten: more than five are slow
	jitterBits, jitterMost = 30, 10
	slowFor                = 10 * time.Second
)

// target is one watched address. It belongs to the watchdog's loop.
type target struct {
	targets.Target
	key      key
	interval time.Duration
	share    float64 // of its interval, 0 to 1: where in it its pings leave
	due      int64   // beat
	gone     bool
	canary   report.CanaryKind // "": none

	hist     history
	answered bool // ever: one that never did makes no incident
	lastRTT  time.Duration
	lastAns  time.Time
	lostAt   time.Time // when it was last known to lose a ping
	deadline time.Duration

	usual   usual
	usualAt time.Time
	slow    uint16    // a bit an answer: slower than usual; the newest lowest
	jitter  uint32    // a bit an answer: differs from the one before more than usual
	slowAt  time.Time // since when the median is slow; zero: it is not
	jittAt  time.Time

	since   time.Time // of its state
	state   spool.TargetState
	paused  time.Time // until; zero: it is not
	thinned bool

	suspect  *suspect
	trouble  *trouble
	slowFrom uint32 // history before it has opened an incident already
	calm     uint32 // history before it is none of a suspect's business: it was judged already

	baseline time.Time // when the next round over its path is due
}

// key tells targets apart.
type key struct {
	name, protocol string
}

func keyOf(t targets.Target) key { return key{t.Name, t.Protocol} }

func newTarget(t targets.Target, now time.Time) *target {
	w := &target{key: keyOf(t), state: spool.TargetNew, since: now}
	w.adopt(t)
	return w
}

// adopt takes over what a list says now.
func (t *target) adopt(n targets.Target) {
	if n.Addr != t.Addr {
		// Another machine: what was usual of the old one is not, and its pings
		// must not make it so again.
		t.usual, t.usualAt, t.slow, t.jitter = usual{}, time.Time{}, 0, 0
		t.slowAt, t.jittAt = time.Time{}, time.Time{}
		t.hist.forget()
	}
	t.Target = n
	if n.Interval != t.interval {
		t.interval = n.Interval
		t.hist.resize(max(historyLeast, int(historyFor/t.interval)))
	}
	t.deadline = t.wait()
}

// every is how often it is asked now.
func (t *target) every() time.Duration {
	if t.thinned {
		return max(t.interval, thinnedTo)
	}
	return t.interval
}

// wait is how long an answer may take before the ping counts as lost:
// between 200 ms and 500 ms, at most half the interval, by what is usual,
// unless the target is known to need more. A line whose answers are held up
// now and then is given the time for that: each miss costs a first look. As long as nobody knows, half of a
// short interval will not do: a target 700 ms away that is asked every 200 ms
// would have three pings called lost at once, and all answered later. So it
// has so long that what mtr-packet waits for is never more than an interval
// away.
func (t *target) wait() time.Duration {
	if t.usual.n < 5 {
		return max(mostDeadline, farDeadline-t.interval)
	}
	most := min(mostDeadline, t.interval/2)
	least := min(leastDeadline, most)
	need := t.usual.p95 + max(4*t.usual.jitter, 50*time.Millisecond)
	if need > most {
		return min(need, farDeadline)
	}
	return max(need, least, min(t.usual.peak+peakMore, most))
}

// thresholds beyond which an answer is slower than usual, or differs from the
// one before more than usual (DESIGN: 1.5 × p95 and at least 20 ms more; the
// difference of neighbours is noisier by nature, hence 3 ×).
func (t *target) slowBeyond() time.Duration {
	return max(t.usual.p95*3/2, t.usual.p95+20*time.Millisecond)
}

func (t *target) jitterBeyond() time.Duration {
	return max(3*t.usual.jitter, t.usual.jitter+20*time.Millisecond)
}

// note takes an answer's RTT into the judgement of latency and jitter.
func (t *target) note(rtt time.Duration, now time.Time) {
	before := t.lastRTT
	t.lastRTT, t.lastAns = rtt, now
	if t.usual.n < usualAfter*9/10 {
		return
	}
	t.slow <<= 1
	if rtt > t.slowBeyond() {
		t.slow |= 1
	}
	t.jitter <<= 1
	if max(rtt-before, before-rtt) > t.jitterBeyond() {
		t.jitter |= 1
	}
	t.slowAt = since(t.slowAt, bits.OnesCount16(t.slow&(1<<slowBits-1)) > slowMost, now)
	t.jittAt = since(t.jittAt, bits.OnesCount32(t.jitter&(1<<jitterBits-1)) > jitterMost, now)
}

// since keeps when something began.
func since(at time.Time, on bool, now time.Time) time.Time {
	switch {
	case !on:
		return time.Time{}
	case at.IsZero():
		return now
	}
	return at
}

// slowness says whether latency or jitter has been unusual for long enough.
func (t *target) slowness(now time.Time) (report.IncidentTrigger, time.Time) {
	switch {
	case !t.slowAt.IsZero() && now.Sub(t.slowAt) >= slowFor:
		return report.TriggerLatency, t.slowAt
	case !t.jittAt.IsZero() && now.Sub(t.jittAt) >= slowFor:
		return report.TriggerJitter, t.jittAt
	}
	return "", time.Time{}
}

// refresh works out what is usual, unless it is in trouble: then what was
// usual before stays the measure.
func (t *target) refresh(now time.Time, scratch []time.Duration) []time.Duration {
	t.usualAt = now
	if t.suspect != nil || t.trouble != nil || !t.slowAt.IsZero() || !t.jittAt.IsZero() {
		return scratch
	}
	t.usual, scratch = t.hist.look(scratch)
	t.deadline = t.wait()
	return scratch
}

func (t *target) become(s spool.TargetState, now time.Time) {
	if t.state != s {
		t.state, t.since = s, now
	}
}

// inTrouble says that it has a trouble that is not over; its incident may
// still be open when it is.
func (t *target) inTrouble() bool { return t.trouble != nil && !t.trouble.cleared }

// settle finds the state that a target is in.
func (t *target) settle(now time.Time) {
	switch {
	case now.Before(t.paused):
		t.become(spool.TargetPaused, now)
	case t.inTrouble() && t.trouble.slow():
		t.become(spool.TargetSlow, now)
	case t.inTrouble():
		t.become(spool.TargetLossy, now)
	case !t.Addr.IsValid():
		t.become(spool.TargetUnresolved, now)
	case t.suspect != nil:
		t.become(spool.TargetSuspect, now)
	case t.answered:
		t.become(spool.TargetOK, now)
	case t.hist.next >= 20:
		t.become(spool.TargetSilent, now)
	default:
		t.become(spool.TargetNew, now)
	}
}
