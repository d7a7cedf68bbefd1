package archive

import (
	"net/netip"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// How far around a trouble its evidence is looked for.
const (
	aroundMinutes  = 15 * time.Minute // the trace from the other end, and another protocol's
	aroundBaseline = 24 * time.Hour   // a clean trace before and after
	aroundMost     = 2000             // entries looked at
)

// Evidence gathers what a ticket about an incident or a report wants beside
// it: traces of the same target by other protocols, clean ones before and
// after, and the one from the other end. One of rep and inc may be nil. What
// is not there, or cannot be read, is left out. The traces of an open incident
// that still run lie in no archive: who can see them gives them.
func (a *Archive) Evidence(rep *report.Report, inc *report.Incident, running ...*report.Report) report.TicketInput {
	in := report.TicketInput{Report: rep, Incident: inc}
	if inc == nil && rep != nil {
		in.Incident = a.incidentOf(rep)
	}
	if inc := in.Incident; inc != nil {
		in.Reports = a.IncidentReportsWith(inc, running)
		if rep == nil {
			in.Report = worstOf(in.Reports)
		}
	}
	if in.Report == nil {
		return in
	}
	e := &in.Report.Evidence
	began, ended := e.Times.Started, e.Times.Started
	if e.Times.Ended != nil {
		ended = *e.Times.Ended
	}
	if inc := in.Incident; inc != nil {
		began = inc.Times.Began
		if r := inc.Times.Recovered; r != nil {
			ended = *r
		}
	}
	if e.Target.Address.IsValid() {
		a.sameTarget(&in, e, began, ended)
	}
	in.Reverse = a.fromBehind(e)
	return in
}

// incidentOf is the incident that a report was made for.
func (a *Archive) incidentOf(rep *report.Report) *report.Incident {
	e := &rep.Evidence
	target := e.Target.Address.String()
	list, err := a.Incidents(IncidentQuery{Since: e.Times.Started.Add(-aroundBaseline), Until: e.Times.Started.Add(time.Hour), Target: target, Limit: 50})
	if err != nil {
		return nil
	}
	mine := []ulid.ULID{e.ID}
	for _, q := range e.Requests {
		mine = append(mine, q.ID)
	}
	for _, x := range list {
		inc, err := a.Incident(x.ID.String())
		if err != nil {
			continue
		}
		for i := range inc.Members {
			for _, id := range inc.Members[i].Reports {
				if slices.Contains(mine, id) {
					return inc
				}
			}
		}
	}
	return nil
}

// worstOf is the report that shows the most lost probes to its target; ICMP
// before other protocols.
func worstOf(reports []*report.Report) *report.Report {
	var worst *report.Report
	most := -1
	for _, r := range reports {
		n := r.Evidence.TargetStats().Lost
		if r.Evidence.Target.Protocol == "icmp" {
			n += 1 << 20
		}
		if n > most {
			worst, most = r, n
		}
	}
	return worst
}

// sameTarget finds traces of the same target: by another protocol while it
// lasted, and clean ones before and after.
func (a *Archive) sameTarget(in *report.TicketInput, e *report.Evidence, began, ended time.Time) {
	entries, err := a.List(Query{Target: e.Target.Address.String(), Since: began.Add(-aroundBaseline), Until: ended.Add(aroundBaseline), Limit: aroundMost})
	if err != nil {
		return
	}
	near := func(x Entry) time.Duration { return x.At.Sub(e.Times.Started).Abs() }
	var before, after *Entry
	other := map[string]*Entry{}
	for i := range entries { // newest first
		x := &entries[i]
		clean := x.Verdict == report.Clean || x.Verdict == report.RateLimitOnly
		switch {
		case x.Protocol != e.Target.Protocol:
			if o := other[x.Protocol]; near(*x) <= aroundMinutes && (o == nil || near(*x) < near(*o)) {
				other[x.Protocol] = x
			}
		case clean && x.At.Before(began) && before == nil:
			before = x
		case clean && x.At.After(ended):
			after = x
		}
	}
	load := func(x *Entry) *report.Report {
		if x == nil {
			return nil
		}
		r, err := a.Load(*x)
		if err != nil || r.Evidence.ID == e.ID {
			return nil
		}
		return r
	}
	in.Before, in.After = load(before), load(after)
	for _, p := range []string{"icmp", "tcp", "udp"} {
		if r := load(other[p]); r != nil {
			in.Others = append(in.Others, r)
		}
	}
}

// fromBehind is the trace from the target's own node to this one, of the same
// minutes.
func (a *Archive) fromBehind(e *report.Evidence) *report.Report {
	for _, to := range []netip.Addr{e.Node.Address, e.Node.Source} {
		if !to.IsValid() || !e.Target.Address.IsValid() || to.Unmap().Is4() != e.Target.Address.Unmap().Is4() {
			continue
		}
		entries, err := a.List(Query{Target: to.String(), Since: e.Times.Started.Add(-aroundMinutes), Until: e.Times.Started.Add(aroundMinutes), Limit: aroundMost})
		if err != nil {
			continue
		}
		slices.SortStableFunc(entries, func(x, y Entry) int {
			return int(x.At.Sub(e.Times.Started).Abs() - y.At.Sub(e.Times.Started).Abs())
		})
		for _, x := range entries[:min(20, len(entries))] {
			if x.Node == e.Node.Name {
				continue
			}
			r, err := a.Load(x)
			if err == nil && (r.Evidence.Node.Address == e.Target.Address || r.Evidence.Node.Source == e.Target.Address) {
				return r
			}
		}
	}
	return nil
}
