package run

import (
	"errors"
	"os"
	"sync"

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
	st.Jobs.Limit = r.Jobs
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

// claiming is how the last claim went.
type claiming struct {
	mu        sync.Mutex
	err, drop error
}

func (c *claiming) set(err, drop error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err, c.drop = err, drop
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
