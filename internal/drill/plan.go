package drill

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mtrq/mtrq/internal/lab"
)

const (
	trunk = 3 // routers that every path of a lab.Tree begins with
	ideal = 4 // targets behind the link that loses
)

// plan is what is going to happen, and to whom.
type plan struct {
	percent float64
	link    lab.LinkID // loses percent of what goes toward the targets behind it
	ttl     int        // of the router that it leads into
	from    netip.Addr // the routers at its ends
	to      netip.Addr
	behind  []int // targets, by number

	otherPercent float64
	other        int        // a target elsewhere …
	otherLink    lab.LinkID // … and the link into it, which loses otherPercent

	paths [][]netip.Addr // of every target: an address a TTL, its own last
}

// target is a target's address.
func (p *plan) target(i int) netip.Addr { return p.paths[i][len(p.paths[i])-1] }

// length is the TTL of a target.
func (p *plan) length(i int) int { return len(p.paths[i]) }

// number is the target that has an address; -1: none.
func (p *plan) number(a netip.Addr) int {
	return slices.IndexFunc(p.paths, func(path []netip.Addr) bool { return path[len(path)-1] == a })
}

// choose finds a link in the middle of the network with a few targets
// behind it, whose near end leads to others too: only then can who loses
// and who does not tell it from its neighbours. The other target is the
// one whose path has least in common with theirs.
func choose(top *lab.Topology, percent, otherPercent float64) (*plan, error) {
	p := &plan{percent: percent, otherPercent: otherPercent}
	type place struct {
		link   lab.LinkID
		ttl    int
		near   lab.RouterID
		far    lab.RouterID
		behind []int
	}
	places, through := map[lab.LinkID]*place{}, map[lab.RouterID]int{}
	for i, t := range top.Targets {
		var path []netip.Addr
		for s, stage := range t.Path.Stages {
			m := stage.Members[0]
			path = append(path, top.Routers[m.Router].Addr4)
			through[m.Router]++
			if s < trunk {
				continue
			}
			if places[m.Link] == nil {
				near := t.Path.Stages[s-1].Members[0].Router
				places[m.Link] = &place{link: m.Link, ttl: s + 1, near: near, far: m.Router}
			}
			places[m.Link].behind = append(places[m.Link].behind, i)
		}
		p.paths = append(p.paths, append(path, t.Addr4))
	}
	var best *place
	worth := func(l *place) int {
		off := len(l.behind) - ideal
		return max(off, -off)
	}
	for _, l := range places {
		if len(l.behind) < 2 || through[l.near] == len(l.behind) {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(worth(l), worth(best)), cmp.Compare(l.ttl, best.ttl), cmp.Compare(l.link, best.link)) < 0 {
			best = l
		}
	}
	if best == nil {
		return nil, errors.New("no link of this network has a few targets behind it: try another seed")
	}
	p.link, p.ttl, p.behind = best.link, best.ttl, best.behind
	p.from, p.to = top.Routers[best.near].Addr4, top.Routers[best.far].Addr4

	p.other = -1
	least := 0
	for i := range top.Targets {
		if n := p.shared(i, p.behind[0]); !slices.Contains(p.behind, i) && (p.other < 0 || n < least) {
			p.other, least = i, n
		}
	}
	if p.other < 0 {
		return nil, fmt.Errorf("every target of this network lies behind %s: try another seed", p.to)
	}
	p.otherLink = top.Targets[p.other].Path.Last
	return p, nil
}

// shared is how many routers two paths begin with in common.
func (p *plan) shared(a, b int) int {
	n := 0
	for n < min(len(p.paths[a]), len(p.paths[b])) && p.paths[a][n] == p.paths[b][n] {
		n++
	}
	return n
}
