package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// lossEvent is a link that loses packets for a while.
type lossEvent struct {
	at      time.Duration // after the plan's begin
	length  time.Duration
	link    lab.LinkID
	ttl     int // of the router or target that the link leads into
	toward  lab.Direction
	percent float64
	targets []int // behind it
}

// planSpec says what events to draw.
type planSpec struct {
	pairs       int           // of event and target, at least
	events      int           // exactly so many, instead of pairs
	least, most time.Duration // length of an event
	percents    []float64     // in turn
	pace        float64       // pairs begun a second, on average
	apart       time.Duration // from an event's end to the next one of the same target
	widest      int           // targets behind a link, at most
}

// line is a link as the paths have it.
type line struct {
	ttl     int
	targets []int
}

// lines are the links that lead to targets, with what is behind each.
func lines(top *lab.Topology) map[lab.LinkID]*line {
	out := map[lab.LinkID]*line{}
	add := func(id lab.LinkID, ttl, target int) {
		if out[id] == nil {
			out[id] = &line{ttl: ttl}
		}
		out[id].targets = append(out[id].targets, target)
	}
	for i, t := range top.Targets {
		for s, stage := range t.Path.Stages {
			add(stage.Members[0].Link, s+1, i)
		}
		add(t.Path.Last, len(t.Path.Stages)+1, i)
	}
	return out
}

// links is the way to a target, the link into itself last.
func links(t lab.TargetSpec) []lab.LinkID {
	var out []lab.LinkID
	for _, s := range t.Path.Stages {
		out = append(out, s.Members[0].Link)
	}
	return append(out, t.Path.Last)
}

// partition draws links so that every target is behind exactly one. On the
// way to a target each number of targets that links there have is taken with
// the same chance, the greatest first, and then one such link: the last
// routers of a path have few targets and are many. What is not taken on the
// way is the target's own link.
func partition(top *lab.Topology, rng *rand.Rand, widest int) []lab.LinkID {
	all := lines(top)
	taken := make([]bool, len(top.Targets))
	var out []lab.LinkID
	for _, target := range rng.Perm(len(top.Targets)) {
		if taken[target] {
			continue
		}
		way := links(top.Targets[target])
		var may [][]lab.LinkID // by number of targets
		for _, id := range way[:len(way)-1] {
			behind := all[id].targets
			if len(behind) > widest || slices.ContainsFunc(behind, func(i int) bool { return taken[i] }) {
				continue
			}
			if k := len(may) - 1; k >= 0 && len(all[may[k][0]].targets) == len(behind) {
				may[k] = append(may[k], id)
			} else {
				may = append(may, []lab.LinkID{id})
			}
		}
		chosen := top.Targets[target].Path.Last
		for _, same := range may {
			if rng.IntN(2) == 0 {
				chosen = same[rng.IntN(len(same))]
				break
			}
		}
		for _, i := range all[chosen].targets {
			taken[i] = true
		}
		out = append(out, chosen)
	}
	return out
}

// plan draws events, in order of their time. Each link of a partition fails
// once in a turn, always at the same moment of it, and a turn is so long
// that its targets have had their rest. Links drawn anew each time would
// soon be single targets only: at this pace four targets of five are in
// trouble or resting, and a larger group is never free as a whole.
func plan(top *lab.Topology, rng *rand.Rand, spec planSpec) []lossEvent {
	all := lines(top)
	turn := max(spec.most+spec.apart, time.Duration(float64(len(top.Targets))/spec.pace*float64(time.Second)))
	var first []lossEvent
	for _, id := range partition(top, rng, spec.widest) {
		e := lossEvent{at: time.Duration(rng.Int64N(int64(turn))), link: id, ttl: all[id].ttl, targets: all[id].targets}
		first = append(first, e)
	}
	slices.SortFunc(first, func(a, b lossEvent) int { return int(a.at - b.at) })
	var out []lossEvent
	for pairs := 0; spec.events > 0 && len(out) < spec.events || spec.events == 0 && pairs < spec.pairs; {
		e := first[len(out)%len(first)]
		e.at += turn * time.Duration(len(out)/len(first))
		e.length = spec.least + time.Duration(rng.Int64N(int64(spec.most-spec.least)+1))
		e.percent = spec.percents[len(out)%len(spec.percents)]
		e.toward = []lab.Direction{lab.Forward, lab.Backward}[rng.IntN(2)]
		out = append(out, e)
		pairs += len(e.targets)
	}
	return out
}

// played is an event that has been. Its times are within those at which the
// network changed, so that nothing outside of them is counted as inside.
type played struct {
	lossEvent
	start, end time.Time
}

// play lets the events happen, beginning now.
func play(ctx context.Context, n *lab.Net, events []lossEvent) ([]played, error) {
	type step struct {
		at time.Duration
		do func()
	}
	out := make([]played, len(events))
	var steps []step
	for i, e := range events {
		out[i].lossEvent = e
		var undo func()
		steps = append(steps, step{e.at, func() {
			undo = n.Loss(e.link, e.toward, e.percent)
			out[i].start = time.Now()
		}}, step{e.at + e.length, func() {
			out[i].end = time.Now()
			undo()
		}})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return int(a.at - b.at) })
	began := time.Now()
	for _, s := range steps {
		if err := pause(ctx, s.at-time.Since(began)); err != nil {
			return nil, err
		}
		s.do()
	}
	return out, nil
}

// pause waits, unless it is told to end.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
