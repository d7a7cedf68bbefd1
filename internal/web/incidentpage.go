package web

import (
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// liveRefresh is how often the page of an open incident asks again where no
// scripts run.
const liveRefresh = 5

type incidentPage struct {
	head
	ID, State               string // of the incident: "open", "closed", "interrupted"
	Name, More              string // its first target, and "+42"
	StateWord, Stale        string
	Verdict, Mark           string
	Sentence, Grade, Settle string
	Picture, Small          template.HTML // the same for a wide and for a narrow screen
	Moments                 []momentRow
	Facts                   []fact
	Episodes                []episodeRow
	Common                  *commonView
	Link                    string   // where a trace saw the loss begin, if the paths do not say it
	Places                  []whoRow // the routers that are spoken of, as far as they are known
	Names                   namesNote
	Members                 []memberRow
	Affected                int
	AllURL                  string // of the page with every member; empty: it shows them
	Paths                   *pathView
	Canaries                []canaryRow
	Host                    []string // what changed
	HostFacts               []fact
	Stalls                  []stallRow
	Notes                   []string
}

type momentRow struct {
	Name  string
	At    stamp
	Since string // "+0.62 s", empty at the beginning
}

type episodeRow struct {
	From, To stamp
	Lasted   string // empty: it lasts
}

type commonView struct {
	From, To        string
	Behind, Lossy   int
	Percent, Chance string
	Suspects        []string
	MoreSuspects    int
	FromHere        bool // the stretch begins at this machine
}

type canaryRow struct {
	Kind, Target string
	Who          who
	Known        bool
	Lost, Sent   int
}

type stallRow struct {
	At stamp
	MS int64
}

// incidentHTML answers with the page of an incident. When one opens, all look
// at it at once.
func (s *site) incidentHTML(w http.ResponseWriter, r *http.Request, id ulid.ULID) {
	all := r.URL.Query().Get("members") == "all"
	s.pageTogether(w, r, func() (string, bool) { return s.settledTag(r, id) }, func() (shown, error) {
		inc, open, err := s.findIncident(id)
		if err != nil {
			return shown{}, pageProblem{incidentProblem(id, err)}
		}
		if !s.settled(inc) {
			cache := cacheAsk
			if open {
				cache = "no-store"
			}
			body, err := s.renderIncident(r, inc, open, all, s.names(incidentAddresses(inc)))
			return shown{bodyTag(body), cache, body}, err
		}
		s.settledOnes.add(id, s.Now())
		n, names := s.namesMade(id, incidentAddresses(inc))
		tag := s.incidentPageTag(r, id, names)
		if s.isKept(tag) {
			return shown{tag: tag, cache: cacheAsk}, nil
		}
		body, err := s.renderIncident(r, inc, open, all, n)
		return shown{tag, cacheAsk, body}, err
	})
}

func (s *site) renderIncident(r *http.Request, inc *report.Incident, open, all bool, n report.Names) ([]byte, error) {
	p := s.incidentPage(r, inc, open, all, n)
	return s.render(p.Lang, "incident.html", p)
}

// incidentPageTag is that of the page of an incident that is settled.
func (s *site) incidentPageTag(r *http.Request, id ulid.ULID, names string) string {
	return s.tagOf(r, "incident", id.String(), strconv.Itoa(report.RulesVersion), names)
}

func (s *site) incidentPage(r *http.Request, inc *report.Incident, open, all bool, n report.Names) incidentPage {
	shown := s.inZone(inc, s.reportsOf(inc, open))
	inc, reports := shown.Incident, shown.Reports
	h := s.head(r, incidentTitle(inc))
	d := report.JudgeIncidentIn(inc, reports, report.Lang(h.Lang)) // both name languages alike
	p := incidentPage{head: h, ID: inc.ID.String(), State: string(inc.State), Affected: affectedOf(inc)}
	p.Section = "incidents"
	p.StateWord = p.wordOf("inc.state", string(inc.State))
	if s.stale(inc, open) {
		p.Stale = p.T("inc.stale", inc.At.In(s.Archive.Location()).Format(longTime))
	} else if open {
		p.Live, p.Refresh = "incident="+inc.ID.String(), liveRefresh
	}
	p.Name = clean(inc.Members[0].Target)
	if n := p.Affected - 1; n > 0 {
		p.More = "+" + strconv.Itoa(n)
	}
	p.Verdict, p.Mark = p.head.Verdict(d.Class), classOf(d.Class)
	p.Sentence, p.Grade, p.Settle = clean(d.Sentence), p.head.Grade(d.Grade), clean(strings.TrimRight(d.Settle, ". "))
	opts := p.pictureOptions()
	p.Picture = template.HTML(report.IncidentSVGWith(inc, reports, opts)) //nolint:gosec // made by us, every word of a stranger escaped
	opts.Narrow = true
	p.Small = template.HTML(report.IncidentSVGWith(inc, reports, opts)) //nolint:gosec // the same
	p.Moments = s.momentRows(p.head, inc)
	p.Facts = incidentFacts(p.head, inc)
	for _, e := range inc.Episodes[:min(len(inc.Episodes), maxRowsShown)] {
		row := episodeRow{From: s.stampAs(e.From, "15:04:05.0")}
		if e.To != nil {
			row.To, row.Lasted = s.stampAs(*e.To, "15:04:05.0"), p.duration(e.To.Sub(e.From))
		}
		p.Episodes = append(p.Episodes, row)
	}
	if len(p.Episodes) < 2 {
		p.Episodes = nil // the times above say it
	}
	p.Common = commonOf(inc)
	if l := d.Link; l != nil {
		p.Link = p.T("inc.link", linkEnd(p.head, l.From), linkEnd(p.head, l.To))
	}
	p.Names = p.namesNote(n, incidentAddresses(inc))
	p.Places = whoRows(n, placesOf(inc, d.Link))
	p.members(s, inc, all)
	p.Paths = s.pathsOf(p.head, inc, n)
	for _, c := range inc.Canaries {
		target := clean(c.Target)
		if c.Addr.IsValid() {
			target = c.Addr.String()
		}
		p.Canaries = append(p.Canaries, canaryRow{Kind: p.wordOf("inc.canary", string(c.Kind)), Target: target, Who: whoOf(n, c.Addr), Known: c.Known, Lost: c.Lost, Sent: c.Sent})
	}
	for _, c := range inc.Host.Changed[:min(len(inc.Host.Changed), maxRowsShown)] {
		p.Host = append(p.Host, clean(c))
	}
	p.HostFacts = hostFacts(p.head, inc)
	for _, st := range inc.Host.Stalls[:min(len(inc.Host.Stalls), maxRowsShown)] {
		p.Stalls = append(p.Stalls, stallRow{s.stampAs(st.At, "15:04:05.000"), st.MS})
	}
	for _, n := range inc.Notes[:min(len(inc.Notes), maxRowsShown)] {
		p.Notes = append(p.Notes, clean(n))
	}
	place := incidentURL(inc.ID)
	for _, f := range []string{"txt", "json", "svg"} {
		p.Links = append(p.Links, link{strings.ToUpper(f), place + "." + f})
	}
	return p
}

// maxRowsShown bounds the lists of a page that a stranger could make long;
// the text and the JSON have all.
const maxRowsShown = 50

// pictureOptions are for a picture among the words of a page.
func (h head) pictureOptions() report.SVGOptions {
	o := report.SVGOptions{Bare: true, Words: map[string]string{}}
	for _, w := range report.SVGWords() {
		key := "svg." + w
		switch {
		case !h.Lang.Has(key):
		case strings.Contains(w, "%s"), strings.Contains(w, "%d"):
			o.Words[w] = h.Lang.Format(key) // filled in where it is drawn
		default:
			o.Words[w] = h.T(key)
		}
	}
	return o
}

func affectedOf(inc *report.Incident) int { return max(inc.Affected, len(inc.Members)) }

func incidentTitle(inc *report.Incident) string {
	s := inc.Members[0].Target
	if n := affectedOf(inc) - 1; n > 0 {
		s += fmt.Sprintf(" +%d", n)
	}
	return s + " " + inc.Times.Began.Format("2006-01-02 15:04:05")
}

// sinceText is a moment as against the beginning: "+0.62 s", "+5 min 10 s".
func (h head) sinceText(at, began time.Time) string {
	d := at.Sub(began)
	if d.Abs() < 100*time.Second {
		return fmt.Sprintf("%+.2f s", d.Seconds())
	}
	sign := "+"
	if d < 0 {
		sign, d = "−", -d
	}
	return sign + h.duration(d.Round(time.Second))
}

func (s *site) momentRows(h head, inc *report.Incident) []momentRow {
	t := &inc.Times
	rows := []momentRow{{Name: h.T("inc.began"), At: s.stampAs(t.Began, "2006-01-02 15:04:05.000 -07:00")}}
	for _, m := range []struct {
		at   *time.Time
		name string
	}{{&t.Noticed, "inc.noticed"}, {t.Probed, "inc.probed"}, {&t.Opened, "inc.opened"}, {t.LastLoss, "inc.last_loss"}, {t.Recovered, "inc.recovered"}, {t.Closed, "inc.closed"}} {
		if m.at != nil {
			rows = append(rows, momentRow{h.T(m.name), s.stampAs(*m.at, "15:04:05.000"), h.sinceText(*m.at, t.Began)})
		}
	}
	return rows
}

func incidentFacts(h head, inc *report.Incident) []fact {
	lasted := ""
	if rec := inc.Times.Recovered; rec != nil {
		lasted = h.duration(rec.Sub(inc.Times.Began))
	}
	return facts(
		h.T("inc.lasted"), lasted,
		h.T("inc.trigger"), h.wordOf("inc.trigger", string(inc.Trigger)),
		h.T("inc.targets"), h.T("inc.targets.of", affectedOf(inc), inc.Watched, inc.Clean),
		h.T("inc.node"), inc.Node.Name+optional(", %s", inc.Node.Place),
	)
}

// suspectsMost is how many places of a common loss are listed.
const suspectsMost = 8

func commonOf(inc *report.Incident) *commonView {
	c := inc.Common
	if c == nil || !c.From.IsValid() && !c.To.IsValid() {
		return nil
	}
	v := &commonView{Behind: c.Behind, Lossy: c.Lossy, Percent: percentText(c.Loss),
		Chance: strconv.FormatFloat(c.Chance, 'f', 2, 64), FromHere: !c.From.IsValid()}
	if c.From.IsValid() {
		v.From = c.From.String()
	}
	if c.To.IsValid() {
		v.To = c.To.String()
	}
	for _, a := range c.Suspects[:min(len(c.Suspects), suspectsMost)] {
		v.Suspects = append(v.Suspects, a.String())
	}
	v.MoreSuspects = len(c.Suspects) - len(v.Suspects)
	return v
}

// linkEnd is one side of the stretch on which packets are lost.
func linkEnd(h head, l report.LinkEnd) string {
	switch {
	case l.TTL == 0:
		return h.T("inc.link.here")
	case l.Addr.IsValid():
		return h.T("inc.link.hop", l.TTL, l.Addr)
	}
	return h.T("inc.link.silent", l.TTL)
}

// hostFacts are the machine's own state when the incident opened, and when
// it was over where that differs.
func hostFacts(h head, inc *report.Incident) []fact {
	st := inc.Host.Opened
	if st == nil {
		return nil
	}
	var links []string
	for _, l := range st.Links {
		w := l.Name
		switch {
		case l.Carrier != nil && !*l.Carrier:
			w += " " + h.T("inc.host.carrier")
		case !l.Up:
			w += " " + h.T("inc.host.down")
		case l.SpeedMbps != nil:
			w += fmt.Sprintf(" %d Mbit/s", *l.SpeedMbps)
		}
		links = append(links, w)
	}
	sync := h.T("inc.host.synced")
	if !st.Clock.Synced {
		sync = h.T("inc.host.unsynced")
	}
	load := ""
	if st.Load1 != nil {
		load = strconv.FormatFloat(*st.Load1, 'f', 2, 64)
		if st.CPUs != nil {
			load += " / " + strconv.Itoa(*st.CPUs)
		}
	}
	return facts(h.T("inc.host.links"), strings.Join(links, ", "), h.T("inc.host.routes"), strings.Join(st.Routes, "; "),
		h.T("inc.host.neighbours"), strings.Join(st.Neighbours, "; "), h.T("inc.host.clock"), sync, h.T("inc.host.load"), load)
}
