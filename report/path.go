package report

import (
	"net/netip"
	"strings"
)

// cut finds how long the path is and moves what was sent beyond its end
// to Beyond:
//
//	target answered at a TTL    the path ends at the lowest such TTL …
//	… but a router answered     … or one TTL after the last router: the
//	at that TTL or beyond       path became longer, or has two lengths
//	"unreachable" at a TTL      the path ends at the lowest such TTL
//	neither                     every TTL that was asked stays
func (e *Evidence) cut() {
	target, wall, router := 0, 0, 0 // TTLs; 0: none
	for i := range e.Hops {
		h := &e.Hops[i]
		if target == 0 && e.targetIn(&h.Series) {
			target = h.TTL
		}
		if wall == 0 && strings.IndexByte(h.Answer, AnswerUnreachable) >= 0 {
			wall = h.TTL
		}
		if strings.IndexByte(h.Answer, AnswerExpired) >= 0 {
			router = h.TTL
		}
	}
	end := len(e.Hops)
	switch {
	case target > 0:
		e.Target.TTL = &target
		end = target
		if router >= target {
			end = router + 1
		}
	case wall > 0:
		end = max(wall, router)
	}
	if end < len(e.Hops) {
		e.Beyond = e.Hops[end:]
		e.Hops = e.Hops[:end:end]
	}
}

// targetIn says whether the target answered in a series, in time or late.
func (e *Evidence) targetIn(s *Series) bool {
	for i := range len(s.Answer) {
		switch s.Answer[i] {
		case AnswerReply:
			return true
		case AnswerLate:
			if a := e.who(s, i); a.IsValid() && a == e.Target.Address {
				return true
			}
		}
	}
	return false
}

// who answered probe i of a series; the zero Addr: nobody.
func (e *Evidence) who(s *Series, i int) netip.Addr {
	if i >= len(s.Addr) || s.Addr[i] == nil || *s.Addr[i] < 0 || *s.Addr[i] >= len(e.Addresses) {
		return netip.Addr{}
	}
	return e.Addresses[*s.Addr[i]]
}

// twoLengths says that a router answered at the TTL of the target, too:
// what was lost at that TTL is not known to have gone to the target.
func (e *Evidence) twoLengths() bool {
	t := e.Target.TTL
	if t == nil {
		return false
	}
	for _, hops := range [][]Hop{e.Hops, e.Beyond} {
		for i := range hops {
			if hops[i].TTL >= *t && strings.IndexByte(hops[i].Answer, AnswerExpired) >= 0 {
				return true
			}
		}
	}
	return false
}

// TargetSeries is every probe that was sent to see whether the target
// answers, in the order of sending: the ping series and, unless the path
// has two lengths, the probes at the target's TTL. Only an answer of the
// target itself is one ('r', or 'l' when late): a router's "unreachable"
// is '-' here.
func (e *Evidence) TargetSeries() Series {
	a, b := &e.Ping, (*Series)(nil)
	if t := e.Target.TTL; t != nil && *t >= 1 && *t <= len(e.Hops) && !e.twoLengths() {
		b = &e.Hops[*t-1].Series
	}
	n := len(a.Answer)
	if b != nil {
		n += len(b.Answer)
	}
	out := Series{TxMS: make([]float64, 0, n), RTTUS: make([]*int64, 0, n), LateUS: make([]*int64, 0, n), Addr: make([]*int, 0, n)}
	var answers strings.Builder
	answers.Grow(n)
	i, j := 0, 0
	for {
		s, k := a, i
		switch {
		case i < len(a.Answer) && (b == nil || j >= len(b.Answer) || a.TxMS[i] <= b.TxMS[j]):
			i++
		case b != nil && j < len(b.Answer):
			s, k = b, j
			j++
		default:
			out.Answer = answers.String()
			return out
		}
		c := s.Answer[k]
		rtt := s.RTTUS[k]
		if c != AnswerReply {
			rtt = nil
			if c != AnswerLate && c != AnswerPending {
				c = AnswerLost
			}
		}
		answers.WriteByte(c)
		out.TxMS = append(out.TxMS, s.TxMS[k])
		out.RTTUS = append(out.RTTUS, rtt)
		out.LateUS = append(out.LateUS, s.LateUS[k])
		out.Addr = append(out.Addr, s.Addr[k])
	}
}

// TargetStats are the figures of the target itself.
func (e *Evidence) TargetStats() Stats {
	s := e.TargetSeries()
	return s.stats(func(a byte) bool { return a == AnswerReply })
}

// state says how the target showed itself.
func (e *Evidence) state() State {
	all := append([]*Series{&e.Ping}, seriesOf(e.Hops)...)
	all = append(all, seriesOf(e.Beyond)...)
	count := make(map[byte]int)
	sent := 0
	for _, s := range all {
		if e.targetIn(s) || s == &e.Ping && strings.IndexByte(s.Answer, AnswerLate) >= 0 {
			return Reached
		}
		for _, c := range []byte(s.Answer) {
			count[c]++
			sent++
		}
	}
	switch {
	case sent == 0 && e.Ended == EndedRefused:
		return Forbidden
	case sent == 0 && !e.Target.Address.IsValid():
		return Unresolved
	case sent == 0:
		return Unprobed
	case count[AnswerUnreachable] > 0:
		return Unreachable
	case 2*count[AnswerNoRoute] > sent-count[AnswerPending]:
		return NoRoute
	}
	for _, o := range e.Others {
		if o.Answered {
			return Filtered
		}
	}
	if k := e.Target.KnownTTL; k >= 2 && k-1 <= len(e.Hops) && e.Hops[k-2].Stats().Answered > 0 {
		return Filtered
	}
	return Silent
}

func seriesOf(hops []Hop) []*Series {
	out := make([]*Series, len(hops))
	for i := range hops {
		out[i] = &hops[i].Series
	}
	return out
}
