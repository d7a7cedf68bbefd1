package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/run"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

const (
	lookEvery  = 200 * time.Millisecond // for the report, and to redraw
	nobodyHint = "start a node with mtrq run (or mtrq up) on this machine"
)

// waitAll prints the report of each job as it is there. On a terminal it
// shows the trace that is waited for while it runs.
func waitAll(c *cli.Context, cfg *config.Config, sp *spool.Spool, ids []ulid.ULID) error {
	ar, err := archive.Open(cfg.Archive.Dir)
	if err != nil {
		return err
	}
	defer ar.Close() // only read from
	for i, id := range ids {
		if i > 0 {
			fmt.Fprintln(c.App.Writer)
		}
		if err := waitFor(c, ar, sp, id); err != nil {
			return err
		}
	}
	return nil
}

func waitFor(c *cli.Context, ar *archive.Archive, sp *spool.Spool, id ulid.ULID) error {
	ctx := c.Context
	var live *screen
	if isTerminal(c.App.Writer) {
		live = &screen{w: c.App.Writer}
	}
	told := false
	beat := time.NewTicker(lookEvery)
	defer beat.Stop()
	for {
		text, done, err := lookAt(ar, sp, id)
		if err != nil {
			return err
		}
		if done {
			if live != nil {
				live.clear()
			}
			fmt.Fprint(c.App.Writer, text)
			return nil
		}
		if _, tracing, why := sp.RunState(time.Now()); !tracing && !told {
			told = true
			fmt.Fprintf(c.App.ErrWriter, "mtrq: job %s waits in %s: nobody is tracing (%s)\nmtrq: hint: %s\n", id, sp.Dir(), why, nobodyHint)
		}
		if live != nil && text != "" {
			live.draw(text)
		}
		select {
		case <-beat.C:
		case <-ctx.Done():
			return fmt.Errorf("stopped waiting for job %s, which goes on: %w", id, context.Cause(ctx))
		}
	}
}

// lookAt gives the report's text, or what is to be seen of a job so far.
func lookAt(ar *archive.Archive, sp *spool.Spool, id ulid.ULID) (text string, done bool, err error) {
	if text, ok, err := reported(ar, id); err != nil || ok {
		return text, ok, err
	}
	place, err := sp.Where(id)
	if errors.Is(err, fs.ErrPermission) {
		// Only the report is ours to see, and why there will be none.
		why, missing := sp.ReadState(run.BadState(id))
		if missing != nil {
			return "", false, nil
		}
		place, err = spool.Place{State: spool.StateBad, Reason: strings.TrimSpace(string(why))}, nil
	}
	switch {
	case err != nil:
		return "", false, err
	case place.State == spool.StateBad:
		return "", false, fail(exitData, fmt.Errorf("job %s could not be traced: %s", id, place.Reason), "it lies in "+sp.Dir()+"/bad")
	case place.State == spool.StateUnknown:
		// Its report was written between our two looks; the next one finds it.
		return "", false, nil
	case place.Events == "":
		return fmt.Sprintf("job %s waits (%s)\n", id, place.State), false, nil
	}
	rep, err := running(place, id)
	if err != nil || rep == nil {
		return "", false, err
	}
	return report.Text(rep), false, nil
}

// reported gives the text of an archived report.
func reported(ar *archive.Archive, id ulid.ULID) (string, bool, error) {
	e, err := ar.Find(id.String())
	if errors.Is(err, archive.ErrNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	text, err := ar.Text(e)
	return string(text), err == nil, err
}

// running makes a report of a trace that runs, from its events.
func running(place spool.Place, id ulid.ULID) (*report.Report, error) {
	f, err := os.Open(place.Events)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read from
	req := run.Request(place.Job)
	if req.ID != id { // it moved on before it was read: the ID alone says when it was accepted
		req = report.Request{ID: id, Accepted: ulid.Time(id.Time())}
	}
	b := report.Builder{Requests: []report.Request{req}}
	if _, err := report.ReadEvents(f, b.Add); err != nil {
		return nil, err
	}
	return b.Report()
}

// showRunning prints a job that has no report yet, as far as it has got.
func showRunning(c *cli.Context, cfg *config.Config, ref, format string, notFound error) error {
	id, err := ulid.ParseStrict(ref)
	if err != nil {
		return notFound
	}
	sp, err := spool.Open(cfg.Spool.Dir, spool.Options{})
	if err != nil {
		return notFound
	}
	place, err := sp.Where(id)
	if err != nil || place.State == spool.StateUnknown {
		return notFound
	}
	if place.State == spool.StateBad {
		return fail(exitData, fmt.Errorf("job %s could not be traced: %s", id, place.Reason), "it lies in "+sp.Dir()+"/bad")
	}
	if place.Events == "" {
		return fail(exitTryAgain, fmt.Errorf("job %s has no report yet: it waits (%s)", id, place.State), nobodyHint+", if none runs")
	}
	rep, err := running(place, id)
	if err != nil {
		return err
	}
	if rep == nil {
		return notFound
	}
	switch format {
	case "json":
		return report.Encode(c.App.Writer, rep)
	case explainFormat:
		return writeExplained(c, rep)
	case ticketFormat:
		ar, err := archive.Open(cfg.Archive.Dir)
		if err != nil {
			return err
		}
		defer ar.Close() // only read from
		return showTicket(c, cfg, ar, rep, nil)
	case "svg":
		_, err = c.App.Writer.Write(report.SVG(rep))
		return err
	}
	_, err = fmt.Fprint(c.App.Writer, report.Text(rep))
	return err
}
