package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

const (
	warmFor    = 6 * time.Minute  // at most: a round of all paths takes five
	recoverFor = 90 * time.Second // at most: an incident has recovered after 60 s of quiet
	apart      = 90 * time.Second // between two events of a target
)

// watchEvents lets links lose packets at random and follows in the log
// whether each target behind them was traced while it lasted.
func (b *bench) watchEvents(ctx context.Context) error {
	b.printf("## Events\n\nLinks lose packets, drawn at random with a seed: each has 1 to 50 targets behind it, many at once, none of a target within %.0f s of its last. "+
		"A pair is an event and a target behind it. Wave 1 is in the event when each TTL of the target's path was asked from its begin to its end, by the log. "+
		"The right link is judged where an incident holds events of one link alone.\n\n", apart.Seconds())
	b.printf("| loss, length, rhythm, targets | pairs | lost a ping in the event | wave 1 in the event (95 %% interval) | to reach | loss to first packet of a trace: p50, p95 | to reach | pairs with an incident | right link named |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range []struct {
		percent     float64
		least, most time.Duration
		rhythm      time.Duration
		targets     int
		pairs       int
		pace        float64
		share, p50  string
	}{
		{100, 2 * time.Second, 10 * time.Second, time.Second, 1000, 3000, 9, "≥ 99 %", "≤ 0.9 s"},
		{30, 10 * time.Second, 10 * time.Second, time.Second, 1000, 1000, 8, "≥ 95 %", ""},
		{30, 10 * time.Second, 10 * time.Second, 500 * time.Millisecond, 1000, 1000, 8, "≥ 99 %", ""},
		{100, 2 * time.Second, 10 * time.Second, 200 * time.Millisecond, 250, 500, 2.2, "≥ 99 %", ""},
	} {
		e := events{b: b, rhythm: c.rhythm, targets: c.targets, spec: planSpec{
			pairs: sized(b, c.pairs, c.pairs/10), least: c.least, most: c.most, percents: []float64{c.percent},
			pace: c.pace, apart: apart, widest: 50,
		}}
		if err := e.run(ctx); err != nil {
			return fmt.Errorf("%g %% each %s: %w", c.percent, c.rhythm, err)
		}
		low, high := wilson(e.said.whole, e.said.pairs)
		length := fmt.Sprintf("%.0f s", c.least.Seconds())
		if c.most > c.least {
			length = fmt.Sprintf("%.0f to %.0f s", c.least.Seconds(), c.most.Seconds())
		}
		b.printf("| %g %%, %s, %s, %d | %d of %d events | %d | %d, %.1f %% (%.1f to %.1f) | %s | %s | %s | %d | %d of %d incidents, %d in all |\n",
			c.percent, length, c.rhythm, c.targets, e.said.pairs, e.events, e.said.lost, e.said.whole, percent(e.said.whole, e.said.pairs), low, high, c.share,
			delays(e.said.first), c.p50, e.found, e.right, e.judged, e.opened)
	}
	b.printf("\n")
	return nil
}

// events is one run of watchEvents and what came of it.
type events struct {
	b       *bench
	rhythm  time.Duration
	targets int
	spec    planSpec

	said          tally
	events        int
	opened        int // incidents
	found         int // pairs with an incident
	judged, right int // incidents that hold events of one link alone; of these, with the right link
}

func (e *events) run(ctx context.Context) (err error) {
	top, err := lab.Tree(e.targets, 8, 15, 11)
	if err != nil {
		return err
	}
	drawn := plan(top, rand.New(rand.NewPCG(11, uint64(e.spec.percents[0])+e.b.seed)), e.spec)
	n, err := lab.Start(lab.Config{Topology: top, Seed: 11, TruthRecords: 8_000_000})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	no, err := e.b.watch(ctx, n, watchSpec{interval: e.rhythm})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, no.halt()) }()
	if _, err := no.warm(ctx, e.targets, warmFor); err != nil {
		return err
	}
	last := drawn[len(drawn)-1]
	fmt.Fprintf(os.Stderr, "bench: %d events in %.0f s\n", len(drawn), (last.at + last.length).Seconds())
	been, err := play(ctx, n, drawn)
	if err != nil {
		return err
	}
	all, err := no.recovered(ctx, recoverFor)
	if err != nil {
		return err
	}
	ps := pairs(n.Truth().Records(), been, func(i int) int { return n.Target(i).TTL() })
	if f, o := n.Truth().Forgotten(), n.Truth().Overload(); f+o > 0 {
		return fmt.Errorf("the log has forgotten %d probes, the network dropped %d: what is left cannot be judged", f, o)
	}
	e.said, e.events, e.opened = tallyOf(ps), len(been), len(all)
	e.match(n, ps, all)
	return nil
}

// match looks for the incident of each pair.
func (e *events) match(n *lab.Net, ps []*pair, all []report.Incident) {
	byTarget := map[string][]*report.Incident{}
	for i := range all {
		for _, m := range all[i].Members {
			byTarget[m.Target] = append(byTarget[m.Target], &all[i])
		}
	}
	holds := map[*report.Incident]map[lab.LinkID]*pair{}
	for _, p := range ps {
		addr := n.Target(p.target).Addr4.String()
		found := false
		for _, in := range byTarget[addr] {
			if !during(in, addr, p.event.start, p.event.end) {
				continue
			}
			found = true
			if holds[in] == nil {
				holds[in] = map[lab.LinkID]*pair{}
			}
			holds[in][p.event.link] = p
		}
		if found {
			e.found++
		}
	}
	for in, links := range holds {
		for _, p := range links {
			if len(links) > 1 {
				break
			}
			e.judged++
			if named, _ := namesLink(in, n.Target(p.target).Hops(), p.event.ttl); named {
				e.right++
			}
		}
	}
}

func percent(k, n int) float64 {
	if n == 0 {
		return 0
	}
	return 100 * float64(k) / float64(n)
}

// delays is p50 and p95 of sorted times in words.
func delays(sorted []time.Duration) string {
	if len(sorted) == 0 {
		return "none"
	}
	return fmt.Sprintf("%.2f s, %.2f s", quantile(sorted, 0.5).Seconds(), quantile(sorted, 0.95).Seconds())
}
