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
	moved := make(map[*Report]*Report) // one that is there twice stays one
	move := func(r *Report) *Report {
		if r == nil {
			return nil
		}
		if _, ok := moved[r]; !ok {
			moved[r] = r.In(loc)
		}
		return moved[r]
	}
	each := func(all []*Report) []*Report {
		all = slices.Clone(all)
		for i := range all {
			all[i] = move(all[i])
		}
		return all
	}
	if in.Incident != nil {
		in.Incident = in.Incident.In(loc)
	}
	in.Report, in.Reverse, in.Before, in.After = move(in.Report), move(in.Reverse), move(in.Before), move(in.After)
	in.Reports, in.Others = each(in.Reports), each(in.Others)
	return in
}
