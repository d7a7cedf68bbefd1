package main

import "math/rand/v2"

// mixed is what people read over some minutes, each place as often as it is
// read: half are reports, most of them the same 20 of last night.
func mixed(days, reports, targets []string) []string {
	r := rand.New(rand.NewPCG(1, 2))
	one := func(of []string, few int) string {
		if few = min(few, len(of)); r.IntN(10) < 8 {
			return of[r.IntN(few)]
		}
		return of[r.IntN(len(of))]
	}
	var out []string
	for range 3000 {
		switch n := r.IntN(20); {
		case n < 10:
			out = append(out, one(reports, 20))
		case n < 14:
			out = append(out, one(days, 3))
		case n < 15:
			out = append(out, one(days, 3)+"?loss=5&sort=loss")
		case n < 18:
			out = append(out, one(targets, 5))
		default:
			out = append(out, "/")
		}
	}
	return out
}
