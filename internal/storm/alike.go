package storm

// Shared is the chance that two results, of evidence of different times, are
// one place on the way to a target: summed over the places there, that both
// are it. Results of places that have little to do with each other share
// hardly any, however wide their stretches. Not for several goroutines at once.
func (r *Result) Shared(o *Result, e Evidence) float64 {
	a, b := r.byName(), o.byName()
	sum := 0.0
	for _, n := range newIndex([]Evidence{e}).names() {
		sum += a[n] * b[n]
	}
	return min(sum, 1)
}

func (r *Result) byName() map[placeName]float64 {
	if r.names == nil {
		r.names = make(map[placeName]float64, len(r.chance))
		for p, c := range r.chance {
			r.names[r.index.name(p)] += c
		}
	}
	return r.names
}
