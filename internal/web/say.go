package web

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mtrq/mtrq/report"
)

// wordOf says a word of a report in the language of the page; one that
// the catalogue does not know, from a newer mtrq or a stranger, is shown
// as it is.
func (h head) wordOf(kind, word string) string {
	if word == "" {
		return ""
	}
	if key := kind + "." + word; h.Lang.Has(key) {
		return h.Lang.Say(key)
	}
	return clean(strings.ReplaceAll(word, "-", " "))
}

// Verdict is the class of a verdict in words.
func (h head) Verdict(c report.Class) string { return h.wordOf("verdict", string(c)) }

// Grade is how sure a verdict is.
func (h head) Grade(g report.Grade) string { return h.wordOf("grade", string(g)) }

// Fresh is how a request's first look lies to the loss.
func (h head) Fresh(f report.Freshness) string { return h.wordOf("fresh", string(f)) }

// Source is who asked: a person, a monitoring system, the watchdog.
func (h head) Source(s string) string { return h.wordOf("source", s) }

// Ended is why a trace stopped.
func (h head) Ended(e report.Ended) string { return h.wordOf("ended", string(e)) }

// State is how a target showed itself in a trace.
func (h head) State(s report.State) string { return h.wordOf("state", string(s)) }

// A stamp is a time for people and for programs. Templates show it with
// {{template "time" .}}.
type stamp struct {
	ISO  string // with offset, for the datetime attribute
	UTC  string // shown when the pointer rests on it
	Text string
}

// longTime is a time as people read it, never without its offset.
const longTime = "2006-01-02 15:04:05 -07:00"

// stamp is a time in the archive's zone, with its offset.
func (s *site) stamp(t time.Time) stamp { return s.stampAs(t, longTime) }

// clock is the time of day alone, where the page says which day it is.
func (s *site) clock(t time.Time) stamp { return s.stampAs(t, "15:04:05") }

func (s *site) stampAs(t time.Time, layout string) stamp {
	in := t.In(s.Archive.Location())
	return stamp{ISO: in.Format(time.RFC3339), UTC: t.UTC().Format("2006-01-02 15:04:05 UTC"), Text: in.Format(layout)}
}

// lossClassOf is how a page marks a share of lost packets: "loss0" (none)
// to "loss4" (half and more), "unknown" where nobody knows.
func lossClassOf(lost, sent *int) string {
	if lost == nil || sent == nil || *sent <= 0 {
		return "unknown"
	}
	switch part := float64(*lost) / float64(*sent); {
	case *lost == 0:
		return "loss0"
	case part < 0.02:
		return "loss1"
	case part < 0.10:
		return "loss2"
	case part < 0.50:
		return "loss3"
	}
	return "loss4"
}

// lossWidth is a loss in percent as a bar of at most 100 units: what is
// lost can be seen however little it is.
func lossWidth(percent float64) int {
	if percent <= 0 {
		return 0
	}
	return int(math.Max(3, math.Min(100, math.Round(percent))))
}

// lossPercent is a loss as percentText has it.
func lossPercent(lost, sent int) string { return percentText(100 * float64(lost) / float64(sent)) }

// percentText never rounds some loss to none, or some answers away.
func percentText(p float64) string {
	s := strconv.FormatFloat(p, 'f', 1, 64)
	switch {
	case p > 0 && s == "0.0":
		return "<0.1"
	case p < 100 && s == "100.0":
		return ">99.9"
	}
	return strings.TrimSuffix(s, ".0")
}

// count writes a number with thin spaces between its thousands.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}
