package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/internal/trace"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

const (
	flushEvery = 500 * time.Millisecond // of events to their files
	stateEvery = time.Second            // of run.json
	retryEvery = 2 * time.Second        // of a report that could not be written

	// settleEvery is how often drop/ is looked at while something there has not
	// stood still for long enough, and whether probes can be sent again.
	settleEvery = time.Second

	// maxActive bounds the jobs that are out of new/ at one time, and so
	// memory: of so many with silent paths (30 TTLs) each takes 0.1 MB until
	// its report is written, while it waits for a slot too. Their first looks are paced by
	// max_pps anyway: at 17 probes each, wave 1 of so many takes 17 s at
	// 5,000 probes a second.
	maxActive = 5000
)

// Archive keeps reports; *archive.Writer is one.
type Archive interface {
	// Write makes a report durable; one that is there already is left
	// alone.
	Write(*report.Report) error
	// Has says whether a report answers this request.
	Has(ulid.ULID) (bool, error)
	// Repair finishes what a writer that died has begun.
	Repair() (mended int, err error)
}

// Watchdog pings targets and submits jobs of its own; *watch.Watchdog is one.
type Watchdog interface {
	// Run watches until stop is closed or ctx ends. The spool is locked and
	// recovered, and probes are sent, as long as it runs.
	Run(ctx context.Context, stop <-chan struct{}) error
	// Look is the trace that runs already for a job that it submitted.
	Look(ulid.ULID) (Look, bool)
	// Health is what an operator must know.
	Health() []spool.Health
}

// Defaults are what a job leaves open and trace.Rule does not hold.
type Defaults struct {
	Protocol string
	Port     int        // 0: 443 for TCP, 33434 for UDP
	Local    netip.Addr // source address; invalid: the kernel's choice
}

// A Runner traces what the spool holds. Set the fields, then call Run once.
type Runner struct {
	Spool     *spool.Spool
	Archive   Archive
	Scheduler *probe.Scheduler
	Tracer    *trace.Tracer // with Scheduler as its Prober
	Defaults  Defaults
	Jobs      int         // long looks at once, as Tracer.Slots has it
	Node      report.Node // who traces; its source address is found per trace
	Version   string
	ArchiveAt string   // directory, for run.json
	Once      bool     // end when the spool is empty
	Watch     Watchdog // nil: nothing is watched
	Log       *slog.Logger
	Now       func() time.Time
	Begun     func() // nil, or called once no other Run can have the spool

	most    int // jobs in hand together; 0: maxActive
	queue   *spool.Queue
	started time.Time
	tally   tally
	sharing sharing

	claiming claiming

	jobs  sync.WaitGroup
	freed chan struct{} // holds one: a job has ended, or another may be claimed now

	mu     sync.Mutex
	active map[ulid.ULID]*recorder

	badMu sync.Mutex
	bad   []spool.Note // put into bad/, not yet told in state/bad/

	stateMu    sync.Mutex // for one writer of run.json at a time
	stateFails bool       // it could not be written the last time
	head       head       // of new/
}

// Run traces until stop is closed and all that runs has ended (see
// trace.Tracer.Trace for how soon), or until ctx ends: then it returns at
// once and leaves what is unfinished to the next Run's recovery. It
// returns spool.ErrBusy where another process has the spool.
func (r *Runner) Run(ctx context.Context, stop <-chan struct{}) (err error) {
	r.started, r.active, r.freed = r.Now(), map[ulid.ULID]*recorder{}, make(chan struct{}, 1)
	r.most = cmp.Or(r.most, maxActive)
	if r.queue, err = r.Spool.Lock(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.queue.Close()) }()
	if r.Begun != nil {
		r.Begun()
	}

	defer r.tellBad()
	// The last word, still under the lock: whoever asks within the next
	// seconds must not be told that somebody traces.
	defer r.writeState(true)

	ctx, cancel := context.WithCancelCause(ctx)
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer cancel(nil)
	// What an earlier process left comes first: its evidence is the oldest.
	if err := r.recover(ctx, stop); err != nil {
		cancel(nil)
		r.jobs.Wait()
		return err
	}
	hints := make(chan struct{}, 1)
	helpers.Go(func() { r.Spool.Watch(ctx, hints) })
	helpers.Go(func() {
		if err := r.Scheduler.Run(ctx); err != nil && ctx.Err() == nil {
			cancel(fmt.Errorf("probing ended: %w", err))
		}
	})
	helpers.Go(func() { every(ctx, flushEvery, r.flush) })
	helpers.Go(func() { every(ctx, stateEvery, func() { r.writeState(isClosed(stop)) }) })
	r.writeState(isClosed(stop))
	if r.Watch != nil {
		helpers.Go(func() {
			if err := r.Watch.Run(ctx, stop); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("watching ended: %w", err))
			}
		})
	}

	err = r.claimUntil(ctx, stop, hints)
	r.jobs.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// every calls f at each beat until ctx ends.
