package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"
	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/spool"
)

func enqueueCommand() *cli.Command {
	return &cli.Command{
		Name:      "enqueue",
		Usage:     "ask for traces; print the ID of each once it is durable",
		ArgsUsage: "TARGET… | -",
		Description: `TARGET is an IP address or a host name; "-" reads targets from standard input, one
a line (empty lines and what follows a # are passed over).

Prints one ID a line. When an ID is printed, the job survives a power cut, and is
named in exactly one report in the end. Nobody has to be running: the job waits.

   mtrq enqueue 203.0.113.7 --reason "customer complaint" --tag circuit=GZ-2231
   mtrq enqueue --wait 203.0.113.7        show the trace live, print the report
   mtrq enqueue - < targets.txt           hundreds at once, one fsync
   watcher | mtrq enqueue -               each as it comes, its ID as soon as it is durable

A trace that runs to the same target serves yours too, with a fresh first look if its
last is older than 2 s; --no-coalesce asks for one of your own.

A target that is not valid is named with its line; the others are accepted, and
the exit code is 65. With --wait it is 0 whatever the trace shows.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "wait", Aliases: []string{"w"}, Usage: "wait for the report and print it; on a terminal, show the trace live", DisableDefaultText: true},
			&cli.StringFlag{Name: "reason", Usage: "why, in your `WORDS`; kept with the report"},
			&cli.StringFlag{Name: "event", Usage: "your own `REFERENCE`, such as the ID of an alarm"},
			&cli.StringSliceFlag{Name: "tag", Usage: "`KEY=VALUE` kept with the report; may be repeated"},
			&cli.StringFlag{Name: "protocol", Aliases: []string{"p"}, Usage: "icmp, udp or tcp"},
			&cli.IntFlag{Name: "port", Aliases: []string{"P"}, Usage: "destination port of udp and tcp", DefaultText: "443 for tcp, 33434 for udp"},
			&cli.IntFlag{Name: "size", Usage: "whole IP packet, `BYTES`", DefaultText: "64"},
			&cli.IntFlag{Name: "tos", Usage: "IPv4 TOS or IPv6 traffic class, 0-255"},
			&cli.BoolFlag{Name: "4", Usage: "take a name's IPv4 address", DisableDefaultText: true},
			&cli.BoolFlag{Name: "6", Usage: "take a name's IPv6 address", DisableDefaultText: true},
			&cli.IntFlag{Name: "rounds", Usage: "exactly `N` rounds in place of the stop rule; they may take N s, since a router that answers little is asked once a second", DefaultText: "none: the stop rule"},
			&cli.DurationFlag{Name: "interval", Usage: "between rounds, 100ms to 60s", DefaultText: "[trace] interval"},
			&cli.BoolFlag{Name: "no-coalesce", Usage: "a trace of its own, even while another to the same target runs", DisableDefaultText: true},
			&cli.IntFlag{Name: "max-ttl", Usage: "highest TTL asked, 1-64", DefaultText: "[trace] max_ttl"},
		},
		Action: enqueue,
	}
}

func enqueue(c *cli.Context) error {
	job, err := jobOf(c)
	if err != nil {
		return err
	}
	if !c.Args().Present() {
		return fail(exitUsage, errors.New("no target given"), "mtrq enqueue 203.0.113.7, or mtrq enqueue - to read targets from standard input")
	}
	cfg, err := load(c)
	if err != nil {
		return err
	}
	e := enqueuing{c: c, cfg: cfg, job: job}
	if err := eachGroup(c, e.group); err != nil {
		return e.soFar(err)
	}
	var waited error
	if c.Bool("wait") && len(e.ids) > 0 {
		waited = waitAll(c, cfg, e.spool, e.ids)
	}
	return errors.Join(waited, e.notValid())
}

// jobOf makes a job of the flags, without target.
func jobOf(c *cli.Context) (spool.Job, error) {
	j := spool.Job{
		Source: "cli", By: fmt.Sprintf("uid %d", os.Getuid()),
		Reason: c.String("reason"), Event: c.String("event"),
		Protocol: c.String("protocol"), Port: c.Int("port"), Size: c.Int("size"), TOS: c.Int("tos"),
		Rounds: c.Int("rounds"), Interval: c.Duration("interval"), MaxTTL: c.Int("max-ttl"),
		NoCoalesce: c.Bool("no-coalesce"),
	}
	switch {
	case c.Bool("4") && c.Bool("6"):
		return j, usage("-4 and -6 exclude each other")
	case c.Bool("4"):
		j.Family = "4"
	case c.Bool("6"):
		j.Family = "6"
	}
	for _, tag := range c.StringSlice("tag") {
		k, v, ok := strings.Cut(tag, "=")
		if !ok {
			return j, usage("--tag %q: write KEY=VALUE", tag)
		}
		if j.Tags == nil {
			j.Tags = map[string]string{}
		}
		j.Tags[k] = v
	}
	// A zero that was typed is no default.
	for _, name := range []string{"port", "size", "rounds", "interval", "max-ttl"} {
		if c.IsSet(name) && (c.Int(name) == 0 && c.Duration(name) == 0) {
			return j, fail(exitUsage, fmt.Errorf("--%s %s: must be greater than zero; leave it out for the default", name, fmt.Sprint(c.Value(name))), "mtrq enqueue --help lists what is allowed")
		}
	}
	// What is wrong with the flags is wrong with every target.
	probe := j
	probe.Target = "name.invalid"
	if err := probe.Validate(); err != nil {
		return j, fail(exitUsage, err, "mtrq enqueue --help lists what is allowed")
	}
	return j, nil
}

// sift parts the valid targets from the others, which it describes.
func sift(job spool.Job, lines []line) (good []string, bad []string) {
	for _, l := range lines {
		t, err := spool.ParseTarget(l.target)
		if err == nil {
			job.Target = t
			err = job.Validate()
		}
		if err != nil {
			shown := l.target
			if len(shown) > 300 { // longer than any target
				shown = strings.ToValidUTF8(shown[:300], "") + "…"
			}
			if hostPort(l.target) {
				err = errors.New("is a target with a port: give the port with --port, and tcp or udp with --protocol")
			}
			bad = append(bad, fmt.Sprintf("%s: %q: %s", l.where, shown, err))
			continue
		}
		good = append(good, t)
	}
	return good, bad
}

// hostPort says that a target was written with a port.
func hostPort(target string) bool {
	host, port, err := net.SplitHostPort(target)
	_, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && host != ""
}

// submit makes the jobs durable: one file for one target or for many.
// Who may not write new/ goes through drop/.
func submit(ctx context.Context, sp *spool.Spool, job spool.Job, targets []string) ([]ulid.ULID, error) {
	if len(targets) > 1 {
		ids, err := sp.SubmitBatch(ctx, job, targets)
		if !errors.Is(err, fs.ErrPermission) {
			return ids, err
		}
	}
	var ids []ulid.ULID
	for _, t := range targets {
		job.Target = t
		id, err := sp.Submit(ctx, job)
		if errors.Is(err, fs.ErrPermission) {
			id, err = sp.SubmitDrop(ctx, job)
		}
		if err != nil {
			return ids, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
