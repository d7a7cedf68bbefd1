package web

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/web/words"
	"github.com/mtrq/mtrq/spool"
)

const (
	homeRows      = 10             // of each list of the first page
	homeIncidents = 8              // that are over
	worstSince    = 24 * time.Hour // of the reports with the most loss
	homeRefresh   = 10             // seconds
)

type homePage struct {
	head
	Tracing  bool
	Why      string
	Lateness string
	Late     string // empty: no job waits too long for its first probe
	LongLook, FirstLook, Queued, Waiting,
	Limit int
	Health                []healthLine
	Watch                 *watchView // nil: no watchdog has said anything
	Open                  []incidentRow
	OpenFault, WatchFault string // why it is not known what is open, and how the targets are
	Past                  []incidentRow
	Worst                 []row
	LatestTitle           string
	LatestURL             string
	Rows                  []row
	Year                  yearView
	Base                  string
	days                  []archive.Date
	open                  []archive.IncidentEntry
}

type healthLine struct{ What, Hint string }

// watchView is the watched targets by state.
type watchView struct {
	Stale  bool
	At     stamp
	Total  string
	States []watchCount
}

type watchCount struct{ Name, Count, Mark string }

// home says what is wrong now, what was lately, and which days there are.
func (s *site) home(w http.ResponseWriter, r *http.Request) {
	form := formatOf(r)
	if form == formatHTML {
		s.homeHTML(w, r)
		return
	}
	h := s.head(r, s.Node)
	h.Lang = words.English
	var p homePage
	var pr *problem
	if err := s.bounded(r, func() error { p, pr = s.homePage(r, h); return nil }); err != nil {
		pr = archiveProblem(err)
	}
	if pr != nil {
		s.fail(w, r, pr)
		return
	}
	switch form {
	case formatJSON:
		s.sendJSON(w, r, http.StatusOK, homeJSON{Node: s.Node, Version: s.Version, Tracing: p.Tracing, Note: p.Why, Open: p.open, OpenFault: p.OpenFault, Days: dayNames(p.days)})
	default:
		s.send(w, r, http.StatusOK, textPlain, p.text(s))
	}
}

// homeHTML answers with the page that most people have open all day.
func (s *site) homeHTML(w http.ResponseWriter, r *http.Request) {
	s.briefPage(w, r, briefFor, s.hub.version(), func() ([]byte, error) {
		p, failed := s.homePage(r, s.head(r, s.Node))
		if failed != nil {
			return nil, pageProblem{failed}
		}
		p.Section, p.Live, p.Refresh = "start", homeTopic, homeRefresh
		return s.render(p.Lang, "home.html", p)
	})
}

type homeJSON struct {
	Node      string                  `json:"node"`
	Version   string                  `json:"version"`
	Tracing   bool                    `json:"tracing"`
	Note      string                  `json:"note,omitempty"`
	Open      []archive.IncidentEntry `json:"open"`                 // null: not known
	OpenFault string                  `json:"open_fault,omitempty"` // why not
	Days      []string                `json:"days"`
}

func (s *site) homePage(r *http.Request, h head) (homePage, *problem) {
	p := homePage{head: h, Base: baseURL(r, s.PublicURL)}
	s.nodeState(&p)
	p.Watch, p.WatchFault = s.watchView(p.head), faultText(s.watchFault())
	days, err := s.Archive.Days()
	if err != nil {
		return p, archiveProblem(err)
	}
	p.days = days
	year, pr := s.calendarYear(r, days)
	if pr != nil {
		return p, pr
	}
	open, err := s.openIncidents()
	p.Open, p.open, p.OpenFault = s.incidentRows(p.head, open), open, faultText(err)
	if p.Year, err = s.yearView(p.head, year, days, open); err != nil {
		return p, archiveProblem(err)
	}
	past, err := s.past.get(s)
	if err != nil {
		return p, archiveProblem(err)
	}
	p.Past = s.incidentRows(p.head, past)
	worst, err := s.Archive.Worst(s.Now().Add(-worstSince), homeRows)
	if err != nil {
		return p, archiveProblem(err)
	}
	for _, e := range worst {
		if e.Lost != nil && *e.Lost > 0 {
			p.Worst = append(p.Worst, s.rowOf(p.head, e, true))
		}
	}
	if len(days) == 0 {
		return p, nil
	}
	latest, err := s.Archive.ViewDay(days[0], archive.View{Limit: homeRows})
	if err != nil {
		return p, archiveProblem(err)
	}
	p.LatestTitle, p.LatestURL = days[0].String(), dayURL(days[0])
	p.Rows = s.rowsOf(p.head, latest.Entries, false)
	return p, nil
}

