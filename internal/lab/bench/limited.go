package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

// limited traces 500 healthy targets through a gateway that limits its
// answers: nothing may look like loss of the line.
func (b *bench) limited(ctx context.Context) error {
	b.printf("## 500 traces through a gateway that limits its answers\n\nAll targets are healthy. A row is wrong when it shows loss and is not marked as the router's own limit; a verdict is wrong unless it is `clean` or `rate-limit-only`.\n\n")
	b.printf("| gateway answers | traces | wrong verdicts | wrong rows | gateway: asked in the first 6 s, answered | probes/s at any router after the first looks: greatest, of the gateway on average | to reach |\n|---|---|---|---|---|---|---|\n")
	for _, l := range []lab.Limit{{PerSecond: 100, Burst: 50}, {PerSecond: 1, Burst: 6}} {
		if err := b.limitedTo(ctx, l); err != nil {
			return err
		}
	}
	b.printf("\n")
	return nil
}

func (b *bench) limitedTo(ctx context.Context, l lab.Limit) (err error) {
	n, err := lab.Start(lab.Config{Targets: burstTargets, Seed: 3, HopsMin: 10, HopsMax: 15})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	gateway := n.Target(0).Router(1)
	n.RateLimit(gateway, l)
	no, err := b.start(ctx, n, "-j", "200")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, no.stop()) }()
	asked := time.Now()
	if _, err := no.mtrq(ctx, targets(n), "enqueue", "-"); err != nil {
		return err
	}
	entries, err := no.waitReports(ctx, burstTargets, 180*time.Second)
	if err != nil {
		return err
	}
	wrongVerdicts, wrongRows := 0, 0
	var lookedAt time.Time // when the last first look was complete
	for _, e := range entries {
		r, err := no.load(e)
		if err != nil {
			return err
		}
		ev := &r.Evidence
		if ev.Verdict.Class != report.Clean && ev.Verdict.Class != report.RateLimitOnly {
			wrongVerdicts++
			fmt.Fprintf(os.Stderr, "bench: wrong verdict: %s %s: %s\n", e.ID, ev.Verdict.Class, ev.Verdict.Sentence)
		}
		for i := range ev.Hops {
			loss := ev.Hops[i].Stats().Loss()
			if loss != nil && *loss > 0 && *loss < 100 && !ev.Hops[i].Limited {
				wrongRows++
			}
		}
		if t := ev.Times.FirstLook; t != nil && t.After(lookedAt) {
			lookedAt = *t
		}
	}
	early := n.Truth().Count(lab.Window{From: asked, To: asked.Add(6 * time.Second)}, func(r *lab.Record) bool { return r.Router == gateway && r.Answer == lab.TTLExpired })
	greatest := 0
	var average float64
	for id := range n.Routers() {
		perSecond, _ := n.Truth().PerSecond(lab.RouterID(id), lookedAt)
		sum := 0
		for _, c := range perSecond {
			greatest = max(greatest, c)
			sum += c
		}
		if lab.RouterID(id) == gateway && len(perSecond) > 0 {
			average = float64(sum) / float64(len(perSecond))
		}
	}
	b.printf("| %.0f/s, burst %d | %d | %d | %d | %d, %d | %d, %.1f | 0, 0, ≤ 10/s |\n", l.PerSecond, l.Burst, len(entries), wrongVerdicts, wrongRows, early.Probes, early.Of(lab.Answered), greatest, average)
	return nil
}

// waitReports waits until so many reports are archived.
func (no *node) waitReports(ctx context.Context, count int, most time.Duration) ([]entry, error) {
	for end := time.Now().Add(most); ; {
		entries, err := no.list(ctx)
		if err != nil {
			return nil, err
		}
		if len(entries) >= count {
			return entries, nil
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("%d of %d reports after %s: %s", len(entries), count, most, no.log.String())
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (no *node) load(e entry) (*report.Report, error) {
	found, err := filepath.Glob(no.dir + "/archive/*/*/*/" + e.File + ".json")
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("report %s: %d files (%v)", e.ID, len(found), err)
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		return nil, err
	}
	var r report.Report
	return &r, json.Unmarshal(data, &r)
}
