package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/chart"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// badgeSpans are the ranges of the badge of loss.
var badgeSpans = map[string]time.Duration{"1h": time.Hour, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "30d": 30 * 24 * time.Hour}

const defaultBadge = "24h"

// badge answers /badge/X.svg: how a watched target is now.
func (s *site) badge(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutSuffix(r.PathValue("target"), ".svg")
	target, err := targetName(name)
	if !ok || err != nil {
		s.notFound(w, r)
		return
	}
	value, tone := s.stateBadge(target)
	s.sendBadge(w, r, chart.Badge(target, value, tone))
}

// stateBadge is a target's state in few words. What is not known is never
// "ok".
func (s *site) stateBadge(target string) (string, chart.Tone) {
	t, fresh := s.watched(target)
	switch {
	case !fresh:
		return "unknown", chart.ToneUnknown
	case t == nil:
		return "not watched", chart.ToneUnknown
	}
	value := clean(string(t.State))
	switch t.State {
	case spool.TargetOK:
		if t.P50US != nil {
			value += " " + millis(float64(*t.P50US)/1000)
		}
		return value, chart.ToneGood
	case spool.TargetLossy:
		if t.Sent > 0 {
			value += fmt.Sprintf(" %d/%d", t.Lost, t.Sent)
		}
		return value, chart.ToneBad
	case spool.TargetSuspect, spool.TargetSlow, spool.TargetUnresolved:
		return value, chart.ToneWatch
	}
	return value, chart.ToneUnknown
}

// lossBadge answers /badge/X/loss.svg?range=24h: the worst loss that a report
// saw in that time, and how many incidents there were. Reports are made when
// packets are lost, so a mean of them would say nothing of the line.
func (s *site) lossBadge(w http.ResponseWriter, r *http.Request) {
	target, err := targetName(r.PathValue("target"))
	if err != nil {
		s.notFound(w, r)
		return
	}
	name := r.URL.Query().Get("range")
	if name == "" {
		name = defaultBadge
	}
	length, ok := badgeSpans[name]
	if !ok {
		s.fail(w, r, &problem{status: http.StatusBadRequest, code: codeParameter,
			detail: `parameter "range": ` + short(name) + " is none of its values", hint: "use one of 1h, 24h, 7d, 30d"})
		return
	}
	tq := targetQuery{target: target, to: s.Now()}
	tq.from = tq.to.Add(-length)
	if t, _ := s.watched(target); t != nil && t.Address.IsValid() {
		tq.target = t.Address.String() // reports are filed under it
	}
	tv, err := s.Archive.ViewTarget(tq.target, tq.from, tq.to, 1, archive.View{Limit: 1})
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	var c chart.Cell
	if cells := chart.Coarse(cellsOf(tv.Buckets), len(tv.Buckets)); len(cells) > 0 {
		c = cells[0]
	}
	value, tone := lossWordsOf(c, s.incidentsOf(tq, tv), s.lookedAt(target))
	s.sendBadge(w, r, chart.Badge(target+" loss "+name, value, tone))
}

// lookedAt says that the watchdog pings a target now and would have opened an
// incident that is known here.
func (s *site) lookedAt(target string) bool {
	t, fresh := s.watched(target)
	if t == nil || !fresh || s.openFault() != "" {
		return false
	}
	switch t.State {
	case spool.TargetNew, spool.TargetPaused, spool.TargetUnresolved:
		return false
	}
	return true
}

// lossWordsOf says what was seen, and never that there was nothing where
// nobody looked.
func lossWordsOf(c chart.Cell, incidents []archive.IncidentEntry, watched bool) (string, chart.Tone) {
	n := len(incidents)
	var parts []string
	switch {
	case n == 1:
		parts = append(parts, "1 incident")
	case n > 1:
		parts = append(parts, count(n)+" incidents")
	}
	open := false
	for _, e := range incidents {
		open = open || e.State == report.IncidentOpen
	}
	if c.Worst != nil && *c.Worst > 0 {
		parts = append(parts, "worst "+percentText(*c.Worst)+" %")
	}
	switch {
	case open, c.Worst != nil && *c.Worst > 10:
		return strings.Join(parts, ", "), chart.ToneBad
	case len(parts) > 0:
		return strings.Join(parts, ", "), chart.ToneWatch
	case c.Worst != nil:
		return fmt.Sprintf("none in %s reports", count(c.Reports)), chart.ToneGood
	case watched:
		return "no incident", chart.ToneGood
	}
	return "no report", chart.ToneUnknown
}

// sendBadge sends a badge, which pages of others may show: it is asked for
// anew each time, and costs nothing where it is the same.
func (s *site) sendBadge(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	s.sendCached(w, r, appSVG, cacheAsk, body)
}
