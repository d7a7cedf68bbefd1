package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/internal/lab/cases"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/report"
)

// decide writes the label of a case, from the network's own log.
func (s *stage) decide(c *cases.Case, began time.Time) {
	l := cases.Label{Class: s.label, Also: s.also, From: s.place[0], To: s.place[1], Enough: s.enough, Truth: s.truth}
	l.Innocent = s.label != "" && !s.blame
	n := cases.Counts{Link: s.link, Length: s.hops, Protocol: string(s.protocol), Known: s.known, Dark: s.share == 1, Watched: s.pings > 0}
	if n.Protocol == "" {
		n.Protocol = string(probe.ICMP)
	}
	lost := func(f lab.Fate) bool {
		return f == lab.LostForward || f == lab.LostBackward || f == lab.BlackHoled
	}
	var first, last time.Time // lost probes to the target
	for r := range s.net.Truth().Records() {
		if r.Target != 0 || r.Arrived.Before(began) || r.TTL != 64 && int(r.TTL) != s.hops {
			continue
		}
		n.Sent++
		switch {
		case lost(r.Fate):
			n.Lost++
			if first.IsZero() {
				first = r.Arrived
			}
			last = r.Arrived
		case r.Fate == lab.Filtered:
			n.Held++
		}
	}
	limited := s.net.Truth().Count(lab.Window{From: began}, func(r *lab.Record) bool { return r.Fate == lab.Limited || r.Fate == lab.Silent })
	for ttl := 1; ttl < s.hops; ttl++ {
		to := func(r *lab.Record) bool { return r.Target == 0 && int(r.TTL) == ttl }
		asked := s.net.Truth().Count(lab.Window{From: began}, to)
		held := s.net.Truth().Count(lab.Window{From: began}, func(r *lab.Record) bool { return to(r) && (r.Fate == lab.Limited || r.Fate == lab.Silent) })
		n.Hops = append(n.Hops, cases.Held{Held: held.Probes, Asked: asked.Probes})
	}
	n.Enough = !s.unsure && n.Lost >= 8
	for _, ttl := range []int{s.link - 1, s.link} {
		if ttl < 1 || ttl >= s.hops {
			continue
		}
		asked := s.net.Truth().Count(lab.Window{From: first, To: last.Add(time.Millisecond)}, func(r *lab.Record) bool { return r.Target == 0 && int(r.TTL) == ttl })
		n.Enough = n.Enough && float64(asked.Probes)*s.share >= 4
	}
	l.Truth += fmt.Sprintf("; log: %d sent to the target, %d lost on the way", n.Sent, n.Lost)
	l.Decide(n)
	switch s.label {
	case report.RoutingLoop:
		// Where a target answered first, the trace asks no further than its TTL: two turns of three routers may not fit.
		if s.then != nil && s.hops-s.place[0] < 5 {
			l.Also = append(l.Also, report.RealLoss)
		}
	case report.Recovered:
		l.Innocent = true
	}
	if limited.Probes > 0 && slices.Contains(l.Also, report.Clean) {
		l.Also = append(l.Also, report.RateLimitOnly)
	}
	c.Label = l
}
