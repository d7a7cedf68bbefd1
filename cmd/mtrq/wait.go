package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
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
	lookEvery = 200 * time.Millisecond // for the report, and to redraw

	// lostAfter is how often in a row a job must be neither in the spool nor
	// in the archive: between two looks its report may be written, once.
	lostAfter = 15

	startHint = "start a node with mtrq run (or mtrq up) on this machine"
)

// nobodyHint says what to do where nobody is seen to trace.
func nobodyHint(st spool.RunState) string {
	if st.HeldBy != 0 {
		return fmt.Sprintf("start no other node: free space on the disk of the spool, or see in the log of process %d why it hangs", st.HeldBy)
	}
	return startHint
}

// waitAll prints the report of each job as it is there. On a terminal it
// shows the trace that is waited for while it runs. A job without a report keeps none of the
// others back; when it is stopped, the IDs of those that were not seen are told on stderr.
func waitAll(c *cli.Context, cfg *config.Config, sp *spool.Spool, ids []ulid.ULID) error {
	ar, err := archive.Open(cfg.Archive.Dir)
	if err != nil {
		return err
	}
	defer ar.Close() // only read from
	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var errs []error
	shown := false
	for i, id := range ids {
		if ctx.Err() != nil {
			for _, rest := range ids[i:] {
				fmt.Fprintf(c.App.ErrWriter, "mtrq: job %s was not seen to its end\n", rest)
			}
			break
		}
		text, err := waitFor(ctx, c, cfg, ar, sp, id)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if shown {
			fmt.Fprintln(c.App.Writer)
		}
		fmt.Fprint(c.App.Writer, text)
		shown = true
	}
	return errors.Join(errs...)
}

// waitFor gives the text of the job's report once it is there.
func waitFor(ctx context.Context, c *cli.Context, cfg *config.Config, ar *archive.Archive, sp *spool.Spool, id ulid.ULID) (string, error) {
	var live *screen
	if isTerminal(c.App.Writer) {
		live = &screen{w: c.App.Writer}
	}
	told, elsewhere, lost := false, false, 0
	beat := time.NewTicker(lookEvery)
	defer beat.Stop()
	for {
		text, done, err := lookAt(cfg, ar, sp, id)
		switch {
		case errors.Is(err, errHidden):
			err = nil // only the report is ours to see
			if elsewhere {
				break
			}
			if st, other := otherArchive(cfg, sp); other != "" {
				elsewhere = true
				note(c, "process %d keeps its reports in %s, not in %s: hint: %s", st.PID, printable(other), cfg.Archive.Dir, archiveHint)
			}
		case !errors.Is(err, errNowhere):
			lost = 0
		default:
			if lost++; lost < lostAfter {
				err = nil // its report was written between our two looks; the next one finds it
			} else {
				err = lostJob(cfg, sp, id)
			}
		}
		if (err != nil || done) && live != nil {
			live.clear()
		}
		if err != nil || done {
			return text, err
		}
		if why, hint := nobodyTraces(sp); why != "" && !told {
			told = true
			fmt.Fprintf(c.App.ErrWriter, "mtrq: job %s waits in %s: nobody is tracing (%s)\nmtrq: hint: %s\n", id, sp.Dir(), why, hint)
		}
		if live != nil && text != "" {
			live.drawReport(text)
		}
		select {
		case <-beat.C:
		case <-ctx.Done():
			return "", fmt.Errorf("stopped waiting for job %s, which goes on: %w", id, context.Cause(ctx))
		}
	}
}

// nobodyTraces says why, and what to do; nothing where somebody does.
func nobodyTraces(sp *spool.Spool) (why, hint string) {
	st, tracing, why := sp.RunState(time.Now())
	if !tracing {
		return why, nobodyHint(st)
	}
	if why = st.Unable(); why != "" {
		return fmt.Sprintf("process %d can send no probes: %s", st.PID, printable(why)), "mtrq check says what to mend"
	}
	return "", ""
}

var (
	errNowhere = errors.New("neither in the spool nor in the archive")
	errHidden  = errors.New("the spool is its owner's alone to see")
)

const archiveHint = "give --archive (or [archive] dir) the directory of the node"

// otherArchive is where the node keeps its reports, where that is not where
// they are looked for; "" where it is, or nobody has said.
func otherArchive(cfg *config.Config, sp *spool.Spool) (st spool.RunState, dir string) {
	st, _, _ = sp.RunState(time.Now())
	if st.Archive == "" || filepath.Clean(st.Archive) == filepath.Clean(cfg.Archive.Dir) {
		return st, ""
	}
	ours, err := os.Stat(cfg.Archive.Dir)
	theirs, err2 := os.Stat(st.Archive)
	if err == nil && err2 == nil && os.SameFile(ours, theirs) {
		return st, ""
	}
	return st, st.Archive
}

