package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/internal/trace"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// begin makes the record of a claimed job.
func (r *Runner) begin(c *spool.Claim) *recorder {
	rec := &recorder{
		builder: r.builder(c.Job),
		write:   c.Append,
		failed: func(err error) {
			r.Log.Warn("events stay in memory until they can be written", "job", c.ID, "err", err)
		},
	}
	if c.Sent() {
		// The watchdog looked before it asked: its events are there already.
		rec.probed = true
		err := readEventsFile(c.EventsPath(), rec.builder, func(e report.Event) {
			if e.E == report.EventStart && e.Target != nil {
				rec.target = e.Target.Address
			}
		})
		if err != nil {
			r.Log.Error("read the events that a job came with", "job", c.ID, "err", err)
		}
	}
	r.tally.claimed(c)
	return rec
}

// A Look is a trace that began before its job was accepted: a first look
// that the watchdog took when a ping was missed.
type Look interface {
	// Follow calls emit with each event after those that the job was
	// submitted with, until the trace has ended; it returns what
	// trace.Tracer.Trace does.
	Follow(ctx context.Context, emit func(report.Event)) (report.Ended, int)
	// Joins lets other jobs join it.
	Joins() *trace.Joins
}

func (r *Runner) builder(j spool.Job) *report.Builder {
	return &report.Builder{
		Requests: []report.Request{Request(j)}, Node: r.Node,
		Options: report.Options{Versions: report.Versions{MTRQ: r.Version, MTRPacket: r.Scheduler.Stats().Features.Version}},
	}
}

// Request is what a report says of a job's sender.
func Request(j spool.Job) report.Request {
	return report.Request{
		ID: j.ID, Accepted: j.Accepted, Source: j.Source, By: j.By,
		Reason: j.Reason, Event: j.Event, Tags: j.Tags, SentAs: j.SentAs,
	}
}

// job traces one claimed job and sees it to its end: a report in the
// archive, a place in new/ again, or, when ctx ends, cur/ as it is. Where
// another trace serves it, it goes the way of that one.
func (r *Runner) job(ctx context.Context, stop <-chan struct{}, c *spool.Claim, rec *recorder) {
	for {
		shared := r.share(ctx, c, rec)
		if shared == nil {
			return
		}
		if r.own(ctx, stop, c, rec, shared); shared.elsewhere == nil {
			return
		}
	}
}

// own traces a job by itself, unless its name is found to have the address of
// another trace (shared.elsewhere).
func (r *Runner) own(ctx context.Context, stop <-chan struct{}, c *spool.Claim, rec *recorder, shared *sharedTrace) {
	f, rep := fateLeft, (*report.Report)(nil)
	defer func() {
		r.sharing.forget(shared)
		shared.joins.Close()
		shared.end(f, rep)
	}()
	where := r.tally.at(queued)
	var started time.Time
	ended, sent := r.trace(ctx, stop, c, rec, shared, func(e report.Event) {
		rec.event(e)
		switch {
		case e.E == report.EventStart:
			if started = e.At; e.Target != nil && e.Target.Address.IsValid() {
				r.sharing.pinned(shared, e.Target.Address)
			}
		case e.E == report.EventProbe && where == queued && !started.IsZero():
			r.tally.probed(c.ID)
			r.tally.lateness(started.Add(time.Duration(e.MS * float64(time.Millisecond))).Sub(c.Job.Accepted))
			if c.Last() {
				r.claimMore() // the next one on its last attempt
			}
		}
		where = r.tally.follow(where, e)
	})
	r.tally.leave(where)
	rec.flush()
	switch {
	case shared.elsewhere != nil, ended == report.EndedInterrupted:
		return // the other trace has it; or the next run finds the events
	case ended == report.EndedShutdown && sent == 0, ended == "" && sent == 0 && !c.Sent():
		if err := c.Return(); err != nil {
			r.Log.Error("give job back", "job", c.ID, "err", err)
		} else {
			r.tally.returned()
		}
		f = fateReturned
		return
	}
	f, rep = r.keepOrLeave(ctx, stop, c, rec.builder)
}

// trace runs a job's trace, or follows the one that runs already. Where its
// name was looked up for another, in vain, it ends as that one did.
func (r *Runner) trace(ctx context.Context, stop <-chan struct{}, c *spool.Claim, rec *recorder, shared *sharedTrace, emit func(report.Event)) (report.Ended, int) {
	if shared.nowhere != nil {
		for _, e := range shared.nowhere {
			emit(e)
		}
		return report.EndedFailed, 0
	}
	if !c.Sent() {
		job := r.traceJob(c.Job)
		job.Joins = shared.joins
		job.Found = func(a netip.Addr) bool { return r.sharing.found(shared, a) }
		return r.Tracer.Trace(ctx, stop, job, func(e report.Event) {
			if e.E == report.EventStart && !e.Target.Address.IsValid() || shared.nowhere != nil {
				shared.nowhere = append(shared.nowhere, e)
			}
			emit(e)
		})
	}
	if look, ok := r.look(c.ID); ok {
		return look.Follow(ctx, emit)
	}
	// Its look is gone: what it saw is the report.
	rec.builder.Options.Interrupted = true
	return "", 1
}

// look is the trace of the watchdog that runs already for a job.
func (r *Runner) look(id ulid.ULID) (Look, bool) {
	if r.Watch == nil {
		return nil, false
	}
	return r.Watch.Look(id)
}

