package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

const (
	uplinkTargets = 200
	uplinkAnchors = 4
	uplinkFor     = 60 * time.Second
	closeFor      = 8 * time.Minute // at most: 60 s of quiet, and five minutes in which it could come back
)

// hookScript is told of incidents: a line for each message.
const hookScript = "#!/bin/sh\necho \"$MTRQ_EVENT $MTRQ_INCIDENT\" >>\"$1\"\n"

// watchUplink cuts the only way out.
func (b *bench) watchUplink(ctx context.Context) (err error) {
	n, err := lab.Start(lab.Config{Targets: uplinkTargets + uplinkAnchors, Seed: 51})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	dir, err := os.MkdirTemp(b.dir, "hook-")
	if err != nil {
		return err
	}
	script, told := filepath.Join(dir, "hook.sh"), filepath.Join(dir, "told")
	if err := os.WriteFile(script, []byte(hookScript), 0o755); err != nil {
		return err
	}
	spec := watchSpec{targets: uplinkTargets, hook: []string{script, told}}
	for i := range uplinkAnchors {
		spec.anchors = append(spec.anchors, uplinkTargets+i)
	}
	no, err := b.watch(ctx, n, spec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, no.halt()) }()
	if _, err := no.warm(ctx, uplinkTargets, warmFor); err != nil {
		return err
	}
	undo := n.Down(n.Target(0).Link(1))
	from := time.Now()
	err = pause(ctx, sized(b, uplinkFor, uplinkFor/4))
	lasted := time.Since(from)
	undo()
	if err != nil {
		return err
	}
	all, err := no.closed(ctx, closeFor)
	if err != nil {
		return err
	}
	missing, twice, err := messages(ctx, told, all)
	if err != nil {
		return err
	}
	entries, err := no.list(ctx)
	if err != nil {
		return err
	}
	traced := map[string]bool{}
	for _, e := range entries {
		traced[e.Target] = true
	}
	affected, open := 0, 0
	for _, in := range all {
		affected += in.Affected
		if in.State == report.IncidentOpen {
			open++
		}
	}
	b.printf("## The uplink cut\n\n%d targets in several /16, %d anchors; the link to the gateway down for %.0f s.\n\n| | measured | to reach |\n|---|---|---|\n", uplinkTargets, uplinkAnchors, lasted.Seconds())
	b.printf("| incidents, targets in them | %d, %d | 1, %d |\n| verdicts | %s | uplink-cut or own-network |\n| still open %.0f min after | %d | 0 |\n", len(all), affected, uplinkTargets, classes(all), closeFor.Minutes(), open)
	b.printf("| reports after recovery: all, targets with one | %d, %d | |\n", len(entries), len(traced))
	b.printf("| messages of hooks: missing, more than once | %d, %d | 0, 0 |\n\n", missing, twice)
	return nil
}

// messages counts what the hook's file lacks and what it has more than once
// of two messages for each incident. What is under way gets a minute.
func messages(ctx context.Context, file string, all []report.Incident) (missing, twice int, err error) {
	for end := time.Now().Add(time.Minute); ; {
		data, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // nothing was told yet
			return 0, 0, err
		}
		count := map[string]int{}
		for line := range strings.Lines(string(data)) {
			count[strings.TrimSpace(line)]++
		}
		missing, twice = 0, 0
		for _, in := range all {
			for _, event := range []string{"incident-open", "incident-close"} {
				if count[fmt.Sprintf("%s %s", event, in.ID)] == 0 {
					missing++
				}
			}
		}
		for _, times := range count {
			if times > 1 {
				twice++
			}
		}
		if missing == 0 || time.Now().After(end) {
			return missing, twice, nil
		}
		if err := pause(ctx, time.Second); err != nil {
			return 0, 0, err
		}
	}
}
