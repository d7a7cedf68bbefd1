package trace

import (
	"time"

	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/report"
)

// look is the first look: it asks each wave when it is due, stretches
// the first until the path ends, and moves on when all is answered or
// has run out.
func (m *machine) look(now time.Time) []ask {
	var asks []ask
	if m.wave == 0 {
		m.top = m.firstRange()
		return m.askWave(m.top)
	}
	asks = append(asks, m.stretch()...)
	if m.wave < m.waves && m.queued[m.wave-1] == 0 && !now.Before(m.waveDue()) {
		asks = append(asks, m.askWave(m.reach())...)
	}
	if len(asks) == 0 && m.wave == m.waves && m.underWay == 0 {
		switch {
		case m.left == 0:
			m.end(report.EndedFailed)
		case m.rounds > 0 && m.rounds <= waves:
			m.end(report.EndedComplete)
		default:
			m.stage = waiting
		}
	}
	return asks
}

// waveDue is when the next wave may leave: measured from the last probe
// of the first wave, since a thousand traces' first waves take seconds.
func (m *machine) waveDue() time.Time {
	return m.lastSent.Add(time.Duration(m.wave) * waveGap)
}

func (m *machine) firstRange() uint8 {
	if m.knownLength > 0 {
		return min(m.knownLength+beyondLength, m.maxTTL)
	}
	return min(blindTTLs, m.maxTTL)
}

// askWave asks the target itself and TTL 1 to top. Where the target's
// TTL is known, the probe to the target itself serves for it.
func (m *machine) askWave(top uint8) []ask {
	w := m.wave
	m.wave++
	class := firstWave(w)
	asks := []ask{m.ask(0, w, class.own)}
	for ttl := uint8(1); ttl <= top; ttl++ {
		asks = append(asks, m.ask(ttl, w, class.path))
	}
	return asks
}

// waveClass is how urgent the probes of a wave are.
type waveClass struct{ own, path probe.Class }

func firstWave(w int) waveClass {
	c := waveClass{probe.FirstOwn, probe.Wave1 + probe.Class(w)}
	if w > 0 {
		c.own = c.path
	}
	return c
}

// stretch continues the first wave beyond its range, as long as the
// target has not answered and fewer than five TTLs in a row are silent.
func (m *machine) stretch() []ask {
	if m.flying[0] > 0 || m.pathEnds() || m.top >= m.maxTTL {
		return nil
	}
	to := min(m.lastAnswered()+silentTTLs, m.maxTTL)
	var asks []ask
	for ; m.top < to; m.top++ {
		asks = append(asks, m.ask(m.top+1, 0, probe.Wave1))
	}
	return asks
}

// pathEnds says that some TTL is known to be the last one.
func (m *machine) pathEnds() bool { return m.length > 0 || m.wall > 0 }

// reach is the highest TTL worth asking, as far as is known now.
func (m *machine) reach() uint8 {
	switch {
	case m.length > 0:
		return m.length - 1
	case m.wall > 0:
		return m.wall
	case m.stage == firstLook && m.flying[0] > 0:
		return m.top
	default:
		return min(m.lastAnswered()+silentTTLs, m.maxTTL)
	}
}

// lastAnswered is the highest TTL at which a router has answered.
func (m *machine) lastAnswered() uint8 {
	for ttl := m.maxTTL; ttl > 0; ttl-- {
		if m.hops[ttl].answered > 0 {
			return ttl
		}
	}
	return 0
}
