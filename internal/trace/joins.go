package trace

import (
	"sync"
	"time"

	"github.com/mtrq/mtrq/report"
)

const (
	// freshLook is how old a trace's last look may be for one who joins it: an
	// older one is followed by another.
	freshLook = 2 * time.Second
	// maxJoined bounds the requests of one report.
	maxJoined = 1000
)

// Joins is the door of a running trace for more requests of the same target.
// The zero value is a trace that has not begun: who asks waits.
type Joins struct {
	mu     sync.Mutex
	asked  []join
	closed bool
	wake   chan struct{} // of the trace, once it runs
}

type join struct {
	request report.Request
	answer  chan bool // one value
}

// Ask asks to be served by the trace too. The answer is one value: true when
// the request stands in the trace's events (report.EventJoin) and will be named in its
// report; false when the trace cannot serve it.
func (j *Joins) Ask(r report.Request) <-chan bool {
	answer := make(chan bool, 1)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		answer <- false
		return answer
	}
	j.asked = append(j.asked, join{r, answer})
	if j.wake != nil {
		select {
		case j.wake <- struct{}{}:
		default:
		}
	}
	return answer
}

// open begins to wake the trace for those who ask, and at once where
// somebody waits.
func (j *Joins) open() <-chan struct{} {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.wake = make(chan struct{}, 1)
	if len(j.asked) > 0 {
		j.wake <- struct{}{}
	}
	return j.wake
}

func (j *Joins) take() []join {
	j.mu.Lock()
	defer j.mu.Unlock()
	asked := j.asked
	j.asked = nil
	return asked
}

// Close refuses all who ask, from now on. Trace does so when it takes nobody
// any more; whoever gave Joins to a trace that never ran must.
func (j *Joins) Close() {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	for _, a := range j.asked {
		a.answer <- false
	}
	j.asked = nil
}

// welcome takes in those who ask to join.
func (r *running) welcome() {
	for _, j := range r.job.Joins.take() {
		now := r.Now()
		q := Question{Addr: r.target, Source: j.request.Source, Port: r.job.Port}
		if r.joined >= maxJoined || r.policy.Check(q) != nil || !r.machine.join(now) {
			j.answer <- false
			continue
		}
		r.joined++
		request := j.request
		r.emit(report.Event{E: report.EventJoin, MS: r.ms(now), Request: &request})
		j.answer <- true
	}
}

// lookAgain is a first look in the middle of a trace, for one who joined it.
type lookAgain struct {
	waves int // still to be asked
	begin time.Time
}

// join takes one more request in: it sees to a look that is fresh for it, and
// to a trace that goes on long enough to say something. It is false where
// there is no time left for that, or the job wants exactly so many rounds.
func (m *machine) join(now time.Time) bool {
	if m.stage >= closing || m.rounds > 0 || now.Sub(m.start) > m.maxDuration-2*m.tail-freshLook {
		return false
	}
	m.joined = now
	last := m.again.begin
	if last.IsZero() {
		last = m.lastSent
	}
	switch age := now.Sub(last); {
	case last.IsZero() || m.again.waves > 0: // none has left yet, or one is due
	case age > freshLook || m.stage == waiting || m.stage == firstLook && m.wave == m.waves:
		// Where nothing else is sent until a slot is free, even a young look is
		// followed by another.
		m.again = lookAgain{waves, later(now, last.Add(freshLook))}
	}
	return true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// askAgain asks the waves of such a look that are due.
func (m *machine) askAgain(now time.Time) []ask {
	if m.again.waves == 0 || now.Before(m.againDue()) {
		return nil
	}
	class := firstWave(waves - m.again.waves)
	m.again.waves--
	asks := []ask{m.ask(0, -1, class.own)}
	for ttl := uint8(1); ttl <= m.reach(); ttl++ {
		asks = append(asks, m.ask(ttl, -1, class.path))
	}
	return asks
}

// againDue is when the next wave of such a look is due.
func (m *machine) againDue() time.Time {
	return m.again.begin.Add(time.Duration(waves-m.again.waves) * waveGap)
}
