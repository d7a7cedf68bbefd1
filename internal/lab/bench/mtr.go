package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// mtr traces the same targets with separate mtr processes, so many at a
// time, as a queue with that many workers does.
func (b *bench) mtr(ctx context.Context) (err error) {
	n, err := lab.Start(lab.Config{Targets: burstTargets, Seed: 1, HopsMin: 10, HopsMax: 15})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	b.printf("### The same with separate mtr processes\n\n`mtr -n -r -c 10 -i 1`, as many at a time as there are workers, on the same kind of network. Six workers are given 48 targets only, and 500 are reckoned from that.\n\n")
	b.printf("| workers | targets | first probe p50 | last first probe | all done | last first probe of 500 targets | times that of mtrq |\n|---|---|---|---|---|---|---|\n")
	for _, c := range []struct{ workers, targets int }{{6, 48}, {50, 500}, {200, 500}, {500, 500}} {
		asked := time.Now()
		jobs := make(chan int)
		var wg sync.WaitGroup
		for range c.workers {
			wg.Go(func() {
				for i := range jobs {
					// What a killed or failed mtr means shows in the log: no probe.
					_ = n.Space().Command(ctx, "mtr", "-n", "-r", "-c", "10", "-i", "1", n.Target(i).Addr4.String()).Run()
				}
			})
		}
		for i := range c.targets {
			jobs <- i
		}
		close(jobs)
		wg.Wait()
		took := time.Since(asked)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p := firsts(n, asked)
		if len(p) == 0 {
			return errors.New("mtr sent nothing")
		}
		last := p[len(p)-1]
		all := last * time.Duration(burstTargets) / time.Duration(c.targets)
		ratio := "-"
		if b.last > 0 {
			ratio = fmt.Sprintf("%.0f", all.Seconds()/b.last)
		}
		b.printf("| %d | %d | %.1f s | %.1f s | %.1f s | %.1f s | %s |\n", c.workers, len(p), quantile(p, 0.5).Seconds(), last.Seconds(), took.Seconds(), all.Seconds(), ratio)
	}
	b.printf("\n")
	return nil
}
