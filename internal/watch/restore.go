package watch

import (
	"slices"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/targets"
	"github.com/mtrq/mtrq/report"
)

// goOnFor is how long the watchdog may have been away for an open incident
// to go on; after that it is closed as interrupted.
const goOnFor = 10 * time.Minute

// restore reads the incidents that an earlier process left open.
func (w *Watchdog) restore() {
	names, err := w.Spool.ListState("incidents")
	if err != nil {
		w.Log.Error("look for open incidents", "err", err)
		return
	}
	now := w.Now()
	for _, name := range names {
		if !strings.HasSuffix(name, ".json") {
			continue
		}
		data, err := w.Spool.ReadState("incidents/" + name)
		if err != nil {
			w.Log.Error("read an open incident", "file", name, "err", err)
			continue
		}
		rec, err := report.DecodeIncident(data)
		if err != nil || rec.ID.String()+".json" != name {
			w.Log.Error("an open incident cannot be read; it is left where it is", "file", name, "err", err)
			continue
		}
		if age := now.Sub(rec.At); rec.State != report.IncidentOpen || age > goOnFor || age < -goOnFor {
			w.interrupted(rec, now)
			continue
		}
		w.resume(rec, now)
	}
}

// interrupted keeps an incident whose end nobody saw.
func (w *Watchdog) interrupted(rec *report.Incident, now time.Time) {
	if rec.State == report.IncidentOpen {
		rec.State = report.IncidentInterrupted
		closed := now.Round(0)
		rec.Times.Closed = &closed
		rec.Notes = append(rec.Notes, "the watchdog was not running from "+rec.At.Format(time.RFC3339)+" to "+closed.Format(time.RFC3339)+": how it ended is not known")
	}
	w.Log.Warn("an incident is closed as interrupted", "incident", rec.ID)
	w.writer.closed(rec, true)
}

// resume lets an incident go on; its members come back with the lists.
func (w *Watchdog) resume(rec *report.Incident, now time.Time) {
	inc := &incident{
		id: rec.ID, trigger: rec.Trigger, began: rec.Times.Began, noticed: rec.Times.Noticed, opened: rec.Times.Opened,
		earlier: rec.Members, affected: rec.Affected, watched: rec.Watched, episodes: rec.Episodes, common: rec.Common,
		host: rec.Host, stalls: rec.Host.Stalls, notes: rec.Notes, recovery: rec.Times.Recovered, located: now, changed: rec.Times.Opened, source: rec.Node.Source,
		// Whether people were told is not written down: they are told again
		// under the same ID rather than not at all.
		tellAt: now.Add(w.Rules.Settle), restored: now, said: size{rec.Affected, rec.Common},
	}
	inc.host.Stalls = nil
	inc.note("the watchdog was started again at %s", now.Format(time.RFC3339))
	w.incidents = append(w.incidents, inc)
	w.Log.Info("an open incident goes on", "incident", inc.id)
}

// rejoin gives members of resumed incidents their target back, once it is
// watched again.
func (w *Watchdog) rejoin(now time.Time) {
	for _, inc := range slices.Backward(w.incidents) { // a target that two have is the younger one's
		if inc.restored.IsZero() || len(inc.earlier) == 0 {
			continue
		}
		inc.earlier = slices.DeleteFunc(inc.earlier, func(m report.Member) bool {
			i := slices.IndexFunc(w.list.Targets, func(n targets.Target) bool { return n.Name == m.Target && n.Addr == m.Address })
			if i < 0 {
				return false
			}
			t := w.targets[keyOf(w.list.Targets[i])]
			if t == nil || t.trouble != nil {
				return false
			}
			tr := &trouble{
				incident: inc, trigger: m.Trigger, began: m.Began, spell: m.Began, noticed: m.Noticed, opened: m.Opened, before: m.Before, after: m.After,
				burst: m.Burst, dense: m.Dense, earlier: &m, retrace: now.Add(retraceEach), baseline: m.After != nil,
				first: t.hist.next, end: t.hist.next,
			}
			if m.Usual != nil {
				tr.usual = usual{
					n: m.Usual.Sent - m.Usual.Lost, p50: time.Duration(m.Usual.P50US) * time.Microsecond, p95: time.Duration(m.Usual.P95US) * time.Microsecond,
					lost: m.Usual.Lost, sent: m.Usual.Sent,
				}
			}
			if m.LastLoss != nil {
				tr.lastLoss = *m.LastLoss
			}
			if m.Recovered != nil {
				tr.cleared, tr.recovered = true, *m.Recovered
			}
			tr.strand.begin(&t.hist)
			t.trouble, t.answered = tr, true
			inc.members = append(inc.members, t)
			return true
		})
	}
}

// mergeEarlier puts what an earlier process has seen of a member before what
// this one has.
func mergeEarlier(m *report.Member, e *report.Member) {
	m.Lost += e.Lost
	m.Sent += e.Sent
	m.Reports = append(slices.Clone(e.Reports), m.Reports...)
	if e.Probed != nil {
		m.Probed = e.Probed
	}
	p := e.Pings
	p.TxMS, p.RTTUS = slices.Clone(p.TxMS), slices.Clone(p.RTTUS)
	shift := m.Pings.From.Sub(p.From).Milliseconds()
	last := int64(0) // the wall clock may have been set back meanwhile
	if n := len(p.TxMS); n > 0 {
		last = p.TxMS[n-1]
	}
	for i := range m.Pings.TxMS {
		last = max(last, m.Pings.TxMS[i]+shift)
		p.TxMS = append(p.TxMS, last)
		p.RTTUS = append(p.RTTUS, m.Pings.RTTUS[i])
	}
	p.Answer += m.Pings.Answer
	p.Skipped += m.Pings.Skipped
	m.Pings = p
	m.Meter = append(slices.Clone(e.Meter), m.Meter...)
}
