package storm

import (
	"math/rand/v2"
	"testing"
)

func BenchmarkExplain(b *testing.B) {
	for _, bc := range []struct {
		name    string
		targets int
		faults  func(*simNet) []simFault
	}{
		{"one link, 10000 targets", 10000, func(s *simNet) []simFault {
			return []simFault{{s.pick(450, 700), -1, 0.7}}
		}},
		{"500 lines, 10000 targets", 10000, func(s *simNet) (f []simFault) {
			for _, n := range s.rng.Perm(len(s.paths))[:500] {
				f = append(f, simFault{-1, n, 0.7})
			}
			return f
		}},
		{"uplink, 20000 targets", 20000, func(*simNet) []simFault {
			return []simFault{{0, -1, 1}}
		}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			o := hard
			o.targets = bc.targets
			s := newSimNet(rand.New(rand.NewPCG(seeds, 0)), o)
			e, lossy := s.evidence(o, 10, true, bc.faults(s)...)
			if len(lossy) > 500 { // no more are looked at
				for _, t := range lossy[500:] {
					e[t].Hops = nil
				}
			}
			b.ReportMetric(float64(len(lossy)), "lossy")
			b.ReportAllocs()
			for b.Loop() {
				Explain(e, lossy, Options{})
			}
		})
	}
}
