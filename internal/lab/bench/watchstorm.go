package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

const (
	stormTargets = 500
	stormLength  = 20 * time.Second

	// 32 lines of the eighth TTL share these, about 43 each.
	drawTargets = 32 * 43
	drawLength  = 15 * time.Second
	// The incident of the draw before is open still, which makes it harder; what is free of it is kept apart below.
	drawQuiet = 20 * time.Second
	// A target that comes back within 5 min of its incident's end, 60 s after the last loss, is an episode of that.
	drawApart = 7 * time.Minute
)

// watchStorm loses 500 targets at once, then a group of them at a time.
func (b *bench) watchStorm(ctx context.Context) error {
	if err := b.storm(ctx); err != nil {
		return err
	}
	return b.draws(ctx)
}

func (b *bench) storm(ctx context.Context) (err error) {
	n, err := lab.Start(lab.Config{Targets: stormTargets, Seed: 21, HopsMin: 10, HopsMax: 15})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	no, err := b.watch(ctx, n, watchSpec{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, no.halt()) }()
	if _, err := no.warm(ctx, stormTargets, warmFor); err != nil {
		return err
	}
	everyone := make([]int, stormTargets)
	for i := range everyone {
		everyone[i] = i
	}
	// The third router is the last that all paths share: the gateway still answers.
	been, err := play(ctx, n, []lossEvent{{length: stormLength, link: n.Target(0).Link(3), ttl: 3, toward: lab.Both, percent: 100, targets: everyone}})
	if err != nil {
		return err
	}
	all, err := no.recovered(ctx, recoverFor)
	if err != nil {
		return err
	}
	ps := pairs(n.Truth().Records(), been, func(i int) int { return n.Target(i).TTL() })
	noticed := map[string]time.Time{}
	affected := 0
	var first, last time.Time // notice
	for _, in := range all {
		affected += in.Affected
		for _, m := range in.Members {
			noticed[m.Target] = m.Noticed
			if first.IsZero() || m.Noticed.Before(first) {
				first = m.Noticed
			}
			if m.Noticed.After(last) {
				last = m.Noticed
			}
		}
	}
	var whole time.Time
	var own []time.Duration // from a target's notice to its wave
	for _, p := range ps {
		if p.whole.After(whole) {
			whole = p.whole
		}
		if at := noticed[n.Target(p.target).Addr4.String()]; !at.IsZero() && !p.whole.IsZero() {
			own = append(own, p.whole.Sub(at))
		}
	}
	slices.Sort(own)
	said := tallyOf(ps)
	b.printf("## A storm\n\n%d targets lost at once, on the link into the third router of all their paths.\n\n| | measured | to reach |\n|---|---|---|\n", stormTargets)
	b.printf("| wave 1 while it lasted, targets | %d | %d |\n", said.whole, stormTargets)
	b.printf("| loss to first packet of a trace: p50, p95 | %s | |\n", delays(said.first))
	if len(own) > 0 {
		b.printf("| wave 1 of all, after the last target was noticed, after the first, after the loss | %.2f s, %.2f s, %.2f s | ≤ 2 s after notice |\n",
			whole.Sub(last).Seconds(), whole.Sub(first).Seconds(), whole.Sub(been[0].start).Seconds())
		b.printf("| wave 1 of a target after its own notice: p50, p95, last | %s, %.2f s | |\n", delays(own), own[len(own)-1].Seconds())
	}
	b.printf("| incidents | %d, %d targets in them | 1 |\n| their verdicts | %s | |\n\n", len(all), affected, classes(all))
	return nil
}

