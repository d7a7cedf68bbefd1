package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/hook"
	"github.com/mtrq/mtrq/internal/host"
	"github.com/mtrq/mtrq/internal/paths"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/internal/run"
	"github.com/mtrq/mtrq/internal/targets"
	"github.com/mtrq/mtrq/internal/trace"
	"github.com/mtrq/mtrq/internal/watch"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// watched says whether the configuration names anything to watch.
func watched(cfg *config.Config) bool {
	w := cfg.Watch
	return len(w.Targets) > 0 || len(w.Files) > 0 || len(w.URLs) > 0 || len(w.Groups) > 0
}

// watchdog is the watchdog of a node and what belongs to it: run.Watchdog.
type watchdog struct {
	dog   *watch.Watchdog
	lists *targets.Lists
	hooks *hook.Sender
}

// addWatchdog gives a runner its watchdog, where there is anything to watch.
func addWatchdog(r *run.Runner, cfg *config.Config, sp *spool.Spool, ar *archive.Writer, log *slog.Logger) *watchdog {
	if !watched(cfg) || r.Once {
		return nil
	}
	// Most of what it keeps lives for minutes: histories, paths. Collecting
	// three times as often costs a node of 10,000 targets 3 % of a core, and
	// saves a third of its memory.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(30)
	}
	known := paths.New(0)
	r.Tracer.Paths = known
	d := &watchdog{lists: newLists(cfg, log)}
	d.dog = &watch.Watchdog{
		Rules: watch.Rules{
			Interval: time.Duration(cfg.Watch.Interval), Lost: cfg.Watch.Open.Lost, Of: cfg.Watch.Open.Of,
			SlowLost: cfg.Watch.Slow.Lost, SlowOf: cfg.Watch.Slow.Of,
		},
		Lists: d.lists, Prober: r.Scheduler, Tracer: r.Tracer,
		Job:   trace.Job{Protocol: probe.Protocol(r.Defaults.Protocol), Local: r.Defaults.Local},
		Paths: known, PathsAt: filepath.Join(cfg.Archive.CacheDir, "paths"),
		Pinger: &watch.Pinger{}, Spool: sp, Archive: ar, Host: &host.Reader{}, Reports: ar.IncidentReports,
		Node: r.Node, Version: report.Versions{MTRQ: r.Version, Rules: report.RulesVersion}, Log: log, Now: r.Now,
	}
	if r.Defaults.Protocol != string(probe.ICMP) {
		d.dog.Job.Port = r.Defaults.Port
	}
	if len(cfg.Watch.Anchors) > 0 {
		d.dog.Anchors = &targets.Lists{
			Targets: cfg.Watch.Anchors, Interval: time.Duration(cfg.Watch.Interval), Dir: filepath.Join(cfg.Archive.CacheDir, "anchors"),
			Resolver: net.DefaultResolver, Now: time.Now, Log: log,
		}
	}
	if hooks := newHooks(cfg, log); len(hooks.Hooks) > 0 {
		d.hooks, d.dog.Hooks = hooks, hooks
	}
	r.Watch = d
	return d
}

func newLists(cfg *config.Config, log *slog.Logger) *targets.Lists {
	l := &targets.Lists{
		Targets: cfg.Watch.Targets, Files: cfg.Watch.Files, URLs: cfg.Watch.URLs,
		Interval: time.Duration(cfg.Watch.Interval), MaxPPS: cfg.Watch.MaxPPS, Dir: filepath.Join(cfg.Archive.CacheDir, "targets"),
		Resolver: net.DefaultResolver, Now: time.Now, Log: log,
	}
	for _, g := range cfg.Watch.Groups {
		l.Groups = append(l.Groups, targets.Group{
			Name: g.Name, Targets: g.Targets, Interval: time.Duration(g.Interval), Protocol: g.Protocol, Tags: g.Tags,
		})
	}
	return l
}

func newHooks(cfg *config.Config, log *slog.Logger) *hook.Sender {
	s := &hook.Sender{
		Dir: filepath.Join(cfg.Spool.Dir, "state", "hooks"), Node: cfg.Node.Name, Log: log, Now: time.Now,
		Text: func(inc *report.Incident) string { return report.IncidentText(inc, nil) },
	}
	if len(cfg.Serve.PublicURL) > 0 {
		s.Link = cfg.Serve.PublicURL[0]
	}
	for _, h := range cfg.Hooks {
		s.Hooks = append(s.Hooks, hook.Hook{
			On: h.On, Command: h.Command, URL: h.URL, Template: h.Template, Timeout: time.Duration(h.Timeout),
		})
	}
	return s
}

// Run watches and tells until it is stopped.
func (d *watchdog) Run(ctx context.Context, stop <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	told := make(chan error, 1)
	go func() {
		var err error
		if d.hooks != nil {
			err = d.hooks.Run(ctx)
		}
		told <- err
	}()
	err := d.dog.Run(ctx, stop)
	cancel()
	if hookErr := <-told; err == nil && hookErr != nil && ctx.Err() == nil {
		err = fmt.Errorf("hooks: %w", hookErr)
	}
	return err
}

// Look is the trace that runs already for a job of the watchdog.
func (d *watchdog) Look(id ulid.ULID) (run.Look, bool) { return d.dog.Look(id) }

// Health is what an operator must know.
func (d *watchdog) Health() []spool.Health { return d.dog.Health() }
