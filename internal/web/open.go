package web

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

// openState is the directory below the spool's state/ in which a running
// node writes the incidents that last, anew each second.
const openState = "incidents"

// openKept is how long what was read of the incidents that are open is
// shown again: as often as they are written.
const openKept = time.Second

// openList is the incidents that are open, as read last.
type openList struct {
	mu      sync.Mutex
	at      time.Time
	entries []archive.IncidentEntry
	fault   error                         // why they cannot be read
	members map[ulid.ULID]map[string]bool // by incident: addresses and names, as watchKey has them
}

// openIncidents are the incidents that last, newest first. One that
// cannot be read is listed by its name: it hides no other. With an error it is
// not known which there are; where no node has run there are none.
func (s *site) openIncidents() ([]archive.IncidentEntry, error) {
	o := &s.open
	o.mu.Lock()
	defer o.mu.Unlock()
	now := s.Now()
	if age := now.Sub(o.at); age >= 0 && age < openKept {
		return o.entries, o.fault
	}
	names, err := s.Spool.ListState(openState)
	s.sayFault(&o.fault, err, "the open incidents cannot be read")
	o.at, o.entries, o.members = now, []archive.IncidentEntry{}, map[ulid.ULID]map[string]bool{}
	if err != nil {
		o.entries = nil // not known, in JSON too
	}
	for _, name := range names {
		base, ok := strings.CutSuffix(name, ".json")
		id, isID := parseID(base)
		if !ok || !isID || id.String() != base {
			continue
		}
		inc, err := s.openIncident(id)
		switch {
		case err != nil && inc == nil && s.gone(id):
		case err != nil:
			o.entries = append(o.entries, archive.IncidentEntry{ID: id, State: report.IncidentOpen, Opened: ulid.Time(id.Time()),
				Targets: []string{}, Unreadable: err.Error()})
		default:
			o.entries = append(o.entries, archive.EntryOfIncident(inc))
			members := make(map[string]bool, 2*len(inc.Members))
			for i := range inc.Members {
				m := &inc.Members[i]
				members[watchKey(m.Target)] = true
				if m.Address.IsValid() {
					members[m.Address.String()] = true
				}
			}
			o.members[id] = members
		}
	}
	slices.SortFunc(o.entries, func(a, b archive.IncidentEntry) int { return b.ID.Compare(a.ID) })
	return o.entries, o.fault
}

// openFault is why it is not known what is open; empty: it is.
func (s *site) openFault() string {
	_, err := s.openIncidents()
	return faultText(err)
}

// faultText is an error for a page; empty: none.
func faultText(err error) string {
	if err == nil {
		return ""
	}
	return clean(err.Error())
}

// openFaultText and watchFaultText are the same as lines of text.
func openFaultText(fault string) string  { return faultLine("which incidents are open", fault) }
func watchFaultText(fault string) string { return faultLine("how the watched targets are", fault) }

func faultLine(what, fault string) string {
	if fault == "" {
		return ""
	}
	return what + " cannot be read: " + fault + "\n"
}

// openOf says whether an incident that is open, as openIncidents had it last,
// is of a target.
func (s *site) openOf(id ulid.ULID, target string) bool {
	s.open.mu.Lock()
	defer s.open.mu.Unlock()
	return s.open.members[id][watchKey(target)]
}

// openIncident reads one incident that is open.
func (s *site) openIncident(id ulid.ULID) (*report.Incident, error) {
	data, err := s.Spool.ReadState(openState + "/" + id.String() + ".json")
	if err != nil {
		return nil, err
	}
	return report.DecodeIncident(data)
}

// gone says that an incident has closed between two looks.
func (s *site) gone(id ulid.ULID) bool {
	names, err := s.Spool.ListState(openState)
	return err == nil && !slices.Contains(names, id.String()+".json")
}

// incidentsTag changes when what a line says of an incident does.
func incidentsTag(entries []archive.IncidentEntry) string {
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(e.ID.String() + " " + string(e.State) + " " + string(e.Verdict) + " " + strconv.Itoa(e.Affected) + " " + e.Where + e.Unreadable)
		if e.Lost != nil && e.Sent != nil {
			b.WriteString(" " + lossPercent(*e.Lost, max(1, *e.Sent)))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// incidentRow is an incident as a list shows it, all of it clean.
type incidentRow struct {
	URL       string
	At        stamp
	Open      bool
	Lasted    string
	Target    string
	More      string // "+42"
	Percent   string
	LossClass string
	Verdict   string
	Mark      string
	Sentence  string
}

func (s *site) incidentRows(h head, entries []archive.IncidentEntry) []incidentRow {
	out := make([]incidentRow, len(entries))
	for i, e := range entries {
		at := e.Opened
		if e.Began != nil {
			at = *e.Began
		}
		r := incidentRow{URL: incidentURL(e.ID), At: s.stampAs(at, "01-02 15:04:05"), Open: e.State == report.IncidentOpen,
			Verdict: h.Verdict(e.Verdict), Mark: classOf(e.Verdict), Sentence: s.told(h, e), LossClass: lossClassOf(e.Lost, e.Sent)}
		if e.LastedMS != nil {
			r.Lasted = h.duration(time.Duration(*e.LastedMS) * time.Millisecond)
		}
		if len(e.Targets) > 0 {
			r.Target = clean(e.Targets[0])
		}
		if e.Affected > 1 {
			r.More = "+" + strconv.Itoa(e.Affected-1)
		}
		if e.Lost != nil && e.Sent != nil && *e.Sent > 0 {
			r.Percent = lossPercent(*e.Lost, *e.Sent)
		}
		if e.Unreadable != "" {
			r.Sentence = h.T("incident.unreadable", clean(e.Unreadable))
		}
		out[i] = r
	}
	return out
}

// duration is how long something lasted: "10.2 s", "4 min 5 s", "2 h 5 min".
func (h head) duration(d time.Duration) string {
	switch {
	case d < time.Minute:
		return h.T("for.seconds", strconv.FormatFloat(d.Seconds(), 'f', 1, 64))
	case d < time.Hour:
		return h.T("for.minutes", int(d/time.Minute), int(d%time.Minute/time.Second))
	}
	return h.T("for.hours", int(d/time.Hour), int(d%time.Hour/time.Minute))
}
