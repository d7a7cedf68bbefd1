package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

const (
	besideTargets    = 100
	backgroundLoss   = 0.1 // percent
	besideLength     = 10 * time.Second
	besideBackground = 10 * time.Minute
)

// besideSide is what one of the two did.
type besideSide struct {
	events tally
	memory int64 // while there were events
	all    tally // of one event of all targets
	most   int64 // memory meanwhile
	traces int   // stored, in the background loss
	looks  int   // kept in memory only, likewise
	opened int   // incidents, likewise; the script has none
}

// watchBeside has the script and mtrq watch the same network with the same
// events, one after the other: beside each other they would wait for the
// same cores.
func (b *bench) watchBeside(ctx context.Context) error {
	var script, ours besideSide
	lasts := sized(b, besideBackground, besideBackground/10)
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"script, events", func() error { return b.besideEvents(ctx, &script, b.startScript) }},
		{"mtrq, events", func() error { return b.besideEvents(ctx, &ours, b.startOurs) }},
		{"script, all at once", func() error { return b.besideAll(ctx, &script, b.startScript) }},
		{"mtrq, all at once", func() error { return b.besideAll(ctx, &ours, b.startOurs) }},
		{"script, background loss", func() error { return b.besideQuiet(ctx, &script, lasts, b.startScript) }},
		{"mtrq, background loss", func() error { return b.besideQuiet(ctx, &ours, lasts, b.startOurs) }},
	} {
		fmt.Fprintf(os.Stderr, "bench: %s\n", step.name)
		if err := step.run(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	b.printf("## Beside a script\n\n`fping -l -p 1000 -t 250` and an `mtr -n --json -c 30 -i 0.3 -G 1` on the first miss of a target (watch-rival.sh); %d targets, events of %.0f s, half of them 100 %%, half 30 %%; then %g %% loss of every target for %.0f s without an event.\n\n",
		besideTargets, besideLength.Seconds(), backgroundLoss, lasts.Seconds())
	b.printf("| | script | mtrq | to reach |\n|---|---|---|---|\n")
	b.printf("| whole path asked in the event, pairs | %d of %d | %d of %d | no fewer |\n", script.events.whole, script.events.pairs, ours.events.whole, ours.events.pairs)
	b.printf("| pairs that lost a ping in the event | %d | %d | |\n", script.events.lost, ours.events.lost)
	b.printf("| loss to first packet of a trace: p50, p95 | %s | %s | no later |\n", delays(script.events.first), delays(ours.events.first))
	b.printf("| memory of all processes, at most | %.0f MB | %.0f MB | ≤ 1/5: %.2f |\n", float64(script.memory)/1e6, float64(ours.memory)/1e6, float64(ours.memory)/float64(script.memory))
	b.printf("| all %d targets lost at once for %.0f s: whole path asked meanwhile | %d | %d | |\n", besideTargets, besideLength.Seconds(), script.all.whole, ours.all.whole)
	b.printf("| memory of all processes then | %.0f MB | %.0f MB | ≤ 1/5: %.2f |\n", float64(script.most)/1e6, float64(ours.most)/1e6, float64(ours.most)/float64(script.most))
	b.printf("| traces stored in background loss | %d | %d, %d looks in memory | 0 |\n", script.traces, ours.traces, ours.looks)
	b.printf("| incidents in background loss | | %d | 0 |\n\n", ours.opened)
	return nil
}

// contender is a script or a node that watches a network.
type contender interface {
	pid() int
	count(ctx context.Context, side *besideSide) error
	settle(ctx context.Context) error // until what an event has set off is over
	end() error
}

// besideEvents lets links fail, drawn at random.
func (b *bench) besideEvents(ctx context.Context, side *besideSide, start starter) (err error) {
	side.events, side.memory, err = b.besidePlay(ctx, start, func(top *lab.Topology) []lossEvent { return besidePlan(top, sized(b, 20, 4)) })
	return err
}

// besideAll cuts what all targets share.
func (b *bench) besideAll(ctx context.Context, side *besideSide, start starter) (err error) {
	side.all, side.most, err = b.besidePlay(ctx, start, func(top *lab.Topology) []lossEvent {
		cut := lossEvent{length: besideLength, link: links(top.Targets[0])[1], ttl: 2, toward: lab.Forward, percent: 100}
		for i := range top.Targets {
			cut.targets = append(cut.targets, i)
		}
		return []lossEvent{cut}
	})
	return err
}

// starter lets a contender watch a network.
type starter func(context.Context, *lab.Net) (contender, error)

// besidePlay lets events happen while one watches: what it saw of them, and
// its memory meanwhile, bytes.
func (b *bench) besidePlay(ctx context.Context, start starter, events func(*lab.Topology) []lossEvent) (seen tally, memory int64, err error) {
	top, err := lab.Tree(besideTargets, 8, 15, 12)
	if err != nil {
		return seen, 0, err
	}
	drawn := events(top)
	err = b.contend(ctx, top, start, func(n *lab.Net, c contender) error {
		sampled := sample(c.pid())
		been, err := play(ctx, n, drawn)
		if err == nil {
			err = c.settle(ctx)
		}
		memory = sampled.end()
		seen = tallyOf(pairs(n.Truth().Records(), been, func(i int) int { return n.Target(i).TTL() }))
		return err
	})
	return seen, memory, err
}

// besidePlan draws events over which both go. The seed is one that makes a
// hundred pairs of twenty, some wide and some of one target.
func besidePlan(top *lab.Topology, events int) []lossEvent {
	return plan(top, rand.New(rand.NewPCG(12, 0)), planSpec{
		events: events, least: besideLength, most: besideLength, percents: []float64{100, 30}, pace: 0.35, apart: apart, widest: 50,
	})
}

func (b *bench) besideQuiet(ctx context.Context, side *besideSide, lasts time.Duration, start starter) error {
	top, err := lab.Tree(besideTargets, 8, 15, 13)
	if err != nil {
		return err
	}
	for _, t := range top.Targets {
		top.Links[t.Path.Last].LossForward = backgroundLoss
	}
	return b.contend(ctx, top, start, func(_ *lab.Net, c contender) error {
		if err := pause(ctx, lasts); err != nil {
			return err
		}
		return c.count(ctx, side)
	})
}

// contend makes a network, lets one watch it and does something to it.
func (b *bench) contend(ctx context.Context, top *lab.Topology, start starter, do func(*lab.Net, contender) error) (err error) {
	n, err := lab.Start(lab.Config{Topology: top, Seed: 12})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	c, err := start(ctx, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	return do(n, c)
}

func (b *bench) startScript(ctx context.Context, n *lab.Net) (contender, error) {
	r, err := b.rival(ctx, n)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (r *rival) pid() int                         { return r.cmd.Process.Pid }
func (r *rival) settle(ctx context.Context) error { return r.drain(ctx, 30*time.Second) }
func (r *rival) end() error                       { return r.stop() }

func (r *rival) count(_ context.Context, side *besideSide) (err error) {
	side.traces, err = r.traces()
	return err
}

// ours is a node as a contender.
type ours struct{ *node }

func (b *bench) startOurs(ctx context.Context, n *lab.Net) (contender, error) {
	no, err := b.watch(ctx, n, watchSpec{})
	if err != nil {
		return nil, err
	}
	if _, err := no.warm(ctx, n.Targets(), warmFor); err != nil {
		return nil, errors.Join(err, no.halt())
	}
	return ours{no}, nil
}

func (o ours) pid() int   { return o.cmd.Process.Pid }
func (o ours) end() error { return o.halt() }

func (o ours) settle(ctx context.Context) error {
	_, err := o.recovered(ctx, recoverFor)
	return err
}

func (o ours) count(ctx context.Context, side *besideSide) error {
	st, err := o.watchState()
	if err != nil {
		return err
	}
	entries, err := o.list(ctx)
	if err != nil {
		return err
	}
	side.looks, side.opened, side.traces = st.Totals.Suspects, st.Totals.Opened, len(entries)
	return nil
}
