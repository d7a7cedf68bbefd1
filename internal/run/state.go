package run

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/mtrq/mtrq/spool"
)

// writeState replaces state/run.json.
func (r *Runner) writeState(draining bool) {
	r.stateMu.Lock()
	defer r.stateMu.Unlock()
	st := spool.RunState{
		Schema: 1, At: r.Now(), Started: r.started, PID: os.Getpid(),
		Version: r.Version, Node: r.Node.Name, Archive: r.ArchiveAt, State: "running",
	}
	if draining {
		st.State = "draining"
	}
	unwritten := r.tally.into(&st)
	st.Jobs.Limit, st.Jobs.Most = r.Jobs, r.most
	st.Jobs.Lines = r.claiming.unclaimed()
	st.UnprobedMS = waits(older(r.tally.oldest(), older(r.claiming.oldest(), r.head.oldest(r.Spool, r.Now))), st.At)
	st.Served = r.sharing.servedBy()
	p := r.Scheduler.Stats()
	st.Pool = spool.RunPool{
		Processes: p.Processes, InFlight: p.InFlight, Restarts: p.Restarts,
		Version: p.Features.Version, Features: p.Features.Names(),
	}
	st.Counters.ProbesSent, st.Counters.ProbesAnswered = p.Sent, p.Answered
	st.Counters.ProbesLate, st.Counters.ProbesUnsent = p.Late, p.Unsent
	st.Spool.Watching = r.Spool.Watching()
	st.Spool.Soon, _ = r.Spool.RoomSoon() // what keeps it from being asked, the health below says
	st.Health = []spool.Health{
		health(spool.HealthProbing, p.Err), health("spool", r.Spool.CheckRoom()), health("archive", unwritten),
	}
	st.Health = append(st.Health, r.claiming.health()...)
	if r.Watch != nil {
		st.Health = append(st.Health, r.Watch.Health()...)
	}
	if err := r.Spool.WriteRunState(st); err != nil && !r.stateFails {
		r.Log.Error("write run.json; others will take this node for dead", "err", err)
		r.stateFails = true
	} else if err == nil {
		r.stateFails = false
	}
}

// waits is how long a job has waited that was accepted then, in milliseconds;
// nil for none.
func waits(accepted, now time.Time) *float64 {
	if accepted.IsZero() {
		return nil
	}
	ms := float64(max(0, now.Sub(accepted)).Microseconds()) / 1000
	return &ms
}

// headCost is which part of the time is spent at most on looking at new/.
const headCost = 20

// head is the oldest job in new/, as it was when that was looked at last. The
// zero value has not looked yet.
type head struct {
	accepted time.Time // zero: none
	again    time.Time // when it is worth another look
}

// oldest looks anew, where that costs no more than a twentieth of the time: a
// list of 100,000 takes 0.1 s. A look that fails leaves what was known.
func (h *head) oldest(sp *spool.Spool, now func() time.Time) time.Time {
	began := now()
	if began.Before(h.again) && h.again.Sub(began) < time.Minute { // else the clock was set back
		return h.accepted
	}
	if at, err := sp.OldestQueued(); err == nil {
		h.accepted = at
	}
	ended := now()
	h.again = ended.Add(headCost * ended.Sub(began))
	return h.accepted
}

// claiming is how the last claim went.
type claiming struct {
	mu        sync.Mutex
	err, drop error
	lines     int       // of claimed batches, not handed out
	accepted  time.Time // the oldest of them
}

func (c *claiming) set(err, drop error, lines int, accepted time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err, c.drop, c.lines, c.accepted = err, drop, lines, accepted
}

func (c *claiming) unclaimed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lines
}

func (c *claiming) oldest() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.accepted
}

// health tells what keeps jobs from being claimed, and files in drop/ from
// being taken. That these wait for room "spool" says.
func (c *claiming) health() []spool.Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	drop := c.drop
	if errors.Is(drop, spool.ErrFull) {
		drop = nil
	}
	return []spool.Health{health("claim", c.err), health("drop", drop)}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func health(what string, err error) spool.Health {
	h := spool.Health{What: what, OK: err == nil}
	if err != nil {
		h.Hint = err.Error()
	}
	return h
}
