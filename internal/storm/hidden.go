package storm

import (
	"math"
	"net/netip"

	"github.com/mtrq/mtrq/report"
)

// A hidden place is one behind a silent hop: several links that leave it lose
// alike, and others do not. Where whole networks answer nothing (the core of many
// carriers) a silent hop is many routers, one of which fails.
type hidden struct {
	node   int32   // the silent hop
	places []int32 // links from it that lose
	odds   float64 // logarithm: against each having its own trouble
}

// A branch is a group, or a target alone, whose place is a link from a
// silent hop.
type branch struct {
	place   int32
	row     []float64 // what its targets say, by point of the grid
	score   float64   // as its own group
	members []int
}

// merge makes groups whose places leave the same silent hop one, where that
// is more probable: one prior instead of several, less a half for every way
// that leaves the hop, of which so many could have been hit or not.
func (s *solver) merge() {
	at, branches := s.branches()
	for _, n := range at {
		bs := branches[n]
		if len(bs) < 2 {
			continue
		}
		sum := make([]float64, s.width)
		before := 0.0
		for _, b := range bs {
			before += b.score
			for k, v := range b.row {
				sum[k] += v
			}
		}
		v, _ := s.m.mean(sum)
		odds := math.Log(s.m.opt.Place) + v - float64(s.x.nodes[n].out)*math.Ln2 - before
		if odds <= 0 {
			continue
		}
		h := hidden{node: n, odds: odds}
		for _, b := range bs {
			h.places = append(h.places, b.place)
			for _, t := range b.members {
				s.group[t] = len(s.counts) + len(s.hidden)
			}
		}
		s.hidden = append(s.hidden, h)
	}
}

// branches are the branches by silent hop, and these in the order in which
// they were met.
func (s *solver) branches() (at []int32, byNode map[int32][]*branch) {
	byNode = map[int32][]*branch{}
	byGroup := map[int]*branch{}
	for _, t := range s.lossy {
		g := s.group[t]
		if b := byGroup[g]; g >= 0 && b != nil {
			b.members = append(b.members, t)
			continue
		}
		for _, p := range s.x.all(t) {
			l := s.x.places[p]
			if l.from <= 0 || s.x.nodes[l.from].addr.IsValid() || int(l.class) != g {
				continue // what is alone has group -1, and its own line class -1
			}
			b := &branch{place: p, members: []int{t}}
			if g < 0 {
				b.row = s.tables[t].behind
			} else {
				b.row = s.row(l.class)
				v, _ := s.m.mean(b.row)
				b.score = math.Log(s.m.opt.Place) + v
				byGroup[g] = b
			}
			if byNode[l.from] == nil {
				at = append(at, l.from)
			}
			byNode[l.from] = append(byNode[l.from], b)
			break
		}
	}
	return at, byNode
}

// describeHidden writes down a place behind a silent hop: its end is not known.
func (s *solver) describeHidden(r *Result, h hidden) {
	c := &report.Common{Suspects: []netip.Addr{}, From: s.x.nodes[h.node].name.addr}
	c.Chance = 1 / (1 + math.Exp(-h.odds))
	var n counts
	r.index, r.chance = s.x, map[int32]float64{}
	for _, p := range h.places {
		r.chance[p] = 1 // each is one way to be there
		l := s.x.places[p]
		c.Behind += int(l.behind)
		if l.class >= 0 { // else the line of one member, which is added below
			n.lost += s.counts[l.class].lost
			n.sent += s.counts[l.class].sent
			c.Lossy += s.counts[l.class].lossy
		} else {
			c.Lossy++
		}
	}
	for _, t := range r.Members { // set aside before
		lost, sent := s.e[t].counts()
		n.lost, n.sent = n.lost+lost, n.sent+sent
	}
	if n.sent > 0 {
		c.Loss = 100 * float64(n.lost) / float64(n.sent)
	}
	r.Place = c
}
