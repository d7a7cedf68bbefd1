package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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
			again := func() (*config.Config, error) { return load(c, append(jobs(c), listen(c)...)...) }
			run, serve := takeHUPs(again), takeHUPs(again)
			cfg, err := again()
			if err != nil {
				return err
			}
			log := newLog(c)
			ctx, stop, end := signals(c.Context, func() { log.Info("told to stop; running traces become reports") })
			defer end()
			return upNode(ctx, stop, cfg, run, serve, log)
		},
	}
}

// upNode runs both until told to stop, or until one of them fails: then
// the other is told to stop too.
func upNode(ctx context.Context, stop <-chan struct{}, cfg *config.Config, run, serve reloads, log *slog.Logger) error {
	both := make(chan struct{})
	var once sync.Once
	halt := func() { once.Do(func() { close(both) }) }
	done := make(chan struct{}, 2)
	var errs [2]error
	go func() { errs[0] = runNode(ctx, both, cfg, run, log, false); done <- struct{}{} }()
	go func() { errs[1] = serveNode(ctx, both, cfg, serve, log); done <- struct{}{} }()
	for left := 2; left > 0; {
		select {
		case <-done:
			left--
			halt()
		case <-stop:
			stop = nil
			halt()
		}
	}
	return ofBoth(errs[:]...)
}

// ofBoth is what went wrong in either half, with the hints of each.
func ofBoth(errs ...error) error {
	all := errors.Join(errs...)
	if all == nil {
		return nil
	}
	var hints []string
	for _, err := range errs {
		if err == nil {
			continue
		}
		if _, hint := classify(err); hint != "" {
			hints = append(hints, hint)
		}
	}
	code, _ := classify(all)
	return fail(code, fmt.Errorf("up: %w", all), strings.Join(hints, "\n"))
}
