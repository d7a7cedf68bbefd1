package hook

import "time"

const (
	maxQueue   = 1000           // messages that wait for one hook
	keepTrying = 24 * time.Hour // … each so long
	firstWait  = time.Second
	lastWait   = time.Minute
	maxAfter   = time.Hour // of a Retry-After
)

// queued is one message that waits for one hook.
type queued struct {
	msg   Message
	hook  string    // key of its hook
	at    time.Time // when it was sent
	since time.Time // since when this process tries: at, or the start for one from the disk

	tries int
	next  time.Time // not tried again before
	busy  bool      // under way

	file string // its file; empty: none (yet)
	gone bool   // delivered, refused, given up or dropped: no file is to be left
}

// queue is the messages of one hook in the order in which they came. It is
// pure state: its caller has the clock.
type queue struct {
	msgs  []*queued
	fails int       // attempts in a row, of whatever message
	until time.Time // nothing is tried before
	full  bool      // has dropped something since it was last empty
}

// outcome is what came of an attempt.
type outcome struct {
	err   error // nil: delivered
	final bool  // would fail again
	away  bool  // nobody was there: it says nothing about this message
	after time.Duration
}

// add puts a message last and gives back the one that had to make room, or
// nil. The one under way stays.
func (q *queue) add(m *queued) (dropped *queued) {
	q.msgs = append(q.msgs, m)
	if len(q.msgs) <= maxQueue {
		return nil
	}
	for _, old := range q.msgs {
		if !old.busy {
			q.remove(old)
			return old
		}
	}
	return nil
}

func (q *queue) remove(m *queued) {
	for i, o := range q.msgs {
		if o == m {
			q.msgs = append(q.msgs[:i:i], q.msgs[i+1:]...)
			return
		}
	}
}

// pick is the message to try now, or nil and how long nothing is to be done;
// 0 with nil: until a message comes. Of those that may be tried it is the one
// that has waited longest for it, so that one which always fails holds up none
// but its own incident's.
func (q *queue) pick(now time.Time) (*queued, time.Duration) {
	if len(q.msgs) == 0 {
		return nil, 0
	}
	var best *queued
	seen := map[string]bool{}
	for _, m := range q.msgs {
		if seen[m.msg.Incident] {
			continue // an earlier message of the incident comes first
		}
		seen[m.msg.Incident] = true
		if best == nil || m.next.Before(best.next) {
			best = m
		}
	}
	if wait := max(best.next.Sub(now), q.until.Sub(now)); wait > 0 {
		return nil, wait
	}
	return best, 0
}

// failed notes a failure that is not final. jitter is 0 to 1.
func (q *queue) failed(m *queued, o outcome, now time.Time, jitter float64) {
	q.fails++
	m.tries++
	q.until = now.Add(max(backoff(q.fails, jitter), min(o.after, maxAfter)))
	if !o.away {
		m.next = now.Add(backoff(m.tries, jitter))
	}
}

// succeeded notes that somebody is there: the message is delivered or refused.
func (q *queue) succeeded(m *queued) {
	q.remove(m)
	q.fails, q.until = 0, time.Time{}
}

// expired takes out what has been tried for too long. How long is measured by
// the time of this process, so that neither a machine that was off nor a clock
// that was set costs a message.
func (q *queue) expired(now time.Time) (out []*queued) {
	keep := q.msgs[:0:0]
	for _, m := range q.msgs {
		if now.Sub(m.since) >= keepTrying && (m.tries > 0 || q.fails > 0) && !m.busy {
			out = append(out, m)
		} else {
			keep = append(keep, m)
		}
	}
	q.msgs = keep
	return out
}

// backoff is how long to wait after the n-th failure: between half of 1 s, 2 s,
// 4 s … 60 s and the whole.
func backoff(n int, jitter float64) time.Duration {
	d := lastWait
	if n <= 6 {
		d = min(firstWait<<max(n-1, 0), lastWait)
	}
	return d/2 + time.Duration(jitter*float64(d/2))
}
