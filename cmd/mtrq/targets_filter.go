package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/spool"
)

// worstFirst is the order in which states are shown.
func worstFirst() []spool.TargetState {
	return []spool.TargetState{
		spool.TargetLossy, spool.TargetSlow, spool.TargetSuspect, spool.TargetSilent,
		spool.TargetUnresolved, spool.TargetNew, spool.TargetPaused, spool.TargetOK,
	}
}

// rankOf is a state's place among them; one that is not known comes last.
func rankOf(s spool.TargetState) int {
	if i := slices.Index(worstFirst(), s); i >= 0 {
		return i
	}
	return len(worstFirst())
}

func stateNames() string {
	var names []string
	for _, s := range worstFirst() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// targetFilter chooses among targets. What is zero chooses all.
type targetFilter struct {
	pattern string // in target, address, group or a tag
	states  []spool.TargetState
	group   string
	limit   int
}

func (f targetFilter) any() bool { return f.pattern != "" || f.group != "" || len(f.states) > 0 }

// choose gives those that match, worst first, as many as allowed, and how
// many match. It is never nil, as programs want a list.
func (f targetFilter) choose(all []spool.WatchTarget) (rows []spool.WatchTarget, matched int) {
	rows = make([]spool.WatchTarget, 0, len(all))
	for _, t := range all {
		if f.match(t) {
			rows = append(rows, t)
		}
	}
	slices.SortStableFunc(rows, func(a, b spool.WatchTarget) int {
		return cmp.Or(cmp.Compare(rankOf(a.State), rankOf(b.State)), archive.CompareTargets(a.Target, b.Target))
	})
	matched = len(rows)
	if f.limit > 0 && matched > f.limit {
		rows = rows[:f.limit]
	}
	return rows, matched
}

func (f targetFilter) match(t spool.WatchTarget) bool {
	if f.group != "" && t.Group != f.group || len(f.states) > 0 && !slices.Contains(f.states, t.State) {
		return false
	}
	if f.pattern == "" {
		return true
	}
	in := []string{t.Target, t.Group}
	if t.Address.IsValid() {
		in = append(in, t.Address.String())
	}
	for k, v := range t.Tags {
		in = append(in, k+"="+v)
	}
	want := strings.ToLower(f.pattern)
	return slices.ContainsFunc(in, func(s string) bool { return strings.Contains(strings.ToLower(s), want) })
}
