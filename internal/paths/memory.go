package paths

import (
	"net/netip"
	"sync"
	"time"
)

const (
	defaultTargets = 65536
	defaultSettle  = 5 * time.Minute
	defaultSteady  = 10

	// maxTTL is the highest TTL that is remembered. A probe with 64 and more
	// is meant for the target itself, whatever the length of the path.
	maxTTL = 63
)

// Outcome is what became of a probe. One that was not sent, or of which
// nobody can say (a stall), has none of these and is not to be noted.
type Outcome uint8

const (
	Reply       Outcome = iota + 1 // the target answered
	Expired                        // a router: time exceeded
	Unreachable                    // a router or the target: unreachable
	Lost                           // nobody in time; an answer that came late may be noted with NoteTrouble
)

// Memory is what is known of the paths to many targets. It is safe for
// concurrent use. About 1.6 kB a target with 15 hops.
type Memory struct {
	// Settle is how long another path must hold to become the usual one,
	// and Steady how many answers in a row by addresses that are known at a
	// TTL, for each of them, it takes until another one there is a stranger.
	// They may be set before the first use.
	Settle time.Duration
	Steady int

	max int

	mu      sync.RWMutex
	entries map[netip.Addr]*entry
	newest  *entry // by when it was noted last
	oldest  *entry

	saving sync.Mutex // one SaveFile at a time: they share the name of the unfinished file
}

// New returns an empty memory of at most max targets (0: 65,536).
func New(max int) *Memory {
	if max <= 0 {
		max = defaultTargets
	}
	return &Memory{Settle: defaultSettle, Steady: defaultSteady, max: max, entries: map[netip.Addr]*entry{}}
}

// Note takes in one probe that was sent with a TTL (1 to 63; others are
// ignored) toward a target while nothing was wrong: who answered (from is
// not looked at for Reply and Lost), how fast, and when. A probe that was
// lost behind the last router known says nothing and is ignored.
func (m *Memory) Note(target netip.Addr, ttl uint8, o Outcome, from netip.Addr, rtt time.Duration, at time.Time) {
	m.note(target, sighting{ttl: ttl, outcome: o, from: keyOf(from), rtt: rtt, at: at.UnixMilli()})
}

// NoteTrouble is Note for a probe that was sent while the target lost
// packets. It teaches who answers where, and so finds another path, but
// neither how fast nor how often: what a fault does to answers must not
// become usual.
func (m *Memory) NoteTrouble(target netip.Addr, ttl uint8, o Outcome, from netip.Addr, rtt time.Duration, at time.Time) {
	m.note(target, sighting{ttl: ttl, outcome: o, from: keyOf(from), rtt: rtt, at: at.UnixMilli(), trouble: true})
}

func (m *Memory) note(target netip.Addr, s sighting) {
	target = target.Unmap()
	if keyOf(target) == (key{}) || s.ttl < 1 || s.ttl > maxTTL {
		return
	}
	switch s.outcome {
	case Reply:
		s.from = self
	case Unreachable:
		if s.from == keyOf(target) {
			s.outcome, s.from = Reply, self // it refuses, but the packet got there
		}
	case Expired, Lost:
	default:
		return
	}
	if s.outcome != Lost && s.from == (key{}) {
		return // an answer by nobody
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[target]
	if e == nil {
		if s.outcome == Lost {
			return // there is nothing to remember of a target whose path never answered
		}
		e = &entry{target: target}
		m.add(e)
	} else if e != m.newest {
		m.unlink(e)
		m.link(e)
	}
	e.note(s, m.rules())
}

func (m *Memory) rules() rules {
	settle := m.Settle.Milliseconds()
	return rules{steady: m.Steady, settle: settle, stale: 3 * settle}
}

// Accept makes the path that Changed tells of the usual one, and says
// whether there was any.
func (m *Memory) Accept(target netip.Addr) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[target.Unmap()]
	if e == nil || !e.changed() {
		return false
	}
	e.accept()
	return true
}

// Len is how many targets are remembered.
func (m *Memory) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.entries)
}

// add takes a target in as the newest, for which the oldest may have to go.
func (m *Memory) add(e *entry) {
	for len(m.entries) >= m.max {
		old := m.oldest
		m.unlink(old)
		delete(m.entries, old.target)
	}
	m.entries[e.target] = e
	m.link(e)
}

func (m *Memory) link(e *entry) {
	e.older, e.newer = m.newest, nil
	if m.newest != nil {
		m.newest.newer = e
	} else {
		m.oldest = e
	}
	m.newest = e
}

func (m *Memory) unlink(e *entry) {
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		m.newest = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		m.oldest = e.newer
	}
	e.newer, e.older = nil, nil
}
