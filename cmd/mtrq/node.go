package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/host"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/internal/run"
	"github.com/mtrq/mtrq/internal/trace"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// slotWait is how long a trace whose target is clean waits for a slot.
const slotWait = 30 * time.Second

func newLog(c *cli.Context) *slog.Logger {
	return slog.New(slog.NewTextHandler(c.App.ErrWriter, nil))
}

// openSpool opens the spool; note, unless nil, is told of single files.
func openSpool(cfg *config.Config, note func(spool.Note)) (*spool.Spool, error) {
	opt := spoolReserve(cfg)
	opt.Note = note
	return spool.Open(cfg.Spool.Dir, opt)
}

// lookAtSpool is openSpool for those who only look: it makes nothing.
func lookAtSpool(cfg *config.Config) (*spool.Spool, error) {
	return spool.Look(cfg.Spool.Dir, spoolReserve(cfg))
}

func spoolReserve(cfg *config.Config) spool.Options {
	return spool.Options{ReserveBytes: uint64(cfg.Spool.ReserveBytes), ReserveInodes: uint64(cfg.Spool.ReserveInodes)}
}

func newScheduler(cfg *config.Config, log *slog.Logger) *probe.Scheduler {
	return probe.New(probe.Options{
		MaxPPS: cfg.Run.MaxPPS, PolitePPS: cfg.Run.PolitePPS, WatchPPS: cfg.Watch.MaxPPS,
		Path: cfg.Run.MTRPacket, Log: log,
	})
}

func policy(cfg *config.Config) trace.Policy {
	p := trace.Policy{Allow: cfg.Targets.Allow, Deny: cfg.Targets.Deny}
	for _, r := range cfg.Serve.Ports {
		p.Ports = append(p.Ports, trace.PortRange{Low: r.First, High: r.Last})
	}
	return p
}

// archiveZone is the zone to open the archive with. One that was only
// found on this machine yields to the archive's own: the shell that an
// operator starts a node from may have another TZ than the service.
func archiveZone(cfg *config.Config) string {
	if cfg.Origin("archive.zone").Kind != config.FromDefault {
		return cfg.Archive.Zone
	}
	ar, err := archive.Open(cfg.Archive.Dir)
	if err != nil {
		return cfg.Archive.Zone // OpenWriter says what is wrong
	}
	defer ar.Close() // only read from
	if zone, ok := ar.Zone(); ok {
		return zone
	}
	return cfg.Archive.Zone
}

// settings are the keys that a HUP changes while traces run.
func settings(cfg *config.Config) run.Settings {
	return run.Settings{
		Jobs: cfg.Run.Jobs, MaxPPS: cfg.Run.MaxPPS, Policy: policy(cfg),
		Rule: trace.Rule{
			Interval: time.Duration(cfg.Trace.Interval), MaxTTL: cfg.Trace.MaxTTL, MinPackets: cfg.Trace.MinPackets,
			Tail: time.Duration(cfg.Trace.Tail), MaxDuration: time.Duration(cfg.Trace.MaxDuration), SlotWait: slotWait,
		},
	}
}

// newRunner makes a Runner without spool and archive.
func newRunner(cfg *config.Config, log *slog.Logger) *run.Runner {
	sched := newScheduler(cfg, log)
	s := settings(cfg)
	return &run.Runner{
		Scheduler: sched,
		Tracer: &trace.Tracer{
			Prober: sched, Policy: s.Policy, Resolver: net.DefaultResolver,
			Memory: trace.NewMemory(), Slots: trace.NewSlots(cfg.Run.Jobs),
			Rule: s.Rule,
			Node: cfg.Node.Name, Now: time.Now, Clock: host.Clock,
		},
		Defaults: run.Defaults{Protocol: cfg.Trace.Protocol, Port: cfg.Trace.Port, Local: cfg.Trace.Source},
		Jobs:     cfg.Run.Jobs,
		Node:     report.Node{Name: cfg.Node.Name, Place: cfg.Node.Place, Address: cfg.Node.Address},
		Version:  version(), ArchiveAt: cfg.Archive.Dir, Log: log, Now: time.Now,
	}
}

// signals gives what a long-running command listens to: stop is closed by
// the first TERM or INT, ctx ends with the second. told is called at the
// first.
func signals(parent context.Context, told func()) (ctx context.Context, stop <-chan struct{}, end func()) {
	in := make(chan os.Signal, 4)
	signal.Notify(in, syscall.SIGTERM, syscall.SIGINT)
	ctx, stop, cancel := stopTwice(parent, in, told)
	return ctx, stop, func() {
		signal.Stop(in)
		cancel(nil)
	}
}

// oneSignal is within what time the same signal twice is one: timeout(1)
// sends it to the process, and then to its group.
const oneSignal = 500 * time.Millisecond

func stopTwice(parent context.Context, in <-chan os.Signal, told func()) (context.Context, <-chan struct{}, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	stopped := make(chan struct{})
	go func() {
		var first os.Signal
		select {
		case first = <-in:
			told()
			close(stopped)
		case <-ctx.Done():
			return
		}
		for at := time.Now(); ; {
			select {
			case sig := <-in:
				if sig == first && time.Since(at) < oneSignal {
					continue
				}
				cancel(errSecondSignal)
			case <-ctx.Done():
			}
			return
		}
	}()
	return ctx, stopped, cancel
}

var errSecondSignal = errors.New("told to stop twice")