// keepOrLeave keeps the report, or leaves job and events to the next run.
func (r *Runner) keepOrLeave(ctx context.Context, stop <-chan struct{}, c *spool.Claim, b *report.Builder) (fate, *report.Report) {
	rep, err := onlyServed(b)
	if err != nil {
		if err = c.Bad(fmt.Sprintf("no report can be made of its events: %s", err)); err == nil {
			return fateReturned, nil
		}
	} else if err = r.keep(ctx, stop, c, rep); err == nil {
		return fateReported, rep
	}
	r.Log.Error("keep report; the job stays in cur/ and is recovered by the next run", "job", c.ID, "err", err)
	return fateLeft, nil
}

// keep writes the report and takes the job out of the spool. While the
// archive cannot be written (a full disk) it tries again: what was
// accepted is never lost.
func (r *Runner) keep(ctx context.Context, stop <-chan struct{}, c *spool.Claim, rep *report.Report) (err error) {
	for told := false; ; told = true {
		if err = r.Archive.Write(rep); err == nil {
			break
		}
		r.tally.unwritten(err)
		if !told {
			r.Log.Error("write report; trying again", "job", c.ID, "err", err)
			where := r.tally.at(unwritten)
			defer r.tally.leave(where)
		}
		select {
		case <-time.After(retryEvery):
			continue
		case <-stop:
		case <-ctx.Done():
		}
		// Told to stop: one last try, then the events have to do.
		if last := r.Archive.Write(rep); last != nil {
			return errors.Join(err, last)
		}
		break
	}
	r.tally.reported(rep.Evidence.Ended == report.EndedInterrupted)
	return c.Finish()
}

// traceJob is a job in the tracer's terms.
func (r *Runner) traceJob(j spool.Job) trace.Job {
	t := trace.Job{
		Target: j.Target, Family: j.Family, Asker: j.Source,
		Protocol: probe.Protocol(j.Protocol), Port: j.Port, Size: j.Size, TOS: uint8(j.TOS),
		Local: r.Defaults.Local, Interval: j.Interval, Rounds: j.Rounds, MaxTTL: j.MaxTTL,
	}
	if t.Protocol == "" {
		t.Protocol = probe.Protocol(r.Defaults.Protocol)
		if t.Protocol != probe.ICMP {
			t.Port = r.Defaults.Port
		}
	}
	return t
}

// recover brings the spool in order and reports what an earlier process
// was tracing when it ended: the evidence so far, silence included. Where
// the archive cannot be written yet, those reports wait beside the traces
// that go on meanwhile.
func (r *Runner) recover(ctx context.Context, stop <-chan struct{}) error {
	// A report without its line in an index is found by its ID and by nothing
	// else: the lines come before the jobs that they answer are let go. What
	// cannot be mended now is mended by the next run; until then the archive
	// looks into such reports for those who joined them.
	if n, err := r.Archive.Repair(); err != nil {
		r.Log.Error("repair the archive", "err", err)
	} else if n > 0 {
		r.Log.Info("repaired the archive", "reports", n)
	}
	found, err := r.queue.Recover(r.reported)
	if err != nil {
		return err
	}
	if n := len(found.Interrupted) + found.Requeued + found.Bad; n > 0 {
		r.Log.Info("recovered the spool", "interrupted", len(found.Interrupted), "queued_again", found.Requeued, "bad", found.Bad)
	}
	joined := map[ulid.ULID][]*spool.Claim{} // by whose trace served them
	for _, c := range found.Interrupted {
		if c.Joined != (ulid.ULID{}) {
			joined[c.Joined] = append(joined[c.Joined], c)
		}
	}
	for _, c := range found.Interrupted {
		if c.Joined != (ulid.ULID{}) {
			continue
		}
		b, err := r.interrupted(c, joined[c.ID])
		if unread := (*fs.PathError)(nil); errors.As(err, &unread) { // says nothing about what they hold
			r.Log.Error("read the events of an earlier run; the job stays in cur/ for the next", "job", c.ID, "err", err)
			continue
		}
		if err != nil {
			if err := c.Bad(fmt.Sprintf("its events cannot be read: %s", err)); err != nil {
				return err
			}
			for _, o := range joined[c.ID] {
				r.endJoined(o, fateReturned, nil)
			}
			continue
		}
		r.spawn(c.ID, &recorder{builder: b}, func() {
			f, rep := r.keepOrLeave(ctx, stop, c, b)
			for _, o := range joined[c.ID] {
				r.endJoined(o, f, rep)
			}
		})
	}
	return nil
}

// interrupted reads what a job's runner wrote before it died. Of those who
// joined the trace only the jobs that were found are named in its report: the others
// wait in new/, or are in a report of their own.
func (r *Runner) interrupted(c *spool.Claim, joined []*spool.Claim) (*report.Builder, error) {
	b := r.builder(c.Job)
	b.Options.Interrupted = true
	if err := readEventsFile(c.EventsPath(), b, nil); err != nil {
		return nil, err
	}
	b.Requests = slices.DeleteFunc(b.Requests, func(q report.Request) bool {
		return q.ID != c.ID && !slices.ContainsFunc(joined, func(o *spool.Claim) bool { return o.ID == q.ID })
	})
	return b, nil
}

// readEventsFile adds the events of a file to a builder; see, unless nil, sees them too.
func readEventsFile(path string, b *report.Builder, see func(report.Event)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() // only read from
	b.Options.Garbage, err = report.ReadEvents(f, func(e report.Event) {
		b.Add(e)
		if see != nil {
			see(e)
		}
	})
	return err
}
