package storm

import (
	"cmp"
	"math"
	"slices"
)

// split decides which place explains which target: solver.group.
func (s *solver) split() {
	s.m.readHops(s.x, s.e, s.lossy, s.own)
	s.scoreClasses()
	s.own.reset()
	s.group = make([]int, len(s.e))
	for t := range s.group {
		s.group[t] = -1
	}
	behind, order := s.lossyBehind()
	members := make([]int, len(s.score)) // by class: targets it explains now
	rest := slices.Clone(s.score)        // by class: the part of its score that these are
	share := make([]int, len(s.score))   // of its members, those behind the place at hand
	for _, c := range order {
		if s.score[c] <= 0 {
			continue
		}
		var taken, losers []int
		before := 0.0
		for _, t := range behind[c] {
			if s.tables[t].behind[s.point[c]] <= 0 {
				continue // its losses are not like those of this place
			}
			taken = append(taken, t)
			if g := s.group[t]; g >= 0 {
				if share[g] == 0 {
					losers = append(losers, g)
				}
				share[g]++
			}
		}
		for _, g := range losers {
			before += rest[g] * float64(share[g]) / float64(members[g])
		}
		win := s.score[c] > before+1e-6
		for _, g := range losers {
			if win {
				rest[g] *= 1 - float64(share[g])/float64(members[g])
				members[g] -= share[g]
			}
			share[g] = 0
		}
		if !win {
			continue
		}
		members[c] = len(taken)
		for _, t := range taken {
			s.group[t] = c
		}
	}
	s.merge()
}

// scoreClasses finds the best place of each class.
func (s *solver) scoreClasses() {
	s.score = make([]float64, len(s.counts))
	s.point = make([]int, len(s.counts))
	plain := make([]bool, len(s.counts)) // a place without hop probes was weighed: all such are alike
	for c := range s.score {
		s.score[c] = math.Inf(-1)
	}
	for p := range s.x.places {
		c := s.x.places[p].class
		if c < 0 {
			continue
		}
		if s.own.row[p] == 0 && s.free.row[p] == 0 {
			if plain[c] {
				continue
			}
			plain[c] = true
		}
		if v, k := s.weigh(int32(p)); v > s.score[c] {
			s.score[c], s.point[c] = v, k
		}
	}
}

// lossyBehind are by class the targets to explain behind it, and the classes
// in the order in which they are tried: few targets first.
func (s *solver) lossyBehind() (behind [][]int, order []int) {
	behind = make([][]int, len(s.counts))
	size := make([]int32, len(s.counts))
	var buf []int32
	for _, t := range s.lossy {
		buf = s.x.classes(t, buf[:0])
		for _, c := range buf {
			behind[c] = append(behind[c], t)
		}
		for _, p := range s.x.all(t) {
			if c := s.x.places[p].class; c >= 0 {
				size[c] = s.x.places[p].behind
			}
		}
	}
	for c := range behind {
		order = append(order, c)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(size[a], size[b]) })
	return behind, order
}
