package web

import (
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/spool"
)

// targetRows is how many reports the page of a target lists.
const targetRows = 100

type targetPage struct {
	head
	Target, Asked string
	Who           who
	Names         namesNote
	Now           *nowView
	NotWatched    string
	OpenFault     string // why it is not known which incidents are open
	Ranges        []rangeLink
	Range         string
	From, To      stamp
	Chart, Small  template.HTML // the same for a wide and for a narrow screen
	Status        template.HTML
	StatusSays    string // what the pictures show, in words
	StatusEnds    [2]string
	Year          template.HTML
	YearNarrow    template.HTML
	Summary       []fact
	Incidents     []incidentRow
	MoreIncidents int
	Rows          []row
	Total         int
	Matching      int
	First, Last   *stamp
	Form          filterForm
	Chips         []chip
	Clear         string
	Older         string
	Badge, Loss   string // paths
	BadgeURL      string // of the first, as others embed it
	EnqueueCurl   string
	Filtered      bool
}

// nowView is how a watched target is at this moment.
type nowView struct {
	State, StateWord, Mark string
	Since                  stamp
	Lost, Percent          string
	RTT, P50, P95          string
	Strip                  template.HTML
	Group, Note, Until     string
	Incident               string // URL
	Old                    string // since when nobody watches; empty: somebody does
}

// targetQuery is what is asked of a target's history.
type targetQuery struct {
	target   string // an address as it is written here, or a name
	ending   string // of the path, that names the form: ".json"; empty: Accept does
	form     format
	span     span
	from, to time.Time
	cells    int
	view     archive.View
	query    url.Values // what is left of the query: filters
}

// target answers /target/X: the history of an address or a name, also with
// .json, .csv, .txt or .svg.
func (s *site) target(w http.ResponseWriter, r *http.Request) {
	tq, p := s.targetQuery(r)
	if p != nil {
		s.fail(w, r, p)
		return
	}
	if to := s.elsewhere(tq, r); to != "" {
		w.Header().Set("Cache-Control", "no-cache")
		http.Redirect(w, r, to, http.StatusFound)
		return
	}
	view := func() (*archive.TargetView, error) {
		tv, err := s.Archive.ViewTarget(tq.target, tq.from, tq.to, tq.cells, tq.view)
		if err == nil {
			w.Header().Set("Mtrq-Total", strconv.Itoa(tv.Total))
			w.Header().Set("Mtrq-Matching", strconv.Itoa(tv.Matching))
		}
		return tv, err
	}
	if tq.form == formatHTML {
		s.briefPage(w, r, forSecond, 0, func() ([]byte, error) {
			tv, err := view()
			if err != nil {
				return nil, pageProblem{archiveProblem(err)}
			}
			page, err := s.targetPage(r, tq, tv)
			if err != nil {
				return nil, pageProblem{archiveProblem(err)}
			}
			return s.render(page.Lang, "target.html", page)
		})
		return
	}
	body, err := s.made(r, func() ([]byte, error) {
		tv, err := view()
		if err != nil {
			return nil, err
		}
		return s.targetForm(r, tq, tv)
	})
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	s.sendCached(w, r, listType(tq.form), cacheAsk, body)
}

// targetForm is a target's history in a form that is no page.
func (s *site) targetForm(r *http.Request, tq targetQuery, tv *archive.TargetView) ([]byte, error) {
	switch tq.form {
	case formatJSON:
		return s.targetJSON(tq, tv)
	case formatCSV:
		return s.csvTable(tv.Entries), nil
	case formatSVG:
		return s.targetSVG(r, tq, tv), nil
	}
	return s.targetText(r, tq, tv), nil
}

// targetSVG is the chart alone: an image, without links into this server.
func (s *site) targetSVG(r *http.Request, tq targetQuery, tv *archive.TargetView) []byte {
	h := s.head(r, "")
	c := s.history(h, tq, tv, s.spansOf(h, tq, tv), wideChart)
	for i := range c.Cells {
		c.Cells[i].URL = ""
	}
	for i := range c.Spans {
		c.Spans[i].URL = ""
	}
	return c.Draw()
}

