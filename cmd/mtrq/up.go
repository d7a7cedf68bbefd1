package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/config"
)

func upCommand() *cli.Command {
	return &cli.Command{
		Name:  "up",
		Usage: "run and serve in one process, for a desk or a small node",
		Description: `The same as mtrq run and mtrq serve side by side. In production these are two
units with different rights (contrib/systemd).`,
		Flags: []cli.Flag{jobsFlag(), listenFlag()},
		Action: func(c *cli.Context) error {
			cfg, err := load(c, append(jobs(c), listen(c)...)...)
			if err != nil {
				return err
			}
			log := newLog(c)
			ctx, stop, end := signals(c.Context, func() { log.Info("told to stop; running traces become reports") })
			defer end()
			again := func() (*config.Config, error) { return load(c, append(jobs(c), listen(c)...)...) }
			return upNode(ctx, stop, cfg, again, log)
		},
	}
}

// upNode runs both until told to stop, or until one of them fails: then
// the other is told to stop too.
func upNode(ctx context.Context, stop <-chan struct{}, cfg *config.Config, again func() (*config.Config, error), log *slog.Logger) error {
	both := make(chan struct{})
	var once sync.Once
	halt := func() { once.Do(func() { close(both) }) }
	done := make(chan error, 2)
	go func() { done <- runNode(ctx, both, cfg, again, log, false) }()
	go func() { done <- serveNode(ctx, both, cfg, again, log) }()
	var errs []error
	for len(errs) < 2 {
		select {
		case err := <-done:
			errs = append(errs, err)
			halt()
		case <-stop:
			stop = nil
			halt()
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	return nil
}
