package main

import (
	"context"
	"errors"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

const (
	idleSettle = 40 * time.Second // idle mtr-packets have gone by then
	idleFor    = 60 * time.Second
)

// idle measures a node that has nothing to do.
func (b *bench) idle(ctx context.Context) (err error) {
	n, err := lab.Start(lab.Config{Targets: 10, Seed: 5})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	no, err := b.start(ctx, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, no.stop()) }()
	time.Sleep(idleSettle)
	before, err := no.use()
	if err != nil {
		return err
	}
	began := time.Now()
	time.Sleep(idleFor)
	after, err := no.use()
	if err != nil {
		return err
	}
	share := (after.cpu - before.cpu).Seconds() / time.Since(began).Seconds()
	b.printf("## Idle\n\n`mtrq run` with nothing to do, for %.0f s: %.2f %% of a core (to reach: ≤ 0.5 %%), %.1f MB with its mtr-packets (≤ 40 MB).\n\n", idleFor.Seconds(), share*100, float64(after.memory)/1e6)
	return nil
}