// lostJob says of a job that has left the spool why its report is not found.
func lostJob(cfg *config.Config, sp *spool.Spool, id ulid.ULID) error {
	err := fmt.Errorf("job %s has left %s, and its report is not in %s", id, sp.Dir(), cfg.Archive.Dir)
	st, other := otherArchive(cfg, sp)
	if other == "" {
		return fail(exitFailed, err, "was it removed by hand? mtrq verify looks through the archive")
	}
	return fail(exitFailed, fmt.Errorf("%w: process %d keeps its reports in %s", err, st.PID, printable(other)), archiveHint)
}

// lookAt gives the report's text, or what is to be seen of a job so far, for drawReport.
// The error is errNowhere or errHidden where nothing is.
func lookAt(cfg *config.Config, ar *archive.Archive, sp *spool.Spool, id ulid.ULID) (text string, done bool, err error) {
	if text, ok, err := reported(cfg, ar, id); err != nil || ok {
		return text, ok, err
	}
	place, err := whereIs(sp, id)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "", false, errHidden
	case err != nil:
		return "", false, err
	case place.State == spool.StateBad:
		return "", false, fail(exitData, fmt.Errorf("job %s could not be traced: %s", id, place.Reason), "it lies in "+sp.Dir()+"/bad")
	case place.State == spool.StateUnknown:
		return "", false, errNowhere
	case place.Events == "":
		by, at, ok := servedBy(sp, id)
		if !ok {
			return fmt.Sprintf("job %s waits (%s)\n", id, place.State), false, nil
		}
		text = fmt.Sprintf("served by the trace of %s:\n", by) // short: it is drawn
		if rep, err := running(at, by); err == nil && rep != nil {
			text += liveText(rep.In(zoneOf(cfg, ar)))
		}
		return text, false, nil
	}
	rep, err := running(place, id)
	if err != nil || rep == nil {
		return "", false, err
	}
	return liveText(rep.In(zoneOf(cfg, ar))), false, nil
}

// whereIs is spool.Where, and of a job that could not be traced also for who
// may not look into the spool.
func whereIs(sp *spool.Spool, id ulid.ULID) (spool.Place, error) {
	place, err := sp.Where(id)
	if errors.Is(err, fs.ErrPermission) {
		if why, missing := sp.ReadState(run.BadState(id)); missing == nil {
			return spool.Place{State: spool.StateBad, Reason: strings.TrimSpace(string(why))}, nil
		}
	}
	return place, err
}

// servedBy is the job whose trace serves this one, too, and where it is.
func servedBy(sp *spool.Spool, id ulid.ULID) (by ulid.ULID, at spool.Place, ok bool) {
	st, tracing, _ := sp.RunState(time.Now())
	if by, ok = st.Served[id]; !ok || !tracing {
		return by, at, false
	}
	at, err := sp.Where(by)
	return by, at, err == nil
}

// reported gives the text of an archived report, as mtrq show does.
func reported(cfg *config.Config, ar *archive.Archive, id ulid.ULID) (string, bool, error) {
	e, err := ar.Find(id.String())
	if errors.Is(err, archive.ErrNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	rep, err := ar.Load(e)
	if errors.Is(err, report.ErrNewerSchema) {
		text, err := ar.Text(e) // what the newer mtrq made of it
		return string(text), err == nil, err
	}
	if err != nil {
		return "", false, err
	}
	return report.Text(rep.In(zoneOf(cfg, ar))), true, nil
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
	sp, err := lookAtSpool(cfg)
	if err != nil {
		return notFound
	}
	place, err := whereIs(sp, id)
	if place.State == spool.StateUnknown || err != nil {
		if st, other := otherArchive(cfg, sp); other != "" {
			return fail(exitFailed, notFound, fmt.Sprintf("process %d keeps its reports in %s, not in %s: %s", st.PID, printable(other), cfg.Archive.Dir, archiveHint))
		}
	}
	if errors.Is(err, fs.ErrPermission) {
		return fail(exitFailed, notFound, "it may wait or run: the spool is its owner's alone to see")
	}
	if err != nil || place.State == spool.StateUnknown {
		return notFound
	}
	if place.State == spool.StateBad {
		return fail(exitData, fmt.Errorf("job %s could not be traced: %s", id, place.Reason), "it lies in "+sp.Dir()+"/bad")
	}
	if place.Events == "" {
		by, at, ok := servedBy(sp, id)
		if !ok {
			hint := "mtrq show has it as soon as its trace has begun"
			if why, do := nobodyTraces(sp); why != "" {
				hint = do + ": nobody is tracing (" + why + ")"
			}
			return fail(exitTryAgain, fmt.Errorf("job %s has no report yet: it waits (%s)", id, place.State), hint)
		}
		if at.Events == "" {
			return fail(exitTryAgain, fmt.Errorf("job %s has no report yet: it is served by the trace of %s", id, by), "mtrq show has it in a moment")
		}
		note(c, "job %s is served by the trace of %s, which goes on", id, by)
		place, id = at, by
	}
	rep, err := running(place, id)
	if err != nil {
		return err
	}
	if rep == nil {
		return notFound
	}
	if format == "json" {
		return report.Encode(c.App.Writer, rep)
	}
	ar, err := archive.Open(cfg.Archive.Dir)
	if err != nil {
		return err
	}
	defer ar.Close() // only read from
	return writeReport(c, cfg, ar, rep, format)
}
