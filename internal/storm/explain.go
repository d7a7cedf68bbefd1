package storm

import "github.com/mtrq/mtrq/report"

// A Result is one place and the targets it explains.
type Result struct {
	// Members are the targets whose losses this place explains, by their place in the evidence, in the order in which
	// they were given.
	Members []int
	// Place is where it is; nil where the path of the only member is not known.
	Place *report.Common

	// How probable each place on the paths of the members is; nil where Place is.
	index  *index
	chance map[int32]float64
	names  map[placeName]float64 // the same by name, once it is asked for
}

// Explain splits the lossy targets (indices into e) by the places that explain
// their losses, in the order of their first members. A target with a trouble of its own, or without a
// known path, is a result alone. Every lossy target is in exactly one; an
// index that is not of e is in none.
//
// e has to hold the clean targets as well: they are what rules places out.
// Whether the losses began together is the caller's business, as is whether
// a target counts as lossy.
func Explain(e []Evidence, lossy []int, opt Options) []Result {
	s := newSolver(e, lossy, opt)
	s.split()
	var out []Result
	at := map[int]int{} // by class
	for _, t := range s.lossy {
		g := s.group[t]
		i, ok := at[g]
		if g < 0 || !ok {
			i = len(out)
			out = append(out, Result{})
			at[g] = i
		}
		out[i].Members = append(out[i].Members, t)
	}
	s.setAside()
	for i := range out {
		s.locate(&out[i], s.group[out[i].Members[0]])
	}
	return out
}

// Group is the members of what Explain finds.
func Group(e []Evidence, lossy []int, opt Options) [][]int {
	var out [][]int
	for _, r := range Explain(e, lossy, opt) {
		out = append(out, r.Members)
	}
	return out
}
