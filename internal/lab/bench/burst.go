package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

const burstTargets = 500

func targets(n *lab.Net) string {
	var s strings.Builder
	for i := range n.Targets() {
		fmt.Fprintln(&s, n.Target(i).Addr4)
	}
	return s.String()
}

// burst asks for 500 traces at once and follows them in the log.
func (b *bench) burst(ctx context.Context) (err error) {
	n, err := lab.Start(lab.Config{Targets: burstTargets, Seed: 1, HopsMin: 10, HopsMax: 15})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	no, err := b.start(ctx, n, "-j", "200")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, no.stop()) }()
	before, err := no.use()
	if err != nil {
		return err
	}
	asked := time.Now()
	if _, err := no.mtrq(ctx, targets(n), "enqueue", "-"); err != nil {
		return err
	}
	enqueued := time.Since(asked)
	// Watch memory until every target has its three samples.
	var peak int64
	var used usage
	var seen *progress
	for seen == nil || !seen.complete {
		if time.Since(asked) > 60*time.Second {
			return errors.New("three samples of all did not come within 60 s")
		}
		time.Sleep(100 * time.Millisecond)
		if used, err = no.use(); err != nil {
			return err
		}
		peak = max(peak, used.memory)
		seen = follow(n, asked)
	}
	b.last = seen.first[len(seen.first)-1].Seconds()
	b.printf("## 500 jobs at once\n\nPaths of 10 to 15 hops, `max_pps` 5000. From the moment before `mtrq enqueue -` is started (it returns after %d ms, all durable), by the log:\n\n", enqueued.Milliseconds())
	b.printf("| | measured | to reach |\n|---|---|---|\n")
	b.printf("| first probe to each target: p50, p99, last | %.2f s, %.2f s, %.2f s | last ≤ 1 s |\n",
		quantile(seen.first, 0.5).Seconds(), quantile(seen.first, 0.99).Seconds(), seen.first[len(seen.first)-1].Seconds())
	b.printf("| whole path asked once, of all targets | %.2f s | ≤ 2 s |\n", seen.wave[0].Seconds())
	b.printf("| whole path asked three times, of all targets | %.2f s | ≤ 6 s |\n", seen.wave[2].Seconds())
	b.printf("| CPU until then, run and its mtr-packets | %.2f s | ≤ 4 s |\n", (used.cpu - before.cpu).Seconds())
	b.printf("| memory, run and its mtr-packets, at most | %.0f MB | ≤ 150 MB |\n", float64(peak)/1e6)
	b.printf("| greatest number of probes in any 100 ms (`max_pps` is 500) | %d | |\n\n", seen.busiest)
	if o := n.Truth().Overload(); o > 0 {
		b.printf("The simulated network itself dropped %d probes.\n\n", o)
	}
	return nil
}

// progress is how far a burst has come by the log, in times since it was
// asked for.
type progress struct {
	first    []time.Duration  // first probe of each target, sorted
	wave     [3]time.Duration // when the last target's path had been asked so many times
	complete bool
	busiest  int // probes in 100 ms
}

func follow(n *lab.Net, asked time.Time) *progress {
	type state struct {
		asked [64]int // by hop reached
		first time.Duration
		wave  [3]time.Duration
	}
	states := make([]state, n.Targets())
	p := &progress{}
	var window []time.Duration
	for r := range n.Truth().Records() {
		at := r.Arrived.Sub(asked)
		if r.Target < 0 || at < 0 {
			continue
		}
		window = append(window, at)
		for at-window[0] >= 100*time.Millisecond {
			window = window[1:]
		}
		p.busiest = max(p.busiest, len(window))
		s := &states[r.Target]
		if s.first == 0 {
			s.first = at
		}
		length := n.Target(r.Target).TTL()
		s.asked[min(int(r.TTL), length)]++
		least := slices.Min(s.asked[1 : length+1])
		for w := range s.wave {
			if least > w && s.wave[w] == 0 {
				s.wave[w] = at
			}
		}
	}
	p.complete = true
	for i := range states {
		s := &states[i]
		if s.wave[2] == 0 {
			p.complete = false
			continue
		}
		p.first = append(p.first, s.first)
		for w := range p.wave {
			p.wave[w] = max(p.wave[w], s.wave[w])
		}
	}
	slices.Sort(p.first)
	return p
}
