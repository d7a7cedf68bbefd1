package trace

import (
	"time"

	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/report"
)

// round is the long look: a round over the path once an interval, the
// target itself more often, until the stop rule holds.
func (m *machine) round(now time.Time) []ask {
	if why := m.stop(now); why != "" {
		m.end(why)
		return nil
	}
	var asks []ask
	if !now.Before(m.nextOwn) {
		m.nextOwn = tick(m.nextOwn, m.ownInterval(), now)
		asks = m.askPolitely(asks, 0)
	}
	if !now.Before(m.nextRound) {
		m.nextRound = tick(m.nextRound, m.interval, now)
		top := m.reach()
		if m.length > 0 && m.rounds == 0 {
			top = m.length // asked too, to notice when the path becomes longer
		}
		for ttl := uint8(1); ttl <= top; ttl++ {
			asks = m.askPolitely(asks, ttl)
		}
	}
	return asks
}

// tick is the next time of a rhythm. Beats that were missed (a stall, a
// suspended machine) are not made up for.
func tick(last time.Time, every time.Duration, now time.Time) time.Time {
	next := last.Add(every)
	if next.Before(now) {
		return now.Add(every)
	}
	return next
}

func (m *machine) ownInterval() time.Duration {
	if m.rounds > 0 {
		return m.interval
	}
	return min(m.interval, max(m.interval/ownPerRound, ownGap))
}

// askPolitely asks a TTL unless its last probe still waits for its turn
// at the router, or all the rounds that the job wants were asked.
func (m *machine) askPolitely(asks []ask, ttl uint8) []ask {
	h := &m.hops[ttl]
	if h.waiting > 0 || m.rounds > 0 && m.askedOf(ttl) >= m.rounds {
		return asks
	}
	a := m.ask(ttl, -1, probe.LongLook)
	a.polite, a.router = true, h.addr
	if !h.addr.IsValid() && ttl > 0 {
		prev := ttl - 1
		for prev > 0 && !m.hops[prev].addr.IsValid() {
			prev--
		}
		if prev > 0 {
			a.after = m.hops[prev].addr
		}
		a.gap = int(ttl - prev)
	}
	return append(asks, a)
}

// stop says why the long look ends now, or "" where it goes on:
//
//	rounds asked for                 when each TTL was asked that often
//	max_duration over                in any case
//	target answered                  min_packets went to it, and it has been clean for tail
//	target never answered, ever      min_packets went to it
//	target answered earlier traces   not yet: it may come back
//
// Who joins the trace is given a tail of it, too.
func (m *machine) stop(now time.Time) report.Ended {
	own := m.hops[0]
	sent := own.asked - own.waiting
	switch {
	case m.rounds > 0 && m.allRounds():
		return report.EndedComplete
	case now.Sub(m.start) >= m.maxDuration:
		return report.EndedMaxDuration
	case m.rounds > 0 || sent < m.minPackets || !m.joined.IsZero() && now.Sub(m.joined) < m.tail:
		return ""
	case !m.answered && !m.known:
		return report.EndedComplete
	case m.answered && now.Sub(m.lastLoss) >= m.tail && now.Sub(m.start) >= m.tail:
		return report.EndedComplete
	}
	return ""
}

func (m *machine) allRounds() bool {
	top := m.reach()
	for ttl := uint8(0); ttl <= top; ttl++ {
		if m.askedOf(ttl) < m.rounds || m.hops[ttl].waiting > 0 {
			return false
		}
	}
	return true
}

// askedOf is how many probes went to a TTL. Those at the target's TTL
// count for the target itself, so that its row holds no more than the
// others where a job asks for so many rounds.
func (m *machine) askedOf(ttl uint8) int {
	n := m.hops[ttl].asked
	if ttl == 0 && m.length > 0 {
		n += m.hops[m.length].asked
	}
	return n
}
