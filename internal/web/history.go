package web

import (
	"fmt"
	"html/template"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/chart"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// Widths of a chart, px: for a screen and for a telephone. Each is drawn for
// its own, so that its words stay legible; the style sheet shows one of them.
const (
	wideChart   = 900
	narrowChart = 360
)

// suspectSpan is how long a history may be to show missed pings, too: there
// can be thousands of them a day.
const (
	suspectSpan = 2 * 24 * time.Hour
	maxSuspects = 300
)

// maxIncidentRows bounds the list of a target's incidents.
const maxIncidentRows = 50

// draw makes the pictures of a target's page.
func (p *targetPage) draw(s *site, tq targetQuery, tv *archive.TargetView) error {
	incidents := s.spansOf(p.head, tq, tv)
	wide := s.history(p.head, tq, tv, incidents, wideChart)
	narrow := s.history(p.head, tq, tv, incidents, narrowChart)
	narrow.ID = "hn"
	narrow.Cells = nil
	for _, c := range chart.Coarse(wide.Cells, 2) {
		c.Title, c.URL = "", "" // no pointer on a telephone, and every byte counts there
		narrow.Cells = append(narrow.Cells, c)
	}
	// Made by us, every word of a stranger escaped.
	p.Chart, p.Small = template.HTML(wide.Draw()), template.HTML(narrow.Draw()) //nolint:gosec // see above

	n := max(1, len(wide.Cells)/max(1, tq.span.status))
	blocks := chart.Coarse(wide.Cells, n)
	lossy := 0
	for i := range blocks {
		b := &blocks[i]
		b.URL = targetURL(tq.target) + without(tq.query, "range", tq.span.name, "from", b.Start.Format(time.RFC3339Nano), "to", b.Start.Add(b.Length).Format(time.RFC3339Nano), "before", "", "offset", "")
		b.Title = p.cellTitle(s, b)
		if b.Worst != nil && *b.Worst > 0 {
			lossy++
		}
	}
	p.Status = template.HTML(chart.Status("hs", p.T("hist.status"), p.T("hist.status.desc", lossy, len(blocks)), blocks, wideChart)) //nolint:gosec // see above
	p.StatusSays = wide.Words.Title + ": " + wide.Words.Desc + ". " + p.T("hist.status.desc", lossy, len(blocks)) + "."
	p.StatusEnds = [2]string{p.From.Text, p.To.Text}

	days, recent, err := s.yearOf(tq)
	if err != nil {
		return err
	}
	for i := range days {
		days[i].Title = p.cellTitle(s, &days[i])
		day := archive.DateOf(days[i].Start.Add(12*time.Hour), s.Archive.Location())
		days[i].URL = dayURL(day) + "?target=" + tq.target
	}
	if !tq.span.days {
		p.Year = template.HTML(chart.Year("hy", p.T("hist.year"), "", days, s.Archive.Location(), wideChart))             //nolint:gosec // see above
		p.YearNarrow = template.HTML(chart.Year("hyn", p.T("hist.year"), "", days, s.Archive.Location(), narrowChart-20)) //nolint:gosec // see above
	}
	shown := s.incidentsOf(tq, recent)
	if len(shown) > maxIncidentRows {
		p.MoreIncidents = len(shown) - maxIncidentRows
		shown = shown[:maxIncidentRows]
	}
	p.Incidents = s.datedRows(p.head, shown)
	p.Summary = p.summary(wide.Cells, len(incidents))
	return nil
}

// yearOf is the last 360 days, whatever the filter, with its incidents.
func (s *site) yearOf(tq targetQuery) ([]chart.Cell, *archive.TargetView, error) {
	year := spans[len(spans)-1]
	from, to, n := year.cells(s.Now(), s.Archive.Location())
	tv, err := s.Archive.ViewTarget(tq.target, from, to, n, archive.View{Limit: 1})
	if err != nil {
		return nil, nil, err
	}
	return cellsOf(tv.Buckets), tv, nil
}

// cellsOf are buckets as charts have them.
func cellsOf(buckets []archive.Bucket) []chart.Cell {
	out := make([]chart.Cell, len(buckets))
	for i, b := range buckets {
		out[i] = chart.Cell{Start: b.Start, Length: b.Length, Reports: b.Reports, Unknown: b.Unknown, Sent: b.Sent, Lost: b.Lost,
			Worst: b.WorstLoss, Min: b.RTTMin, Median: b.RTTMedian, Max: b.RTTMax}
	}
	return out
}

// history is the chart of a target.
func (s *site) history(h head, tq targetQuery, tv *archive.TargetView, incidents []chart.Span, wide float64) *chart.History {
	c := &chart.History{ID: "h", From: tq.from, To: tq.to, Zone: s.Archive.Location(), Cells: cellsOf(tv.Buckets), Spans: incidents, Wide: wide}
	for i := range c.Cells {
		cell := &c.Cells[i]
		if cell.Blank() {
			continue
		}
		cell.Title = h.cellTitle(s, cell)
		cell.URL = targetURL(tq.target) + without(tq.query, "range", tq.span.name, "from", cell.Start.Format(time.RFC3339Nano), "to", cell.Start.Add(cell.Length).Format(time.RFC3339Nano), "before", "", "offset", "")
	}
	c.Words = chart.Words{
		Title: h.T("hist.chart", clean(tq.target)), Desc: h.T("hist.chart.desc", tv.Matching, len(incidents)),
		RTT: h.T("hist.rtt"), Loss: h.T("hist.loss"), Empty: h.T("hist.empty"), Beyond: h.Lang.Format("hist.beyond"),
		Zone: h.T("hist.zone", tq.to.In(s.Archive.Location()).Format("-07:00")), Suspect: h.T("hist.suspects"),
	}
	if tq.to.Sub(tq.from) <= suspectSpan {
		suspects, err := s.Archive.Suspects(tq.from, maxSuspects, tq.target)
		if err == nil { // marks beside the chart: it stands without them
			for _, m := range suspects {
				c.Marks = append(c.Marks, chart.Mark{At: m.At, Title: h.T("rows.lost_of", m.Lost, m.Sent)})
			}
		}
	}
	return c
}

// spansOf are the incidents that a history shows.
func (s *site) spansOf(h head, tq targetQuery, tv *archive.TargetView) []chart.Span {
	var out []chart.Span
	for _, e := range s.incidentsOf(tq, tv) {
		from := e.Opened
		if e.Began != nil {
			from = *e.Began
		}
		to := from
		switch {
		case e.LastedMS != nil:
			to = from.Add(time.Duration(*e.LastedMS) * time.Millisecond)
		case e.State == report.IncidentOpen:
			to = s.Now()
		case e.Closed != nil:
			to = *e.Closed
		}
		title := s.stamp(from).Text + " " + h.Verdict(e.Verdict)
		out = append(out, chart.Span{From: from, To: to.Add(time.Second), Title: title, URL: incidentURL(e.ID)})
	}
	return out
}

// cellTitle says what a cell holds.
func (h head) cellTitle(s *site, c *chart.Cell) string {
	loc := s.Archive.Location()
	layout := "2006-01-02 15:04"
	if c.Length >= 23*time.Hour {
		layout = "2006-01-02"
	}
	at := c.Start.In(loc).Format(layout)
	if c.Length < time.Minute {
		at = c.Start.In(loc).Format("2006-01-02 15:04:05")
	}
	switch {
	case c.Blank():
		return at + ": " + h.T("hist.cell.none")
	case c.Worst == nil:
		return at + ": " + h.T("hist.cell.unknown", c.Reports)
	}
	t := at + ": " + h.T("hist.cell", c.Reports, percentText(*c.Worst))
	if c.Sent > 0 {
		t += ", " + h.T("rows.lost_of", c.Lost, c.Sent)
	}
	if c.Min != nil && c.Median != nil && c.Max != nil {
		t += ", " + h.T("hist.cell.rtt", durationText(*c.Min), durationText(*c.Median), durationText(*c.Max))
	}
	return t
}

func durationText(d time.Duration) string { return millis(float64(d) / float64(time.Millisecond)) }

// summary is a history in figures.
func (p *targetPage) summary(cells []chart.Cell, incidents int) []fact {
	all := chart.Coarse(cells, max(1, len(cells)))
	if len(all) == 0 {
		return nil
	}
	c := &all[0]
	worst, median, high := "", "", ""
	if c.Worst != nil {
		worst = percentText(*c.Worst) + " %"
	}
	if c.Median != nil {
		median = durationText(*c.Median)
	}
	if c.Max != nil && c.Min != nil {
		high = durationText(*c.Min) + " – " + durationText(*c.Max)
	}
	reports := count(c.Reports)
	if c.Unknown > 0 {
		reports += ", " + p.T("hist.sum.unknown", c.Unknown)
	}
	return facts(p.T("hist.sum.reports"), reports, p.T("hist.sum.incidents"), count(incidents), p.T("hist.sum.worst"), worst,
		p.T("hist.sum.median"), median, p.T("hist.sum.range"), high)
}

// liveStrip draws the last pings of a watched target.
func liveStrip(h head, t *spool.WatchTarget) template.HTML {
	pings := report.Pings{From: t.Since, Answer: t.Strip}
	every := max(1, t.Interval)
	for i := range len(t.Strip) {
		pings.TxMS = append(pings.TxMS, int64(i)*every)
	}
	const places = 60
	to := pings.From.Add(time.Duration(max(places, len(t.Strip))) * time.Duration(every) * time.Millisecond)
	title := h.T("hist.strip", len(t.Strip), fmt.Sprintf("%g", float64(every)/1000))
	return template.HTML(chart.Pings("now", title, &pings, nil, pings.From, to, 240, 20)) //nolint:gosec // made by us
}