func every(ctx context.Context, beat time.Duration, f func()) {
	t := time.NewTicker(beat)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			f()
		case <-ctx.Done():
			return
		}
	}
}

// claimUntil starts jobs as they come, until told to stop. What keeps it
// from claiming is tried again, and an error only where this is done once.
func (r *Runner) claimUntil(ctx context.Context, stop, hints <-chan struct{}) error {
	wrong := ""
	for {
		select {
		case <-stop:
			return nil
		case <-ctx.Done():
			return nil
		default:
		}
		idle := r.running() == 0
		room := r.most - r.running()
		unable := r.Scheduler.Stats().Err
		if unable != nil {
			room = 0 // what could only fail waits in new/
		}
		claims, err := r.queue.Claim(r.reported, room)
		if said := whatFails(err); said != wrong {
			if wrong = said; err != nil {
				r.Log.Error("claim jobs", "err", err)
			}
		}
		settling, dropErr := r.queue.Drop()
		lines, oldest := r.queue.Lines()
		r.claiming.set(err, dropErr, lines, oldest)
		for _, c := range claims {
			rec := r.begin(c)
			r.spawn(c.ID, rec, func() { r.job(ctx, stop, c, rec) })
		}
		if len(claims) > 0 || r.queue.More() {
			continue // there may be more
		}
		var later <-chan time.Time
		switch {
		case r.Once && idle && unable != nil:
			return errors.Join(err, dropErr, fmt.Errorf("nothing can be sent, and the jobs wait: %w", unable))
		case settling, unable != nil:
			later = time.After(settleEvery)
		case r.Once && idle:
			return errors.Join(err, dropErr)
		}
		select {
		case <-later:
		case <-hints:
		case <-r.freed:
		case <-stop:
		case <-ctx.Done():
		}
	}
}

// whatFails tells errors apart that are worth a line in the log each: a full
// disk is one, whatever numbers it comes with.
func whatFails(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, spool.ErrFull):
		return spool.ErrFull.Error()
	}
	return err.Error()
}

// spawn runs a job's way to its end; until then it counts as running.
func (r *Runner) spawn(id ulid.ULID, rec *recorder, way func()) {
	r.mu.Lock()
	r.active[id] = rec
	r.mu.Unlock()
	r.jobs.Go(func() {
		way()
		r.tally.probed(id)
		r.mu.Lock()
		delete(r.active, id)
		r.mu.Unlock()
		r.claimMore()
	})
}

// claimMore has claimUntil look again.
func (r *Runner) claimMore() {
	select {
	case r.freed <- struct{}{}:
	default:
	}
}

// reported says whether the archive answers a request already. Where it
// cannot say, the job is traced: twice is better than never.
func (r *Runner) reported(id ulid.ULID) bool {
	has, err := r.Archive.Has(id)
	if err != nil {
		r.Log.Error("look for a report", "job", id, "err", err)
	}
	return has
}

func (r *Runner) running() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.active)
}

// flush writes the events of all traces that run.
func (r *Runner) flush() {
	r.mu.Lock()
	recs := make([]*recorder, 0, len(r.active))
	for _, rec := range r.active {
		recs = append(recs, rec)
	}
	r.mu.Unlock()
	for _, rec := range recs {
		rec.flush()
	}
	r.tellBad()
}
