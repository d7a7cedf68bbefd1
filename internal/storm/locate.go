package storm

import (
	"math"
	"net/netip"
	"slices"

	"github.com/mtrq/mtrq/report"
)

const (
	enough = 0.95  // of the probability has to be on the stretch
	crumbs = 0.001 // of it are not worth a longer one
)

// setAside takes the lossy targets out of the sums, so that each group is
// looked at without those of others.
func (s *solver) setAside() {
	var buf []int32
	for _, t := range s.lossy {
		buf = s.x.classes(t, buf[:0])
		s.addTo(buf, t, -1)
	}
}

// A posterior is how probable each place on the paths of a group is.
type posterior struct {
	places []int32 // nearest first along the path of the first member
	chance map[int32]float64
	best   int32
}

// locate finds the place of r.Members, which are those of this group.
func (s *solver) locate(r *Result, group int) {
	if !s.x.known(r.Members[0]) {
		return
	}
	if group >= len(s.counts) {
		s.describeHidden(r, s.hidden[group-len(s.counts)])
		return
	}
	var buf []int32
	for _, t := range r.Members {
		buf = s.x.classes(t, buf[:0])
		s.addTo(buf, t, 1)
	}
	s.m.readHops(s.x, s.e, r.Members, s.own)
	post := s.posterior(r.Members)
	s.describe(r, post)
	r.index, r.chance = s.x, post.chance
	s.own.reset()
	for _, t := range r.Members {
		buf = s.x.classes(t, buf[:0])
		s.addTo(buf, t, -1)
	}
}

// posterior weighs all places on the paths of the members against each other.
// For one member its own line is among them; for several it is what speaks
// against a common place at all.
func (s *solver) posterior(members []int) posterior {
	post := posterior{chance: map[int32]float64{}, best: -1}
	logs := []float64{0} // the first: each its own, or none at all
	private := s.private(members)
	for _, t := range members {
		for _, p := range s.x.all(t) {
			if _, ok := post.chance[p]; ok {
				continue
			}
			post.chance[p] = 0
			post.places = append(post.places, p)
			v := 0.0
			if s.x.places[p].class < 0 { // only its own line has none
				v = s.tables[t].own
				if len(members) == 1 {
					logs[0] = math.Log(-math.Expm1(min(v, -1e-12))) // the ground is both
					v -= math.Log(private)
				} else {
					v = math.Inf(-1) // no place of all of them
				}
			} else {
				v, _ = s.weigh(p)
				if len(members) == 1 && s.x.places[p].behind == 1 {
					v += math.Log(s.m.opt.Own / s.m.opt.Place / private)
				}
			}
			logs = append(logs, v)
		}
	}
	top := slices.Max(logs)
	sum := 0.0
	for _, v := range logs {
		sum += math.Exp(v - top)
	}
	best := 0.0
	for i, p := range post.places {
		v := logs[i+1]
		post.chance[p] = math.Exp(v-top) / sum
		if post.best < 0 || v > best+1e-9 { // the nearest of those that are alike
			post.best, best = p, v
		}
	}
	return post
}

// private is how many places only one target has, where it is alone: the
// chance of a trouble of its own is shared by all of them, as that of the last
// link alone it would outweigh what few probes say of the others.
func (s *solver) private(members []int) float64 {
	n := 0
	for _, p := range s.x.all(members[0]) {
		if s.x.places[p].behind == 1 {
			n++
		}
	}
	return float64(max(1, n))
}

// describe writes down the stretch.
func (s *solver) describe(r *Result, post posterior) {
	x := s.x
	visits := map[int32]int{} // by node: members behind the best place that pass it
	behind, path, most := 0, -1, -1.0
	for _, t := range r.Members {
		places := x.all(t)
		if !slices.Contains(places, post.best) {
			continue
		}
		behind++
		mass := 0.0
		for _, p := range places {
			mass += post.chance[p]
			if x.places[p].from >= 0 {
				visits[x.places[p].to]++
			}
		}
		if mass > most+1e-9 {
			path, most = t, mass
		}
	}
	edges := x.edges(path)
	mass := make([]float64, len(edges))
	at := 0
	for pos, p := range edges {
		if p < 0 {
			continue
		}
		router := x.nodes[x.places[p].to].router
		mass[pos] = post.chance[p] + post.chance[router] // no place has the number -1
		if p == post.best || router == post.best {
			at = pos
		}
	}
	if x.root >= 0 {
		mass[0] += post.chance[x.root]
	}
	first, last, chance := stretch(mass, at)
	c := &report.Common{Suspects: []netip.Addr{}, Chance: min(1, chance)}
	shared := func(pos int) (netip.Addr, bool) {
		if edges[pos] < 0 {
			return netip.Addr{}, false
		}
		n := x.places[edges[pos]].to
		return x.nodes[n].addr, x.nodes[n].addr.IsValid() && visits[n] == behind
	}
	for pos := first - 1; pos >= 0 && !c.From.IsValid(); pos-- {
		if a, ok := shared(pos); ok {
			c.From = a
		}
	}
	for pos := first; pos < len(edges) && !c.To.IsValid(); pos++ {
		a, ok := shared(pos)
		if ok && pos >= last {
			c.To = a
		}
		if ok && pos < len(edges)-1 {
			c.Suspects = append(c.Suspects, a)
		}
	}
	s.count(c, post.best, path)
	r.Place = c
}

// count fills in how many targets are behind a place, and what they lose. Those
// that another place explains do not count for the loss.
func (s *solver) count(c *report.Common, best int32, t int) {
	l := s.x.places[best]
	c.Behind = int(l.behind)
	n := counts{lossy: 1}
	if l.class >= 0 {
		n = s.counts[l.class]
	} else {
		n.lost, n.sent = s.e[t].counts()
	}
	c.Lossy = n.lossy
	if n.sent > 0 {
		c.Loss = 100 * float64(n.lost) / float64(n.sent)
	}
}

// stretch is the shortest run of TTLs around at that holds enough, or all of
// the path but crumbs.
func stretch(mass []float64, at int) (first, last int, held float64) {
	total := 0.0
	for _, m := range mass {
		total += m
	}
	want := min(enough, total-crumbs)
	sum := make([]float64, len(mass)+1)
	for i, m := range mass {
		sum[i+1] = sum[i] + m
	}
	for n := 1; n <= len(mass); n++ {
		first, held = -1, 0
		for a := max(0, at-n+1); a <= at && a+n <= len(mass); a++ {
			if h := sum[a+n] - sum[a]; h >= want && h > held+1e-12 {
				first, held = a, h
			}
		}
		if first >= 0 {
			return first, first + n - 1, held
		}
	}
	return 0, len(mass) - 1, total
}
