package main

import (
	"iter"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

// Of what a node sends, the log tells apart by size and TTL: pings and
// traces have 64 octets, rounds that only learn a path 60. A trace asks its
// target itself with the TTL of a ping; that one counts as a ping here.
const (
	probeSize = 64
	learnSize = 60
	pingTTL   = 64
)

func isTrace(r *lab.Record) bool {
	return r.Protocol == lab.ICMP && r.Size == probeSize && r.TTL < pingTTL
}

// isPing is true of fping's packets, too, whatever their size.
func isPing(r *lab.Record) bool {
	return r.Protocol == lab.ICMP && r.TTL == pingTTL && r.Size >= probeSize
}

// pair is a target in an event, and what the log says of it. Zero times:
// it did not happen within the event.
type pair struct {
	target int
	event  *played
	length int // TTLs to the target, its own counted
	lost   int // pings of the event's time

	asked uint64    // TTLs, by bit
	first time.Time // packet of a trace
	whole time.Time // when each TTL of the path had been asked
}

// pairs reads the log. Events of one target must not overlap.
func pairs(records iter.Seq[lab.Record], events []played, length func(target int) int) []*pair {
	var out []*pair
	of := map[int][]*pair{}
	for i := range events {
		for _, t := range events[i].targets {
			p := &pair{target: t, event: &events[i], length: length(t)}
			out = append(out, p)
			of[t] = append(of[t], p)
		}
	}
	for _, ps := range of {
		slices.SortFunc(ps, func(a, b *pair) int { return a.event.start.Compare(b.event.start) })
	}
	for r := range records {
		ps := of[r.Target] // none of a router (-1)
		for len(ps) > 0 && !r.Arrived.Before(ps[0].event.end) {
			ps = ps[1:] // the log is in order of time
			of[r.Target] = ps
		}
		if len(ps) > 0 && !r.Arrived.Before(ps[0].event.start) {
			ps[0].see(&r)
		}
	}
	return out
}

func (p *pair) see(r *lab.Record) {
	if isPing(r) && r.Fate != lab.Answered {
		p.lost++
	}
	if !isTrace(r) {
		return
	}
	if p.first.IsZero() {
		p.first = r.Arrived
	}
	p.asked |= 1 << min(int(r.TTL), p.length)
	if all := uint64(1)<<(p.length+1) - 2; p.asked&all == all && p.whole.IsZero() {
		p.whole = r.Arrived
	}
}

// tally is what is said of many pairs.
type tally struct {
	pairs, lost, whole int             // all; with a lost ping in the event; with the whole path asked in it
	first              []time.Duration // from the begin of the loss to the first packet of a trace, sorted
}

func tallyOf(ps []*pair) tally {
	t := tally{pairs: len(ps)}
	for _, p := range ps {
		if p.lost > 0 {
			t.lost++
		}
		if !p.whole.IsZero() {
			t.whole++
		}
		if !p.first.IsZero() {
			t.first = append(t.first, p.first.Sub(p.event.start))
		}
	}
	slices.Sort(t.first)
	return t
}

// wilson is the 95 % score interval of a share of k in n, in percent.
// Unlike the simple one it holds near 100 %.
func wilson(k, n int) (low, high float64) {
	if n == 0 {
		return 0, 100
	}
	const z = 1.959964
	p, m := float64(k)/float64(n), float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, 100*(middle-half)), min(100, 100*(middle+half))
}

// stretch is between which TTLs of a path an incident says the loss is; ok
// is false where it names routers that are not there.
func stretch(c *report.Common, hops [][]netip.Addr) (from, to int, ok bool) {
	at := func(a netip.Addr, otherwise int) int {
		if !a.IsValid() {
			return otherwise
		}
		return slices.IndexFunc(hops, func(h []netip.Addr) bool { return slices.Contains(h, a) }) + 1
	}
	from, to = at(c.From, 0), at(c.To, len(hops))
	return from, to, (from > 0 || !c.From.IsValid()) && to > from
}

// namesLink is true of an incident that names a stretch which holds the
// link into a TTL of a member's path. width is how many links it has.
func namesLink(in *report.Incident, hops [][]netip.Addr, ttl int) (named bool, width int) {
	if in.Common == nil {
		return false, 0
	}
	from, to, ok := stretch(in.Common, hops)
	return ok && from < ttl && ttl <= to, to - from
}
