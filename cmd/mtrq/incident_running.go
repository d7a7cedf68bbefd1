package main

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// How many traces that still run are read beside an open incident, as on its
// page, and of how many jobs it is asked whether they run.
const (
	mostRunning = 3
	mostAsked   = 100
)

// runningOf are the traces of an open incident that still run, as far as they
// have got, and says on stderr which they are: a trace of a dead line lasts for
// minutes, and it is then that somebody writes to the carrier. The archive is
// read after this: what ends in between is seen twice rather than not at all.
// inc may be nil.
func runningOf(c *cli.Context, cfg *config.Config, ar *archive.Archive, inc *report.Incident) []*report.Report {
	if inc == nil || inc.State != report.IncidentOpen {
		return nil
	}
	sp, err := lookAtSpool(cfg)
	if err != nil {
		return nil
	}
	var out []*report.Report
	for _, id := range tracesOf(sp, inc) {
		rep, err := runningTrace(sp, id)
		switch {
		case errors.Is(err, fs.ErrPermission):
			if _, err := ar.Find(id.String()); err == nil {
				continue
			}
			note(c, "whether traces of it still run cannot be seen: the spool is its owner's alone")
			return out
		case err != nil:
			note(c, "trace %s is passed over: %s", id, err)
		case rep != nil:
			e := &rep.Evidence // the incident's own node makes it
			e.Versions.MTRQ, e.Node.Place, e.Node.Address = inc.Versions.MTRQ, inc.Node.Place, inc.Node.Address
			note(c, "trace %s of %s has not ended: shown is what it has seen so far", id, e.Target.Address)
			out = append(out, rep)
		}
		if len(out) == mostRunning {
			break
		}
	}
	return out
}

// tracesOf are the jobs that trace for an incident's members, the first of each
// member before any second. For one that has joined another's trace it is that.
func tracesOf(sp *spool.Spool, inc *report.Incident) []ulid.ULID {
	st, tracing, _ := sp.RunState(time.Now())
	var ids []ulid.ULID
	for n, more := 0, true; more; n++ {
		more = false
		for i := range inc.Members {
			jobs := inc.Members[i].Reports
			if n >= len(jobs) {
				continue
			}
			id := jobs[n]
			if by, ok := st.Served[id]; ok && tracing {
				id = by
			}
			more = true
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
			if len(ids) == mostAsked {
				return ids
			}
		}
	}
	return ids
}

// runningTrace is what a job's trace has seen by now; nil: it has sent nothing
// yet, or is over.
func runningTrace(sp *spool.Spool, id ulid.ULID) (*report.Report, error) {
	place, err := sp.WhereNamed(id)
	if err != nil || place.State == spool.StateBad || place.Events == "" {
		return nil, err
	}
	rep, err := running(place, id)
	if err != nil || rep == nil || !slices.ContainsFunc(rep.Evidence.Hops, func(h report.Hop) bool { return len(h.TxMS) > 0 }) {
		return nil, err
	}
	return rep, nil
}