// classes counts the verdicts of incidents.
func classes(all []report.Incident) string {
	count := map[report.Class]int{}
	for _, in := range all {
		count[in.Verdict.Class]++
	}
	var out []string
	for class, n := range count {
		out = append(out, fmt.Sprintf("%s %d", class, n))
	}
	slices.Sort(out)
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

// planDraws draws links with low to high targets behind them, one after the
// other, none with a target of a draw that is not yet forgotten.
func planDraws(top *lab.Topology, rng *rand.Rand, count, low, high int) ([]lossEvent, error) {
	all := lines(top)
	var may []lab.LinkID
	for id, l := range all {
		if len(l.targets) >= low && len(l.targets) <= high {
			may = append(may, id)
		}
	}
	slices.Sort(may)
	freeAt := make([]time.Duration, len(top.Targets))
	var out []lossEvent
	for len(out) < count {
		at := time.Duration(len(out)) * (drawLength + drawQuiet)
		now := slices.DeleteFunc(slices.Clone(may), func(id lab.LinkID) bool {
			return slices.ContainsFunc(all[id].targets, func(i int) bool { return freeAt[i] > at })
		})
		if len(now) == 0 {
			return nil, fmt.Errorf("draw %d: none of %d links with %d to %d targets is free", len(out), len(may), low, high)
		}
		id := now[rng.IntN(len(now))]
		toward := []lab.Direction{lab.Forward, lab.Backward}[rng.IntN(2)]
		out = append(out, lossEvent{
			at: at, length: drawLength, link: id, ttl: all[id].ttl, toward: toward, percent: 20 + 80*rng.Float64(), targets: all[id].targets,
		})
		for _, i := range all[id].targets {
			freeAt[i] = at + drawLength + drawApart
		}
	}
	return out, nil
}

// draws has one bad link after the other and looks for the incident of
// each.
func (b *bench) draws(ctx context.Context) (err error) {
	const low, high = 25, 60
	top, err := lab.Tree(drawTargets, 10, 15, 22)
	if err != nil {
		return err
	}
	drawn, err := planDraws(top, rand.New(rand.NewPCG(22, 22+b.seed)), sized(b, b.count, b.count/10), low, high)
	if err != nil {
		return err
	}
	n, err := lab.Start(lab.Config{Topology: top, Seed: 22, TruthRecords: 12_000_000})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	no, err := b.watch(ctx, n, watchSpec{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, no.halt()) }()
	if _, err := no.warm(ctx, drawTargets, warmFor); err != nil {
		return err
	}
	been, err := play(ctx, n, drawn)
	if err != nil {
		return err
	}
	all, err := no.recovered(ctx, recoverFor)
	if err != nil {
		return err
	}
	var single, none, several, right int
	var widths, sizes, shares []float64
	for i := range been {
		d := &been[i]
		sizes = append(sizes, float64(len(d.targets)))
		var of []*report.Incident
		for k := range all {
			if slices.ContainsFunc(d.targets, func(t int) bool { return during(&all[k], n.Target(t).Addr4.String(), d.start, d.end) }) {
				of = append(of, &all[k])
			}
		}
		for _, in := range of {
			if named, width := namesLink(in, n.Target(d.targets[0]).Hops(), d.ttl); named {
				right++
				widths = append(widths, float64(width))
				shares = append(shares, percent(in.Affected, len(d.targets)))
				break
			}
		}
		switch len(of) {
		case 0:
			none++
		case 1:
			single++
			continue
		default:
			several++
		}
		fmt.Fprintf(os.Stderr, "bench: draw %d: link %d (ttl %d, %d targets) %.0f %% %s at %s: %d incidents\n",
			i, d.link, d.ttl, len(d.targets), d.percent, d.toward, d.start.UTC().Format(time.TimeOnly), len(of))
	}
	b.printf("### One bad link at a time\n\n%d draws of a link with %d to %d targets behind it (%.0f in the middle) of %d, 20 to 100 %% loss in one direction for %.0f s, %.0f s of quiet between them; no target again within %.0f min.\n\n",
		len(been), low, high, median(sizes), drawTargets, drawLength.Seconds(), drawQuiet.Seconds(), drawApart.Minutes())
	b.printf("| | draws | to reach |\n|---|---|---|\n| exactly one incident | %d | ≥ 97 of 100 |\n| more, none | %d, %d | |\n", single, several, none)
	b.printf("| the bad link in the named stretch | %d | ≥ 97 of 100 |\n", right)
	b.printf("| links in the stretch, median | %.0f | ≤ 2 |\n| targets in the incident of those behind the link, median | %.0f %% | |\n| incidents in all | %d | %d |\n\n", median(widths), median(shares), len(all), len(been))
	return nil
}

// median is NaN-free: 0 where there is nothing.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}