// targetQuery reads path and query.
func (s *site) targetQuery(r *http.Request) (targetQuery, *problem) {
	q, p := listQuery(r)
	if p != nil {
		return targetQuery{}, p
	}
	tq := targetQuery{query: q}
	name := r.PathValue("target")
	tq.target, tq.form = formExt(name, r)
	if base, ok := strings.CutSuffix(name, ".csv"); ok {
		tq.target, tq.form = base, formatCSV
	}
	tq.ending = strings.TrimPrefix(name, tq.target)
	var err error
	if tq.target, err = targetName(tq.target); err != nil {
		return tq, &problem{status: http.StatusBadRequest, code: codeTarget, detail: err.Error(),
			hint: "write an address or a name: /target/203.0.113.7, /target/2001:db8::7, /target/edge.example.net"}
	}
	if tq.span, p = spanOf(q.Get("range")); p != nil {
		return tq, p
	}
	q.Del("range")
	loc := s.Archive.Location()
	now := s.Now()
	if tq.view, p = readView(q, archive.DateOf(now, loc), loc); p != nil {
		return tq, p
	}
	if q.Get("limit") == "" {
		tq.view.Limit = targetRows
	}
	tq.from, tq.to, tq.cells = tq.span.cells(now, loc)
	f := &tq.view.Filter
	if !f.From.IsZero() || !f.To.IsZero() {
		for _, t := range []time.Time{f.From, f.To} {
			if !t.IsZero() && (t.Year() < 1970 || t.Year() > 3000) {
				return tq, &problem{status: http.StatusBadRequest, code: codeParameter,
					detail: "no report is of the year " + strconv.Itoa(t.Year()), hint: "give from and to as 2026-11-23T13:00:00+08:00"}
			}
		}
		tq.from, tq.to, tq.cells = window(f.From, f.To, tq.from, tq.to)
	}
	return tq, nil
}

// targetName is a target as the archive files it.
func targetName(s string) (string, error) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.WithZone("").Unmap().String(), nil
	}
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	const most = 253
	ok := s != "" && len(s) <= most && !strings.HasPrefix(s, ".") && !strings.HasPrefix(s, "-")
	for i := range len(s) {
		c := s[i]
		ok = ok && (c == '.' || c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z')
	}
	if !ok {
		return "", fmt.Errorf("%s is neither an address nor a name", short(s))
	}
	return s, nil
}

// elsewhere is where the history of a name lies: reports are filed under the
// address that was traced. Empty: here.
func (s *site) elsewhere(tq targetQuery, r *http.Request) string {
	target := tq.target
	if _, err := netip.ParseAddr(target); err == nil {
		return ""
	}
	query := ""
	if r.URL.RawQuery != "" {
		query = "?" + r.URL.RawQuery
	}
	ending := tq.ending
	if t, _ := s.watched(target); t != nil && t.Address.IsValid() {
		return targetURL(t.Address.String()) + ending + query
	}
	const enough = 50
	hits, err := s.Archive.Search(target, enough)
	if err != nil {
		return ""
	}
	for _, hit := range hits {
		if hit.Kind != archive.HitTarget || !strings.EqualFold(hit.Detail, target) {
			continue
		}
		if _, err := netip.ParseAddr(hit.Target); err == nil {
			return targetURL(hit.Target) + ending + query
		}
	}
	return ""
}

