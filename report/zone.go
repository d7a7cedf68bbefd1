package report

import (
	"slices"
	"time"
)

// In is the report with its times in a zone, whatever that of the machine that
// traced: text, picture and sentences show them. The report stays as it is.
func (r *Report) In(loc *time.Location) *Report {
	out := *r
	t := &out.Evidence.Times
	t.Accepted, t.Started = t.Accepted.In(loc), t.Started.In(loc)
	for _, at := range []**time.Time{&t.FirstProbe, &t.FirstLook, &t.LongLook, &t.Ended} {
		if *at != nil {
			in := (*at).In(loc)
			*at = &in
		}
	}
	out.Evidence.Requests = slices.Clone(out.Evidence.Requests)
	for i := range out.Evidence.Requests {
		q := &out.Evidence.Requests[i]
		q.Accepted = q.Accepted.In(loc)
	}
	return &out
}

// In is the incident with the time in a zone that all its others are shown in
// the zone of. The incident stays as it is.
func (inc *Incident) In(loc *time.Location) *Incident {
	out := *inc
	out.Times.Began = out.Times.Began.In(loc)
	return &out
}

// In is the evidence with its times in a zone.
func (in TicketInput) In(loc *time.Location) TicketInput {
	if in.Incident != nil {
		in.Incident = in.Incident.In(loc)
	}
	return in.withReports(func(r *Report) *Report { return r.In(loc) })
}

// withReports is the evidence with each report made another.
func (in TicketInput) withReports(other func(*Report) *Report) TicketInput {
	made := make(map[*Report]*Report) // one that is there twice stays one
	one := func(r *Report) *Report {
		if r == nil {
			return nil
		}
		if _, ok := made[r]; !ok {
			made[r] = other(r)
		}
		return made[r]
	}
	each := func(all []*Report) []*Report {
		all = slices.Clone(all)
		for i := range all {
			all[i] = one(all[i])
		}
		return all
	}
	in.Report, in.Reverse, in.Before, in.After = one(in.Report), one(in.Reverse), one(in.Before), one(in.After)
	in.Reports, in.Others = each(in.Reports), each(in.Others)
	return in
}
