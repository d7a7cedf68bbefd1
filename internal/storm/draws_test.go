package storm

import (
	"math/rand/v2"
	"slices"
	"testing"
)

const draws = 100

var (
	easy  = simOpts{targets: 500}
	hard  = simOpts{targets: 500, silent: 0.1, stingy: 0.1, unknown: 0.03}
	seeds = uint64(0x6d747271)
)

// withPath are the lossy targets whose path is known: only those can be grouped.
func withPath(e []Evidence, lossy []int) (out []int) {
	for _, t := range lossy {
		if e[t].path() != nil {
			out = append(out, t)
		}
	}
	return out
}

func TestOneBadLink(t *testing.T) {
	for _, tc := range []struct {
		name      string
		net       simOpts
		low, high int
		looks     bool
	}{
		{"43 behind, looks", easy, 25, 45, true},
		{"43 behind, silent and stingy routers", hard, 25, 45, true},
		{"43 behind, pings only", easy, 25, 45, false},
		{"5 to 300 behind, looks", easy, 5, 300, true},
		{"5 to 300 behind, silent and stingy routers", hard, 5, 300, true},
		{"5 to 300 behind, pings only", hard, 5, 300, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			right, long, one, innocent := 0, 0, 0, 0
			for i := range draws {
				rng := rand.New(rand.NewPCG(seeds, uint64(i)))
				s := newSimNet(rng, tc.net)
				bad := s.pick(tc.low, tc.high)
				e, lossy := s.evidence(tc.net, 10, tc.looks, simFault{bad, -1, 0.2 + 0.8*rng.Float64()})
				lossy = withPath(e, lossy)
				res := Explain(e, lossy, Options{})
				big := res[0]
				for _, r := range res {
					if len(r.Members) > len(big.Members) {
						big = r
					}
				}
				covered, links := s.covers(big, bad)
				if covered {
					right++
				} else {
					t.Logf("draw %d: %d lossy of %d behind, depth %d: named %+v", i, len(lossy), len(s.routers[bad].behind), s.routers[bad].depth, big.Place)
				}
				if links > 2 {
					long++
				}
				if len(res) == 1 {
					one++
				}
				for _, r := range res {
					if c, _ := s.covers(r, bad); !c && r.Place.Chance > 0.9 {
						innocent++
					}
				}
			}
			t.Logf("right %d, longer than two links %d, one group %d, innocents named %d, of %d", right, long, one, innocent, draws)
			if right < 97 || one < 97 || innocent > 1 {
				t.Errorf("want at least 97 right and in one group, and at most 1 innocent")
			}
			if tc.looks && long > 3 {
				t.Errorf("want at most 3 stretches of more than two links")
			}
		})
	}
}

func TestTwoBadLinks(t *testing.T) {
	two, innocent, right := 0, 0, 0
	for i := range draws {
		rng := rand.New(rand.NewPCG(seeds, uint64(i)))
		s := newSimNet(rng, hard)
		a := s.pick(5, 130)
		b := s.pick(5, 130)
		for s.related(a, b) {
			a, b = s.pick(5, 130), s.pick(5, 130)
		}
		e, lossy := s.evidence(hard, 10, true, simFault{a, -1, 0.2 + 0.8*rng.Float64()}, simFault{b, -1, 0.2 + 0.8*rng.Float64()})
		lossy = withPath(e, lossy)
		res := Explain(e, lossy, Options{})
		if len(res) == 2 {
			two++
		} else {
			t.Logf("draw %d: %d groups, behind %d and %d", i, len(res), len(s.routers[a].behind), len(s.routers[b].behind))
		}
		for _, r := range res {
			ca, _ := s.covers(r, a)
			cb, _ := s.covers(r, b)
			if ca || cb {
				right++
			} else if r.Place.Chance > 0.9 {
				innocent++
				t.Logf("draw %d: innocent %+v members %d", i, r.Place, len(r.Members))
			}
		}
	}
	t.Logf("two groups %d, innocents named %d, of %d; right places %d", two, innocent, draws, right)
	if two < 90 || innocent > 1 || right < 190 {
		t.Errorf("want two groups in at least 90 draws, at most 1 innocent named, and 190 places right")
	}
}

// related tells whether two links share a target, or are all that their
// common parent has: then the parent explains both as well.
func (s *simNet) related(a, b int) bool {
	for _, t := range s.routers[a].behind {
		if slices.Contains(s.paths[t], b) {
			return true
		}
	}
	for _, t := range s.routers[b].behind {
		if slices.Contains(s.paths[t], a) {
			return true
		}
	}
	return s.routers[a].parent == s.routers[b].parent
}

func TestTroublesOfTheirOwn(t *testing.T) {
	together, alone, ownLine := 0, 0, 0
	for i := range draws {
		rng := rand.New(rand.NewPCG(seeds, uint64(i)))
		s := newSimNet(rng, hard)
		var faults []simFault
		for _, n := range rng.Perm(len(s.paths))[:5] {
			faults = append(faults, simFault{-1, n, 0.3 + 0.7*rng.Float64()})
		}
		e, lossy := s.evidence(hard, 10, true, faults...)
		if len(lossy) < 2 {
			t.Fatalf("draw %d: only %d lossy targets", i, len(lossy))
		}
		res := Explain(e, lossy, Options{})
		if len(res) == 1 {
			together++
		}
		if len(res) == len(lossy) {
			alone++
		}
		for _, r := range res {
			if r.Place != nil && len(r.Members) == 1 && r.Place.To == e[r.Members[0]].Target {
				ownLine++
			}
		}
	}
	t.Logf("all in one group %d, each alone %d, of %d; own lines named %d", together, alone, draws, ownLine)
	if together > 0 || alone < 80 || ownLine < 4*draws {
		t.Errorf("want never one group, each alone in at least 80 draws, and the own line of nearly all")
	}
}
