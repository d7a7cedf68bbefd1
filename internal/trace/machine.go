package trace

import (
	"net/netip"
	"time"

	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/report"
)

const (
	waves        = 3                      // of a first look
	waveGap      = 150 * time.Millisecond // between them
	blindTTLs    = 16                     // first wave without a remembered length
	silentTTLs   = 5                      // so many in a row end a path that no target answers
	beyondLength = 2                      // TTLs asked beyond a remembered length
	ownTTL       = 64                     // of a probe to the target itself: more than any path uses up
	ownPerRound  = 5                      // probes to the target itself in each round of the long look
	ownGap       = 200 * time.Millisecond // but never closer together than this, unless rounds are

	minDeadline = 200 * time.Millisecond
	maxDeadline = time.Second // what mtr-packet waits
)

// limits are what a machine is built with: a job with every default
// filled in, and what memory knows of its target.
type limits struct {
	interval    time.Duration
	rounds      int // exactly so many; 0: the stop rule
	maxTTL      uint8
	minPackets  int
	tail        time.Duration
	maxDuration time.Duration

	known       bool  // the target has answered before
	knownLength uint8 // at this TTL; 0: unknown
}

// stage is where a machine has got to.
type stage uint8

const (
	firstLook stage = iota
	waiting         // the first look is complete; no slot yet
	longLook
	closing // nothing new is asked; probes under way are waited for
	done
)

// A machine decides what a trace sends and when it ends. It is told the
// time with every call and touches nothing else.
type machine struct {
	limits
	start time.Time
	stage stage
	ended report.Ended // set once the stage is closing

	probes []sample
	hops   [256]hop // by TTL; 0 is the target itself
	length uint8    // lowest TTL at which the target answers; 0: unknown
	wall   uint8    // lowest TTL at which a router says "unreachable"; 0: none
	top    uint8    // highest TTL asked in the first wave

	waves      int        // of this trace: fewer where a job asks for fewer rounds
	wave       int        // how many have been asked
	queued     [waves]int // probes of each wave that have not left yet
	flying     [waves]int // probes of each wave without an outcome
	lastSent   time.Time  // when the last probe of wave 1 left
	underWay   int        // all probes without an outcome
	left       int        // probes that have left
	answered   bool       // the target has answered
	lastLoss   time.Time  // when the last lost probe to the target left
	lossBefore time.Time  // and the one before it
	ownLost    int        // probes to the target itself that were lost
	nextRound  time.Time  //
	nextOwn    time.Time  //
	joined     time.Time  // when somebody joined last
	again      lookAgain  // the look for them
	err        error      // why probes could not be sent at all
}

// sample is one probe; its index in machine.probes is its number.
type sample struct {
	ttl     uint8
	wave    int8 // -1: long look
	retries uint8
	sent    time.Time
	outcome probe.Outcome // 0: none yet
}

// hop is what is known of one TTL.
type hop struct {
	addr     netip.Addr // who answered last
	asked    int
	waiting  int // asked and not yet sent
	answered int
	rtt      estimate
}

// ask is one probe to be sent: number, TTL (0: the target itself), and
// whose answer is expected.
type ask struct {
	n        int
	ttl      uint8
	class    probe.Class
	deadline time.Duration

	// In the long look: the address that answered at this TTL last; or,
	// where none did, the nearest known one before it (none: this
	// machine) and how many TTLs lie between.
	polite bool
	router netip.Addr
	after  netip.Addr
	gap    int
}

func newMachine(l limits, start time.Time) *machine {
	m := &machine{limits: l, start: start, waves: waves}
	if l.rounds > 0 {
		m.waves = min(waves, l.rounds)
	}
	return m
}

// step returns what is to be sent now.
func (m *machine) step(now time.Time) []ask {
	var asks []ask
	switch m.stage {
	case firstLook:
		asks = m.look(now)
	case waiting:
		asks = m.askAgain(now)
	case longLook:
		if asks = m.round(now); m.stage == longLook {
			asks = append(asks, m.askAgain(now)...)
		}
	}
	if m.stage == closing && m.underWay == 0 {
		m.stage = done
	}
	return asks
}

// next is when step has something to do even if no probe is answered;
// zero: never.
func (m *machine) next() time.Time {
	switch {
	case m.stage == firstLook && m.wave > 0 && m.wave < m.waves && m.queued[m.wave-1] == 0:
		return m.waveDue()
	case m.stage == waiting && m.again.waves > 0:
		return m.againDue()
	case m.stage == longLook:
		next := m.nextRound
		if m.nextOwn.Before(next) {
			next = m.nextOwn
		}
		if m.again.waves > 0 && m.againDue().Before(next) {
			next = m.againDue()
		}
		return next
	}
	return time.Time{}
}

// end stops asking; the machine is done when no probe is under way.
func (m *machine) end(why report.Ended) {
	if m.stage < closing {
		m.ended, m.stage = why, closing
	}
}

// goOn begins the long look.
func (m *machine) goOn(now time.Time) {
	if m.stage == waiting {
		m.stage, m.nextRound, m.nextOwn = longLook, now, now
	}
}

// clean says that the target answered every probe of its own so far.
func (m *machine) clean() bool { return m.answered && m.ownLost == 0 }

