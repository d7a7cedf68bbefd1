package storm

import "github.com/mtrq/mtrq/report"

// A Result is one place and the targets it explains.
type Result struct {
	// Members are the targets whose losses this place explains, by their place in the evidence, in the order in which
	// they were given.
	Members []int
	// Place is where it is; nil where the path of the only member is not known, or nothing is lost.
	Place *report.Common

	score   float64 // how much better than "each has its own trouble", as a logarithm
	model   *model
	point   int                   // of the grid, that it fits best
	names   map[placeName]float64 // of the stretch: how probable each place is
	several bool                  // each of names is one way to be there, rather than one after the other
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

// Locate is the one place that explains most of what is lost at all. Place is
// nil where nothing is.
func Locate(e []Evidence, opt Options) Result {
	var lossy []int
	for t := range e {
		if lost, _ := e[t].counts(); lost > 0 {
			lossy = append(lossy, t)
		}
	}
	var best Result
	for i, r := range Explain(e, lossy, opt) {
		if i == 0 || r.score > best.score {
			best = r
		}
	}
	return best
}

// Belongs tells whether the losses of one target are explained by this
// place: its path goes there, and its losses are more like those of the
// members than like background or a trouble of its own. The results of one
// Explain remember what they work out: not for several goroutines at once.
func (r *Result) Belongs(e Evidence) bool {
	if r.Place == nil || r.model.table(&e).behind[r.point] <= 0 {
		return false
	}
	there, all := 0.0, 0.0
	for _, w := range r.names {
		all += w
	}
	for _, n := range newIndex([]Evidence{e}).names() {
		there += r.names[n]
	}
	return there > 0 && (r.several || there >= all/2)
}
