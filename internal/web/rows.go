package web

import (
	"fmt"
	"net/url"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

// row is a line of an index as a page shows it. Every field that a
// stranger had a hand in is clean.
type row struct {
	URL       string
	At        stamp // the time of day, with the date where the page spans days
	Target    string
	TargetURL string
	Asked     string // where the request had a name
	Lost      string // "1 of 103"; empty when none was sent
	Percent   string // "1"
	Bar       int    // 0-100
	LossClass string // loss0 … loss4, unknown
	Verdict   string
	Mark      string // ok, warn, bad
	Grade     string
	Fresh     string
	Node      string // where it is another one
	Source    string
	Event     string
	Reason    string
	Tags      []tagView
}

type tagView struct{ Key, Value, URL string }

// rowOf shows an entry; withDate where the page does not say which day
// it is.
func (s *site) rowOf(h head, e archive.Entry, withDate bool) row {
	r := row{
		URL:       s.reportURL(e),
		At:        s.clock(e.At),
		Target:    clean(e.Asked),
		Verdict:   h.Verdict(e.Verdict),
		Mark:      classOf(e.Verdict),
		Grade:     h.Grade(e.Grade),
		Fresh:     h.Fresh(e.Freshness),
		Source:    h.Source(e.Source),
		Event:     clean(e.Event),
		Reason:    clean(e.Reason),
		LossClass: lossClassOf(e.Lost, e.Sent),
	}
	if withDate {
		r.At = s.stampAs(e.At, "01-02 15:04:05")
	}
	if e.Node != s.Node {
		r.Node = clean(e.Node)
	}
	r.TargetURL = targetURL(e.Asked)
	if e.Target.IsValid() {
		r.TargetURL = targetURL(e.Target.String())
		if e.Target.String() != e.Asked {
			r.Target, r.Asked = e.Target.String(), clean(e.Asked)
		}
	}
	if e.Lost != nil && e.Sent != nil && *e.Sent > 0 {
		r.Lost = h.T("rows.lost_of", *e.Lost, *e.Sent)
		r.Percent = lossPercent(*e.Lost, *e.Sent)
		r.Bar = lossWidth(*e.Loss())
	}
	for _, k := range sortedKeys(e.Tags) {
		r.Tags = append(r.Tags, tagView{Key: clean(k), Value: clean(e.Tags[k])})
	}
	return r
}

func (s *site) rowsOf(h head, entries []archive.Entry, withDate bool) []row {
	rows := make([]row, len(entries))
	for i, e := range entries {
		rows[i] = s.rowOf(h, e, withDate)
	}
	return rows
}

// lossWords gives counts before the percentage, in English: "1 of 3" is
// not "33 %". It is empty where nothing is known.
func lossWords(lost, sent *int) string {
	if lost == nil || sent == nil || *sent == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d, %s %%", *lost, *sent, lossPercent(*lost, *sent))
}

// classOf is how a page marks a verdict. The words say the same.
func classOf(c report.Class) string {
	switch c {
	case "":
		return ""
	case report.Clean, report.RateLimitOnly:
		return "ok"
	case report.RealLoss, report.UplinkCut, report.OwnNetwork, report.RoutingLoop:
		return "bad"
	}
	return "warn"
}

func dayURL(d archive.Date) string { return "/" + d.Path() + "/" }

// dayOfEntry is the day in whose list a request stands.
func (s *site) dayOfEntry(e archive.Entry) archive.Date {
	return archive.DateOf(e.At, s.Archive.Location())
}

// reportURL is the one place of a request's report.
func (s *site) reportURL(e archive.Entry) string { return dayURL(s.dayOfEntry(e)) + e.ID.String() }

func targetURL(target string) string { return "/target/" + url.PathEscape(target) }

func incidentURL(id ulid.ULID) string { return "/incident/" + id.String() }
