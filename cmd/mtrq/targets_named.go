package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// targetsNamed are the targets that a name or an address means: the one that
// the list has so, or all that are pinned to it.
func targetsNamed(all []spool.WatchTarget, name string) []spool.WatchTarget {
	var out []spool.WatchTarget
	for _, t := range all {
		if strings.EqualFold(t.Target, name) || t.Address.IsValid() && t.Address.String() == name {
			out = append(out, t)
		}
	}
	return out
}

func notWatched(name string, all []spool.WatchTarget, hint string) error {
	text := fmt.Sprintf("%s is not watched", name)
	if near := nearest(name, all); len(near) > 0 {
		text += ": did you mean " + strings.Join(near, ", ") + "?"
	}
	return fail(exitData, errors.New(text), "mtrq targets lists what is watched; "+hint)
}

// nearest are up to three targets that are written much like name.
func nearest(name string, all []spool.WatchTarget) []string {
	type near struct {
		text string
		far  int
	}
	var found []near
	for _, t := range all {
		far := editDistance(name, t.Target)
		if strings.Contains(t.Target, name) {
			far = min(far, 1)
		}
		if far <= max(2, len(name)/4) {
			found = append(found, near{report.Printable(t.Target), far})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return a.far - b.far })
	var out []string
	for _, n := range found[:min(len(found), 3)] {
		out = append(out, n.text)
	}
	return out
}

// editDistance is how many bytes must be put in, taken out or changed to
// make b of a (Levenshtein).
func editDistance(a, b string) int {
	if d := len(a) - len(b); max(d, -d) > 64 {
		return max(d, -d) // far enough, whatever they hold
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
