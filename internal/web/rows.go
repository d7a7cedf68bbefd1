package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

// row is a line of an index as a page shows it. Every field that a
// stranger had a hand in is clean.
type row struct {
	URL       string
	At        string // RFC 3339
	Clock     string // 14:05:32, in the zone of the archive
	Target    string
	Asked     string // where the request had a name
	Loss      string // "1 of 103, 1.0 %"; empty when none was sent
	LossClass string
	Verdict   string
	Grade     string
	Freshness string
	Source    string
	Event     string
	Reason    string
}

func (s *site) rowOf(e archive.Entry) row {
	at := e.At.In(s.Archive.Location())
	r := row{
		URL:       s.reportURL(e),
		At:        at.Format(time.RFC3339),
		Clock:     at.Format("15:04:05"),
		Target:    clean(e.Asked),
		Verdict:   verdictWords(e.Verdict),
		Grade:     clean(string(e.Grade)),
		Freshness: clean(string(e.Freshness)),
		Source:    clean(e.Source),
		Event:     clean(e.Event),
		Reason:    clean(e.Reason),
	}
	if e.Target.IsValid() && e.Target.String() != e.Asked {
		r.Target, r.Asked = e.Target.String(), clean(e.Asked)
	}
	r.Loss = lossWords(e.Lost, e.Sent)
	r.LossClass = classOf(e.Verdict)
	return r
}

// lossWords gives counts before the percentage: "1 of 3" is not "33 %".
// It is empty where nothing is known.
func lossWords(lost, sent *int) string {
	if lost == nil || sent == nil || *sent == 0 {
		return ""
	}
	percent := strconv.FormatFloat(100*float64(*lost)/float64(*sent), 'f', 1, 64)
	return fmt.Sprintf("%d of %d, %s %%", *lost, *sent, percent)
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

func verdictWords(c report.Class) string {
	return clean(strings.ReplaceAll(string(c), "-", " "))
}

func dayURL(d archive.Date) string { return "/" + d.Path() + "/" }

// dayOfEntry is the day in whose list a request stands.
func (s *site) dayOfEntry(e archive.Entry) archive.Date {
	return archive.DateOf(e.At, s.Archive.Location())
}

// reportURL is the one place of a request's report.
func (s *site) reportURL(e archive.Entry) string { return dayURL(s.dayOfEntry(e)) + e.ID.String() }
