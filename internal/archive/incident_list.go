package archive

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// An IncidentQuery selects incidents; the zero value is all of them.
type IncidentQuery struct {
	Since  time.Time    // opened at or after; zero: from the beginning
	Until  time.Time    // opened before; zero: to the end
	Target string       // of any member: its address, or the name under which it is watched
	Class  report.Class // of the verdict
	Limit  int          // at most so many, the newest; 0: no limit
}

// IncidentEntry is an incident in a line: what a list shows of it. What is
// unknown is nil or empty.
type IncidentEntry struct {
	ID       ulid.ULID              `json:"id"`
	State    report.IncidentState   `json:"state,omitempty"`
	Node     string                 `json:"node,omitempty"`
	Trigger  report.IncidentTrigger `json:"trigger,omitempty"`
	Began    *time.Time             `json:"began,omitempty"`
	Opened   time.Time              `json:"opened"`
	Closed   *time.Time             `json:"closed,omitempty"`
	LastedMS *int64                 `json:"lasted_ms,omitempty"` // from Began to recovery; absent while it is open, and where nobody saw its end
	Targets  []string               `json:"targets"`             // the first 8
	Affected int                    `json:"affected,omitempty"`  // how many targets in all
	Lost     *int                   `json:"lost,omitempty"`      // pings to all of them …
	Sent     *int                   `json:"sent,omitempty"`      // … whose fate is known
	Verdict  report.Class           `json:"verdict,omitempty"`
	Grade    report.Grade           `json:"grade,omitempty"`
	Where    string                 `json:"where,omitempty"` // "198.51.100.1 > 198.51.100.9": the packets are lost between the two
	Sentence string                 `json:"sentence,omitempty"`

	// Unreadable says why its file tells nothing: ID and time of opening
	// are then those of the file's name.
	Unreadable string `json:"unreadable,omitempty"`
}

// maxEntryTargets is how many targets an entry names.
const maxEntryTargets = 8

// Loss is the lost part of all pings in percent; nil when it is unknown.
func (e IncidentEntry) Loss() *float64 { return Entry{Lost: e.Lost, Sent: e.Sent}.Loss() }

// Incidents lists the incidents that a query selects, newest first. Days
// outside the time asked for are not read, nor is more than the limit wants.
// One that cannot be read is listed by its name, unless the query asks for
// what only its content tells.
func (a *Archive) Incidents(q IncidentQuery) ([]IncidentEntry, error) {
	t, err := a.open()
	if err != nil {
		return nil, ignoreMissing(err)
	}
	days, err := a.Days()
	if err != nil {
		return nil, err
	}
	var out []IncidentEntry
	hash := a.incidents.hash(q.Target, netip.Addr{})
	for i, day := range days {
		if !q.Since.IsZero() && day.Compare(DateOf(q.Since, t.loc)) < 0 {
			break // and so are all before it
		}
		if !q.Until.IsZero() && day.Compare(DateOf(q.Until, t.loc)) > 0 {
			continue
		}
		for _, id := range t.namesOf(a, day, i >= lively) {
			known, err := a.knownIncident(t, day, id)
			var e IncidentEntry
			switch {
			case err != nil && (q.Target != "" || q.Class != ""):
				continue
			case err != nil:
				e = IncidentEntry{ID: id, Opened: ulid.Time(id.Time()).In(t.loc), Targets: []string{}, Unreadable: err.Error()}
			default:
				e = *known.entry
				if _, ok := slices.BinarySearch(known.members, hash); q.Target != "" && !ok {
					continue
				}
			}
			if !q.matchEntry(&e) {
				continue
			}
			if out = append(out, e); q.Limit > 0 && len(out) == q.Limit {
				return out, nil
			}
		}
	}
	return out, nil
}

// EntryOfIncident is what a list shows of an incident, open or closed. The
// verdict is computed where other rules wrote the stored one.
func EntryOfIncident(inc *report.Incident) IncidentEntry {
	v := inc.Verdict
	if v.Class == "" || v.RulesVersion != report.RulesVersion {
		v = report.JudgeIncident(inc, nil)
	}
	began := inc.Times.Began
	e := IncidentEntry{
		ID: inc.ID, State: inc.State, Node: inc.Node.Name, Trigger: inc.Trigger,
		Began: &began, Opened: inc.Times.Opened, Closed: inc.Times.Closed,
		Targets: []string{}, Affected: max(inc.Affected, len(inc.Members)),
		Verdict: v.Class, Grade: v.Grade, Sentence: v.Sentence,
	}
	if r := inc.Times.Recovered; r != nil && inc.State != report.IncidentOpen {
		ms := r.Sub(began).Milliseconds()
		e.LastedMS = &ms
	}
	lost, sent := 0, 0
	for i := range inc.Members {
		m := &inc.Members[i]
		lost, sent = lost+m.Lost, sent+m.Sent
		if i < maxEntryTargets {
			e.Targets = append(e.Targets, m.Target)
		}
	}
	if sent > 0 {
		e.Lost, e.Sent = &lost, &sent
	}
	e.Where = whereOf(inc.Common, v.Link)
	return e
}

// whereOf names the stretch on which the packets are lost, "" where nobody
// knows: what all members share, else where one path loses them.
func whereOf(c *report.Common, l *report.Link) string {
	switch {
	case c != nil && c.To.IsValid():
		return endOf(report.LinkEnd{Addr: c.From}) + " > " + c.To.String()
	case l != nil:
		return endOf(l.From) + " > " + endOf(l.To)
	}
	return ""
}

func endOf(l report.LinkEnd) string {
	switch {
	case l.Addr.IsValid():
		return l.Addr.String()
	case l.TTL == 0:
		return "this machine"
	}
	return fmt.Sprintf("hop %d", l.TTL) // which stayed silent
}

// Match says whether a query selects an incident.
func (q IncidentQuery) Match(inc *report.Incident) bool {
	e := EntryOfIncident(inc)
	return q.matchEntry(&e) && (q.Target == "" || slices.ContainsFunc(inc.Members, func(m report.Member) bool {
		return sameTarget(q.Target, m.Target, m.Address)
	}))
}

// matchEntry judges what an entry tells: all but the target.
func (q IncidentQuery) matchEntry(e *IncidentEntry) bool {
	return (q.Since.IsZero() || !e.Opened.Before(q.Since)) && (q.Until.IsZero() || e.Opened.Before(q.Until)) &&
		(q.Class == "" || e.Verdict == q.Class)
}

// sameTarget says whether a person who typed asked means this target.
func sameTarget(asked, target string, address netip.Addr) bool {
	if a, err := netip.ParseAddr(asked); err == nil {
		a = a.WithZone("").Unmap()
		named, err := netip.ParseAddr(target)
		return address == a || err == nil && named.WithZone("").Unmap() == a
	}
	return strings.EqualFold(strings.TrimSuffix(asked, "."), strings.TrimSuffix(target, "."))
}