func (s *site) targetPage(r *http.Request, tq targetQuery, tv *archive.TargetView) (targetPage, error) {
	p := targetPage{head: s.head(r, tq.target), Target: clean(tq.target), Total: tv.Total, Matching: tv.Matching, Range: tq.span.name}
	p.Query = ""
	if len(tv.Entries) > 0 && tv.Entries[0].Asked != tq.target {
		p.Asked = clean(tv.Entries[0].Asked)
	}
	p.Now, p.NotWatched = s.nowOf(p.head, tq.target)
	p.OpenFault = s.openFault()
	p.Who, p.Names = s.whoIs(p.head, tq.target, tv.Total > 0 || p.Now != nil)
	if p.Now != nil && p.Now.Old == "" {
		p.Refresh = targetRefresh
	}
	base := targetURL(tq.target)
	for _, sp := range spans {
		p.Ranges = append(p.Ranges, rangeLink{Name: p.T("hist.range." + sp.name), URL: base + without(tq.query, "from", "", "to", "", "before", "", "offset", "", "range", sp.name), Here: sp.name == tq.span.name && tq.query.Get("from")+tq.query.Get("to") == ""})
	}
	p.From, p.To = s.stampAs(tq.from, "2006-01-02 15:04"), s.stampAs(tq.to, "2006-01-02 15:04 -07:00")
	if err := p.draw(s, tq, tv); err != nil {
		return p, err
	}
	p.Rows = s.rowsOf(p.head, tv.Entries, true)
	p.Form = s.filterForm(p.head, tq.query)
	p.Chips = chipsOf(p.head, base, tq.query)
	p.Filtered, p.Clear = len(p.Chips) > 0, base+"?range="+tq.span.name
	p.Older = olderTarget(tq, tv)
	if !tv.First.IsZero() {
		first, last := s.stamp(tv.First), s.stamp(tv.Last)
		p.First, p.Last = &first, &last
	}
	p.Badge, p.Loss = "/badge/"+url.PathEscape(tq.target)+".svg", "/badge/"+url.PathEscape(tq.target)+"/loss.svg?range=24h"
	p.BadgeURL = plainURL(baseURL(r, s.PublicURL) + p.Badge)
	p.EnqueueCurl = "curl '" + plainURL(baseURL(r, s.PublicURL)) + "/api/mtr?ip=" + url.QueryEscape(tq.target) + "'"
	for _, f := range []string{"txt", "csv", "json", "svg"} {
		p.Links = append(p.Links, link{strings.ToUpper(f), base + "." + f + without(tq.query, "range", tq.span.name)})
	}
	return p, nil
}

// olderTarget is where the list of a target's reports goes on, with a few
// parameters set.
func olderTarget(tq targetQuery, tv *archive.TargetView, set ...string) string {
	q := url.Values{}
	maps.Copy(q, tq.query)
	q.Set("range", tq.span.name)
	for i := 0; i+1 < len(set); i += 2 {
		q.Set(set[i], set[i+1])
	}
	return olderURL(targetURL(tq.target), q, tq.view, tv.Entries, tv.Matching)
}

// targetRefresh is how often the page of a watched target asks again, s.
const targetRefresh = 30

// nowOf is how a target is, if it is watched; else why that is not known.
func (s *site) nowOf(h head, target string) (*nowView, string) {
	t, fresh := s.watched(target)
	switch {
	case t == nil && fresh:
		return nil, h.T("hist.unwatched")
	case t == nil && s.watchFault() != nil:
		return nil, h.T("watch.unreadable", faultText(s.watchFault()))
	case t == nil:
		return nil, h.T("hist.nobody")
	}
	v := &nowView{State: clean(string(t.State)), StateWord: h.wordOf("tstate", string(t.State)), Mark: markOfState(t.State), Since: s.stamp(t.Since),
		Group: clean(t.Group), Note: clean(t.Note)}
	if !fresh {
		st, _ := s.watchState()
		v.Old, v.Mark = st.At.In(s.Archive.Location()).Format(longTime), ""
	}
	if t.Sent > 0 {
		v.Lost, v.Percent = h.T("rows.lost_of", t.Lost, t.Sent), lossPercent(t.Lost, t.Sent)
	}
	v.RTT, v.P50, v.P95 = microText(t.LastUS), microText(t.P50US), microText(t.P95US)
	if t.Until != nil {
		v.Until = s.stamp(*t.Until).Text
	}
	if id, ok := parseID(t.Incident); ok {
		v.Incident = incidentURL(id)
	}
	v.Strip = liveStrip(h, t)
	return v, ""
}

func microText(us *int64) string {
	if us == nil {
		return ""
	}
	return millis(float64(*us) / 1000)
}

func markOfState(st spool.TargetState) string {
	switch st {
	case spool.TargetOK:
		return "ok"
	case spool.TargetLossy:
		return "bad"
	case spool.TargetSuspect, spool.TargetSlow, spool.TargetUnresolved:
		return "warn"
	}
	return ""
}

// incidentsOf are those of a target in the time asked for, open ones first.
// Where those cannot be read, openFault says so.
func (s *site) incidentsOf(tq targetQuery, tv *archive.TargetView) []archive.IncidentEntry {
	out := []archive.IncidentEntry{}
	open, _ := s.openIncidents()
	for _, e := range open {
		if s.openOf(e.ID, tq.target) && e.Opened.Before(tq.to) &&
			!slices.ContainsFunc(tv.Incidents, func(c archive.IncidentEntry) bool { return c.ID == e.ID }) {
			out = append(out, e)
		}
	}
	return append(out, tv.Incidents...)
}
