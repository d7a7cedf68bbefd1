package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

const (
	canaryTargets = 30
	canaryFor     = 20 * time.Second
)

// dropRules is a table of nft that drops half of what comes in through some
// devices.
const dropRules = "table inet bench {\n chain in {\n  type filter hook input priority 0;\n  %s numgen random mod 100 < 50 drop\n }\n}\n"

// watchCanary has the trouble near the machine itself: no incident may name
// a line beyond the gateway.
func (b *bench) watchCanary(ctx context.Context) error {
	b.printf("## Trouble of the machine itself\n\n%d targets, for %.0f s. An incident is wrong when its verdict is `real-loss` and it names a stretch beyond the gateway.\n\n", canaryTargets, canaryFor.Seconds())
	b.printf("| trouble | incidents | verdicts | wrong | to reach |\n|---|---|---|---|---|\n")
	link := func(percent float64) func(context.Context, *lab.Net) (func() error, error) {
		return func(_ context.Context, n *lab.Net) (func() error, error) {
			undo := n.Loss(n.Target(0).Link(1), lab.Both, percent)
			return func() error { undo(); return nil }, nil
		}
	}
	firewall := func(devices string) func(context.Context, *lab.Net) (func() error, error) {
		return func(ctx context.Context, n *lab.Net) (func() error, error) {
			undo := func() error { return nft(ctx, n, "delete table inet bench\n") }
			return undo, nft(ctx, n, fmt.Sprintf(dropRules, devices))
		}
	}
	for _, c := range []struct {
		name  string
		begin func(context.Context, *lab.Net) (undo func() error, err error)
	}{
		{"gateway link, 30 % each way", link(30)},
		{"gateway link, 100 %", link(100)},
		{"half of all that comes in, loopback too", firewall("")},
		{"half of what comes in on loopback alone", firewall(`iif "lo"`)},
	} {
		if err := b.canary(ctx, c.name, c.begin); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	b.printf("\n")
	return nil
}

func nft(ctx context.Context, n *lab.Net, rules string) error {
	cmd := n.Space().Command(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, said)
	}
	return nil
}

func (b *bench) canary(ctx context.Context, name string, begin func(context.Context, *lab.Net) (func() error, error)) (err error) {
	n, err := lab.Start(lab.Config{Targets: canaryTargets, Seed: 61})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	no, err := b.watch(ctx, n, watchSpec{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, no.halt()) }()
	if _, err := no.warm(ctx, canaryTargets, warmFor); err != nil {
		return err
	}
	undo, err := begin(ctx, n)
	if err != nil {
		return err
	}
	if err := pause(ctx, canaryFor); err != nil {
		return err
	}
	if err := undo(); err != nil {
		return err
	}
	all, err := no.recovered(ctx, recoverFor)
	if err != nil {
		return err
	}
	wrong := 0
	for i := range all {
		if namesBeyond(&all[i]) {
			wrong++
		}
	}
	b.printf("| %s | %d | %s | %d | 0 |\n", name, len(all), classes(all), wrong)
	return nil
}

// namesBeyond is true of an incident that says that a line is bad which
// does not touch the machine: one behind the gateway or a later router.
func namesBeyond(in *report.Incident) bool {
	if in.Verdict.Class != report.RealLoss {
		return false
	}
	return in.Common != nil && in.Common.From.IsValid() || in.Verdict.Link != nil && in.Verdict.Link.From.TTL > 0
}
