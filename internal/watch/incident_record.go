package watch

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mtrq/mtrq/internal/host"
	"github.com/mtrq/mtrq/report"
)

// record is an incident as others read it.
func (w *Watchdog) record(inc *incident, now time.Time, state report.IncidentState) *report.Incident {
	rec := &report.Incident{
		Schema: report.IncidentSchema, ID: inc.id, State: state, Trigger: inc.trigger, Node: w.Node, At: now.Round(0),
		Times:    report.IncidentTimes{Began: inc.began, Noticed: inc.noticed, Opened: inc.opened, Recovered: inc.recovery},
		Episodes: slices.Clone(inc.episodes), Members: append(slices.Clone(inc.earlier), inc.left...), Affected: inc.affected, Watched: inc.watched,
		Common: inc.common, Canaries: w.canaryRecords(inc), Host: inc.host, Notes: slices.Clone(inc.notes), Versions: w.Version,
	}
	if !rec.Node.Source.IsValid() {
		rec.Node.Source = inc.leaveFrom()
	}
	rec.Host.Stalls = slices.Clone(inc.stalls)
	if inc.host.Opened != nil && inc.host.Closed != nil {
		rec.Host.Changed = host.Changes(inc.host.Opened, inc.host.Closed)
	}
	if rec.Members == nil {
		rec.Members = []report.Member{}
	}
	for i, t := range inc.members {
		if t.trouble == nil || t.trouble.incident != inc {
			continue
		}
		rec.Members = append(rec.Members, w.member(t, i < fullMembers))
	}
	for i := range rec.Members {
		m := &rec.Members[i]
		if m.LastLoss != nil && (rec.Times.LastLoss == nil || m.LastLoss.After(*rec.Times.LastLoss)) {
			rec.Times.LastLoss = m.LastLoss
		}
		if m.Probed != nil && (rec.Times.Probed == nil || m.Probed.Before(*rec.Times.Probed)) {
			rec.Times.Probed = m.Probed
		}
	}
	rec.Clean, rec.Controls = w.cleanSince(inc.began)
	rec.Verdict = report.JudgeIncident(rec, nil)
	return rec
}

// leaveFrom is the address that the probes to its members leave from: that of
// the first look of them that has begun. Not valid: none has.
func (inc *incident) leaveFrom() netip.Addr {
	for _, t := range inc.members {
		if t.trouble == nil || t.trouble.incident != inc {
			continue
		}
		for _, l := range t.trouble.looks {
			if a := l.from(); a.IsValid() {
				return a
			}
		}
	}
	return inc.source
}

func (w *Watchdog) member(t *target, full bool) report.Member {
	tr := t.trouble
	m := report.Member{
		Target: t.Name, Address: t.Addr, Group: t.Group, Tags: t.Tags,
		Trigger: tr.trigger, Began: tr.began, Noticed: tr.noticed, Opened: tr.opened,
		Lost: tr.lost, Sent: tr.sent, Before: tr.before, After: tr.after,
	}
	if !tr.lastLoss.IsZero() {
		at := tr.lastLoss
		m.LastLoss = &at
		if !tr.cleared {
			// What came after the last loss belongs to it only if another follows.
			_, after := t.hist.counted(tr, t.hist.since(w.ms(at)+1))
			m.Sent = max(m.Sent-after, m.Lost)
		}
	}
	if tr.cleared {
		at := tr.recovered
		m.Recovered = &at
	}
	for _, l := range tr.looks {
		if l.wanted {
			m.Reports = append(m.Reports, l.id)
		}
		if at, ok := l.firstProbe(); ok && m.Probed == nil {
			at = at.Round(0)
			m.Probed = &at
		}
	}
	if u := tr.usual; u.n > 0 {
		m.Usual = &report.Usual{P50US: u.p50.Microseconds(), P95US: u.p95.Microseconds(), Lost: u.lost, Sent: u.sent}
	}
	from := tr.began.Add(-historyFor)
	if !full {
		from = tr.began.Add(-time.Minute)
	}
	if from.Before(w.start) {
		from = w.start.Round(0) // an earlier process's trouble: nothing of ours is older
	}
	m.Pings = tr.strand.record(w.ms(from), from, full)
	if m.Pings.Skipped > 0 {
		m.Meter = tr.minutes.snapshot()
	}
	if full {
		m.Burst, m.Dense = clonePings(tr.burst), clonePings(tr.dense)
	}
	if e := tr.earlier; e != nil {
		mergeEarlier(&m, e)
	}
	return m
}

func clonePings(p *report.Pings) *report.Pings {
	if p == nil || len(p.TxMS) == 0 {
		return nil
	}
	c := *p
	c.TxMS, c.RTTUS = slices.Clone(p.TxMS), slices.Clone(p.RTTUS)
	return &c
}

// cleanSince counts targets that have answered since a moment and lost
// nothing, and names the three with the least addresses.
func (w *Watchdog) cleanSince(at time.Time) (n int, some []netip.Addr) {
	const most = 3
	for _, t := range w.targets {
		if !t.answered || !t.lostAt.Before(at) || !t.lastAns.After(at) {
			continue
		}
		n++
		i, known := slices.BinarySearchFunc(some, t.Addr, netip.Addr.Compare)
		if i == most || known || !t.Addr.IsValid() {
			continue
		}
		some = slices.Insert(some, i, t.Addr)
		some = some[:min(most, len(some))]
	}
	return n, some
}