// nodeState fills in who traces, and how that goes.
func (s *site) nodeState(p *homePage) {
	var st spool.RunState
	st, p.Tracing, p.Why = s.runState(p.head)
	p.LongLook, p.FirstLook, p.Queued, p.Waiting, p.Limit = st.Jobs.LongLook, st.Jobs.FirstLook, st.Jobs.Queued, st.Jobs.Waiting, st.Jobs.Limit
	if l := st.LatenessMS; l != nil {
		p.Lateness = p.T("home.lateness", millis(l.P50), millis(l.P99))
	}
	if !p.Tracing {
		return
	}
	p.Late = p.late(st)
	for _, h := range st.Health {
		if !h.OK {
			p.Health = append(p.Health, healthLine{p.wordOf("health", h.What), clean(h.Hint)})
		}
	}
}

func isLate(st spool.RunState) bool {
	_, late := st.Late()
	return late
}

// late says how long a job waits for its first probe, where that is too long:
// figures of probes that were sent cannot tell of it.
func (h head) late(st spool.RunState) string {
	if waits, late := st.Late(); late {
		return h.T("run.late", millis(float64(waits.Milliseconds())))
	}
	return ""
}

func (s *site) watchView(h head) *watchView {
	st, _ := s.watchState()
	if st == nil {
		return nil
	}
	t := st.Totals
	v := &watchView{At: s.stamp(st.At), Stale: !isWatching(st, s.Now()), Total: count(t.Targets)}
	for _, c := range []struct {
		key  string
		n    int
		mark string
	}{{"ok", t.OK, "ok"}, {"lossy", t.Lossy, "bad"}, {"slow", t.Slow, "warn"}, {"suspect", t.Suspect, "warn"}, {"silent", t.Silent, ""},
		{"new", t.New, ""}, {"paused", t.Paused, ""}, {"unresolved", t.Unresolved, "warn"}} {
		if c.n > 0 || c.key == "ok" || c.key == "lossy" {
			if c.n == 0 {
				c.mark = ""
			}
			v.States = append(v.States, watchCount{h.T("watch." + c.key), count(c.n), c.mark})
		}
	}
	return v
}

func dayNames(days []archive.Date) []string {
	out := make([]string, len(days))
	for i, d := range days {
		out[i] = d.String()
	}
	return out
}

// homeDays is how many days the text of the first page lists.
const homeDays = 30

func (p homePage) text(s *site) []byte {
	var b bytes.Buffer
	node := clean(p.Node)
	if p.Tracing {
		fmt.Fprintf(&b, "%s: tracing, %d first looks, %d of %d long looks, %d queued\n", node, p.FirstLook, p.LongLook, p.Limit, p.Queued)
	} else {
		fmt.Fprintf(&b, "%s: nobody is tracing: %s\n", node, p.Why)
	}
	if p.Late != "" {
		fmt.Fprintf(&b, "%s\n", p.Late)
	}
	for _, h := range p.Health {
		fmt.Fprintf(&b, "%s: %s\n", h.What, h.Hint)
	}
	b.WriteString(watchFaultText(p.WatchFault))
	b.WriteString(p.incidentText())
	if len(p.Worst) > 0 {
		fmt.Fprintf(&b, "\nMost loss in the last 24 hours\n")
		for _, w := range p.Worst {
			fmt.Fprintf(&b, "  %s  %5s %%  %-24s  %s%s\n", w.At.ISO, w.Percent, w.Target, p.Base, w.URL)
		}
	}
	if len(p.days) > 0 {
		fmt.Fprintf(&b, "\nDays with reports\n")
	}
	for _, d := range p.days[:min(len(p.days), homeDays)] {
		fmt.Fprintf(&b, "  %s%s\n", p.Base, dayURL(d))
	}
	return b.Bytes()
}

func (p homePage) incidentText() string {
	open := p.open
	if p.OpenFault != "" {
		return openFaultText(p.OpenFault)
	}
	if len(open) == 0 {
		return "no incident is open\n"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "\n%d open\n", len(open))
	for i, e := range open {
		fmt.Fprintf(&b, "  %s  %s%s\n    %s\n", p.Open[i].At.ISO, p.Base, incidentURL(e.ID), p.Open[i].Sentence)
	}
	return b.String()
}

// calendarYear is the year of the calendar: ?year=2026, else that of today.
func (s *site) calendarYear(r *http.Request, days []archive.Date) (int, *problem) {
	now := archive.DateOf(s.Now(), s.Archive.Location()).Year
	text := r.URL.Query().Get("year")
	if text == "" {
		if len(days) > 0 && days[0].Year < now {
			return days[0].Year, nil // an archive that is kept, of a node that is not
		}
		return now, nil
	}
	y, err := strconv.Atoi(text)
	if err != nil || y < 1970 || y > 9999 || len(text) != 4 {
		return 0, &problem{status: http.StatusBadRequest, code: codeParameter, detail: `parameter "year": ` + short(text) + " is no year", hint: "write it as 2026"}
	}
	return y, nil
}