func (m *machine) ask(ttl uint8, wave int, class probe.Class) ask {
	n := len(m.probes)
	m.probes = append(m.probes, sample{ttl: ttl, wave: int8(wave)})
	h := &m.hops[ttl]
	h.asked++
	h.waiting++
	m.underWay++
	if wave >= 0 {
		m.queued[wave]++
		m.flying[wave]++
	}
	return ask{n: n, ttl: ttl, class: class, deadline: h.rtt.deadline()}
}

// sentAt is told that a probe has left.
func (m *machine) sentAt(n int, at time.Time) {
	s := &m.probes[n]
	s.sent = at
	m.left++
	m.hops[s.ttl].waiting--
	if s.wave >= 0 {
		m.queued[s.wave]--
		if s.wave == 0 && at.After(m.lastSent) {
			m.lastSent = at
		}
	}
}

// doneWith is told what became of a probe: probe.Late may follow
// probe.Lost, everything else comes once. It returns a probe to send in
// place of one that the process that held it took with it.
func (m *machine) doneWith(n int, r probe.Result) (again []ask) {
	s := &m.probes[n]
	h := &m.hops[s.ttl]
	if r.Outcome == probe.Late { // not lost after all
		if s.ttl == 0 {
			m.ownLost--
			if m.lastLoss.Equal(s.sent) {
				m.lastLoss = m.lossBefore
			}
		}
		s.outcome = r.Outcome
		m.heard(s, h, r)
		return nil
	}
	if s.sent.IsZero() { // never left
		h.waiting--
		if s.wave >= 0 {
			m.queued[s.wave]--
		}
	}
	s.outcome = r.Outcome
	m.underWay--
	if s.wave >= 0 {
		m.flying[s.wave]--
	}
	switch r.Outcome {
	case probe.Unsent:
		if !s.sent.IsZero() {
			m.left--
		}
		h.asked--
		if m.stage != firstLook {
			break // the next round asks again
		}
		m.err = r.Err
		if s.retries < 2 {
			a := m.ask(s.ttl, int(s.wave), probe.Wave1+probe.Class(s.wave))
			m.probes[a.n].retries = m.probes[n].retries + 1
			return []ask{a}
		}
	case probe.Lost, probe.NoRoute:
		if s.ttl == 0 {
			m.lose(s)
		}
	default:
		m.heard(s, h, r)
	}
	return nil
}

// lose counts a probe to the target itself that was not answered by it.
func (m *machine) lose(s *sample) {
	m.ownLost++
	m.lossBefore, m.lastLoss = m.lastLoss, s.sent
}

// heard takes in an answer: who, how fast, and what that says of the
// length of the path.
func (m *machine) heard(s *sample, h *hop, r probe.Result) {
	h.answered++
	h.rtt.add(r.RTT)
	if r.From.IsValid() {
		h.addr = r.From
	}
	reply := r.Outcome == probe.Reply
	if r.Outcome == probe.Late {
		// Late does not say which kind of answer it was; an answer to a
		// probe to the target itself can only be the target's.
		reply = s.ttl == 0
	}
	switch {
	case reply:
		m.answered = true
		if s.ttl > 0 && (m.length == 0 || s.ttl < m.length) {
			m.length, m.wall = s.ttl, 0
		}
	case r.Outcome == probe.Unreachable:
		if s.ttl == 0 {
			m.lose(s)
		} else if m.length == 0 && (m.wall == 0 || s.ttl < m.wall) {
			m.wall = s.ttl
		}
	case s.ttl > 0:
		// The path has become longer than it was.
		if m.length > 0 && s.ttl >= m.length {
			m.length = 0
		}
		if m.wall > 0 && s.ttl >= m.wall {
			m.wall = 0
		}
	}
}

// estimate is the smoothed RTT of a hop and its variation, as TCP keeps
// them for its own deadline (RFC 6298, section 2).
type estimate struct{ srtt, rttvar time.Duration }

func (e *estimate) add(rtt time.Duration) {
	if e.srtt == 0 {
		e.srtt, e.rttvar = rtt, rtt/2
		return
	}
	e.rttvar = (3*e.rttvar + (e.srtt - rtt).Abs()) / 4
	e.srtt = (7*e.srtt + rtt) / 8
}

// deadline is how long an answer may take before its probe counts as
// lost: twice what TCP would wait, from 200 ms to a second. A hop that
// has not answered yet is given the whole second.
func (e estimate) deadline() time.Duration {
	if e.srtt == 0 {
		return maxDeadline
	}
	return min(max(2*(e.srtt+4*e.rttvar), minDeadline), maxDeadline)
}

// answeredBeyond says that something behind a TTL has answered a probe
// sent since a second before the given time.
func (m *machine) answeredBeyond(ttl uint8, sent time.Time) bool {
	since := sent.Add(-time.Second)
	for n := len(m.probes) - 1; n >= 0 && n >= len(m.probes)-1000; n-- {
		s := m.probes[n]
		if s.sent.IsZero() || s.outcome == 0 {
			continue
		}
		if s.sent.Before(since) {
			return false
		}
		beyond := s.ttl == 0 || s.ttl > ttl
		if beyond && (s.outcome == probe.Reply || s.outcome == probe.Expired) {
			return true
		}
	}
	return false
}
