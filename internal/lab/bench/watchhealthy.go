package main

import (
	"context"
	"errors"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

const (
	healthyTargets = 10_000
	healthyFor     = 10 * time.Minute
	healthyLoss    = 0.01 // percent
)

// watchHealthy watches many targets of which none has trouble: a packet is
// lost here and there, and one in a hundred is held up.
func (b *bench) watchHealthy(ctx context.Context) (err error) {
	top, err := lab.Tree(healthyTargets, 8, 15, 31)
	if err != nil {
		return err
	}
	spikes := lab.Spikes{Percent: 1, Least: 100 * time.Millisecond, Most: 300 * time.Millisecond}
	for _, t := range top.Targets {
		top.Links[t.Path.Last].LossForward = healthyLoss
		top.Links[t.Path.Last].Spikes = spikes
	}
	n, err := lab.Start(lab.Config{Topology: top, Seed: 31, TruthRecords: 16_000_000})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	no, err := b.watch(ctx, n, watchSpec{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, no.halt()) }()
	memory := sample(no.cmd.Process.Pid)
	paths, err := no.warm(ctx, healthyTargets, cpuWarm)
	if err != nil {
		memory.end()
		return err
	}
	lasts := sized(b, healthyFor, healthyFor/10)
	m, err := no.measure(ctx, lasts)
	peak := memory.end()
	if err != nil {
		return err
	}
	all, err := no.incidents()
	if err != nil {
		return err
	}
	b.printf("## Healthy\n\n%d targets for %.0f s, %g %% random loss, and 1 %% of the pings held up by 100 to 300 ms. Paths known: %d.\n\n", healthyTargets, lasts.Seconds(), healthyLoss, paths)
	b.printf("| | measured | to reach |\n|---|---|---|\n")
	b.printf("| incidents since the start | %d (%s) | 0 |\n| suspects | %d | |\n", len(all), classes(all), m.suspects)
	b.printf("| pings lost, by the watchdog, by the log, of | %d, %d, %d | the same |\n", m.lost, m.truly, m.sent)
	b.printf("| memory, run and its mtr-packets, at most | %.0f MB | ≤ 120 MB |\n| CPU, likewise | %.2f of a core | |\n\n", float64(peak)/1e6, m.cpu)
	b.mend(n)
	return nil
}

// measured is what a node did for a while.
type measured struct {
	cpu        float64 // of a core, with its children
	memory     int64   // at the end, bytes
	sent, lost int     // pings, by its own account
	truly      int     // lost by the log
	suspects   int
}

// measure lets a node watch. Its account is up to 5 s old, so that counts of
// both sides are only to be compared roughly where there is loss.
func (no *node) measure(ctx context.Context, lasts time.Duration) (m measured, err error) {
	before, err := no.watchState()
	if err != nil {
		return m, err
	}
	used, err := no.use()
	if err != nil {
		return m, err
	}
	began := time.Now()
	if err := pause(ctx, lasts); err != nil {
		return m, err
	}
	took := time.Since(began)
	now, err := no.use()
	if err != nil {
		return m, err
	}
	after, err := no.watchState()
	if err != nil {
		return m, err
	}
	m.cpu, m.memory = (now.cpu-used.cpu).Seconds()/took.Seconds(), now.memory
	m.sent, m.lost = after.Totals.PingsSent-before.Totals.PingsSent, after.Totals.PingsLost-before.Totals.PingsLost
	m.suspects = after.Totals.Suspects - before.Totals.Suspects
	c := no.net.Truth().Count(lab.Window{From: before.At, To: after.At}, isPing)
	m.truly = c.Probes - c.Of(lab.Answered)
	return m, nil
}

// mend says what the network itself did wrong, without which figures of loss
// cannot be read.
func (b *bench) mend(n *lab.Net) {
	if o, f := n.Truth().Overload(), n.Truth().Forgotten(); o+f > 0 {
		b.printf("The simulated network itself dropped %d probes, its log has forgotten %d.\n\n", o, f)
	}
}
