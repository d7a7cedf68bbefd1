package drill

import (
	"iter"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

// Of what a node sends, the network's log tells apart by size and TTL:
// pings and traces have 64 octets, rounds that only learn a path 60.
const (
	probeSize = 64
	learnSize = 60
	pingTTL   = 64
)

func isTrace(r *lab.Record) bool {
	return r.Protocol == lab.ICMP && r.Size == probeSize && r.TTL < pingTTL
}

// isPing is true of pings through sockets of their own too.
func isPing(r *lab.Record) bool {
	return r.Protocol == lab.ICMP && r.TTL >= pingTTL && r.Size >= probeSize
}

// span is from when to when something was so, by the network's log. Zero:
// not yet.
type span struct{ from, to time.Time }

// holds says that it was so at a time.
func (s span) holds(at time.Time) bool {
	return !s.from.IsZero() && !at.Before(s.from) && (s.to.IsZero() || at.Before(s.to))
}

// near says the same of a time that the watchdog has written: a ping that
// was under way when it began may be the first that is lost.
func (s span) near(at time.Time) bool {
	const slack = time.Second
	return !s.from.IsZero() && !at.Before(s.from.Add(-slack)) && (s.to.IsZero() || at.Before(s.to.Add(slack)))
}

// spanOf finds in the log when a link lost packets.
func spanOf(events []lab.Event, change string) span {
	var s span
	for _, e := range events {
		switch {
		case strings.HasPrefix(e.Text, change) && s.from.IsZero():
			s.from = e.At
		case strings.HasPrefix(e.Text, "end of: "+change) && s.to.IsZero():
			s.to = e.At
		}
	}
	return s
}

// sent is what went toward one target while its loss lasted, by the
// network's log. Zero times: it did not happen.
type sent struct {
	pings     []ping // in order of arrival
	firstLost time.Time
	trace     time.Time // first packet of a trace
	asked     uint64    // TTLs that a trace has asked, by bit
	whole     time.Time // when each TTL of the path had been asked
	lastTrace time.Time
}

// ping is one that the watchdog may have gone by.
type ping struct {
	at   time.Time
	lost bool
}

// sentDuring reads the log. when gives a target's loss, length the TTL at
// which it answers.
func sentDuring(records iter.Seq[lab.Record], when func(target int) span, length func(target int) int) map[int]*sent {
	out := map[int]*sent{}
	for r := range records {
		if r.Target < 0 || !when(r.Target).holds(r.Arrived) {
			continue
		}
		s := out[r.Target]
		if s == nil {
			s = &sent{}
			out[r.Target] = s
		}
		s.add(&r, length(r.Target))
	}
	return out
}

// beside is how close to a trace's other packets its own to the target is,
// which looks like a ping and tells the watchdog nothing.
const beside = 20 * time.Millisecond

func (s *sent) add(r *lab.Record, length int) {
	if isPing(r) {
		lost := r.Fate != lab.Answered
		if r.Arrived.Sub(s.lastTrace) > beside {
			s.pings = append(s.pings, ping{r.Arrived, lost})
		}
		if lost && s.firstLost.IsZero() {
			s.firstLost = r.Arrived
		}
	}
	if !isTrace(r) {
		return
	}
	s.lastTrace = r.Arrived
	for n := len(s.pings); n > 0 && r.Arrived.Sub(s.pings[n-1].at) <= beside; n-- {
		s.pings = s.pings[:n-1]
	}
	if s.trace.IsZero() {
		s.trace = r.Arrived
	}
	s.asked |= 1 << min(int(r.TTL), length)
	if all := uint64(1)<<(length+1) - 2; s.asked&all == all && s.whole.IsZero() {
		s.whole = r.Arrived
	}
}

// A watchdog owes an incident to a target that lost so many of so many
// pings in a row: one more than it opens at, as it may count a ping on
// either side of the edge.
const (
	dueLost = 4
	dueOf   = 12
)

// due says that a target lost enough for an incident. Of one that was
// hardly pinged nobody can say that it did not.
func (s *sent) due() bool {
	const few = 5
	if s == nil || len(s.pings) < few {
		return true
	}
	lost := 0
	for i, p := range s.pings {
		if p.lost {
			lost++
		}
		if i >= dueOf && s.pings[i-dueOf].lost {
			lost--
		}
		if lost >= dueLost {
			return true
		}
	}
	return false
}

// seen is all that is known of a drill at one moment.
type seen struct {
	started, ready bool
	loss, other    span
	sent           map[int]*sent
	incidents      []*report.Incident      // each as it was last read, in order of ID
	onDisk         map[ulid.ULID]time.Time // when its file was first found
	right          map[ulid.ULID]time.Time // when it was first found to name the right place
	reports        []*report.Report
	over           bool // nothing more is to come
}
