package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/report"
)

// listIncidents lists the incidents that are open, then those of the
// archive.
func listIncidents(c *cli.Context, cfg *config.Config, ar *archive.Archive, format string, q archive.Query) error {
	iq := archive.IncidentQuery{Target: q.Target}
	// Open ones first: one that closes between the two looks is in both
	// lists rather than in none.
	var open []archive.IncidentEntry
	for _, inc := range openIncidents(c, cfg, nil) {
		if iq.Match(inc) && !q.Since.After(inc.At) {
			if len(open) == 0 {
				sayStale(c, inc)
			}
			open = append(open, archive.EntryOfIncident(inc))
		}
	}
	iq.Since, iq.Limit = q.Since, oneMore(q.Limit)
	closed, err := ar.Incidents(iq)
	if err != nil {
		return err
	}
	open = slices.DeleteFunc(open, func(o archive.IncidentEntry) bool {
		return slices.ContainsFunc(closed, func(e archive.IncidentEntry) bool { return e.ID == o.ID })
	})
	entries, more := cut(append(open, closed...), q.Limit)
	if err := writeIncidents(c, format, entries, ar.Location(), more); err != nil {
		return err
	}
	sayMore(c, more, q.Limit)
	return nil
}

func writeIncidents(c *cli.Context, format string, entries []archive.IncidentEntry, loc *time.Location, more bool) error {
	if format == "json" || format == "jsonl" {
		return writePart(c.App.Writer, format, "incidents", entries, more)
	}
	t := newTable(c.App.Writer, format, len(entries), "TIME", "FOR", "TARGETS", "LOSS", "VERDICT", "WHERE", "ID", "SENTENCE")
	t.fit(c, incidentsShrink)
	for _, e := range entries {
		at, sentence := e.Opened, report.SentenceIn(e.Sentence, loc)
		if e.Began != nil {
			at = *e.Began
		}
		if e.Unreadable != "" {
			sentence = "cannot be read: " + e.Unreadable
		}
		if format == "table" {
			sentence = shorten(sentence)
		}
		t.row(timeText(at, loc), lastedText(e), targetsText(e), lossText(e.Loss()),
			orDash(string(e.Verdict)), orDash(e.Where), e.ID.String(), sentence)
	}
	return t.end()
}

// lastedText is how long an incident lasted, else why that is not known.
func lastedText(e archive.IncidentEntry) string {
	if e.LastedMS == nil {
		return orDash(string(e.State))
	}
	d := time.Duration(*e.LastedMS) * time.Millisecond
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// targetsText is "203.0.113.7 +11".
func targetsText(e archive.IncidentEntry) string {
	if len(e.Targets) == 0 {
		return "-"
	}
	if e.Affected > 1 {
		return fmt.Sprintf("%s +%d", e.Targets[0], e.Affected-1)
	}
	return e.Targets[0]
}

// sentenceWidth is how much of a sentence a table holds: it says which
// incident this is; mtrq show says the rest.
const sentenceWidth = 60

// shorten cuts a sentence at a word.
func shorten(s string) string {
	r := []rune(s)
	if len(r) <= sentenceWidth {
		return s
	}
	s = string(r[:sentenceWidth-1])
	if i := strings.LastIndexByte(s, ' '); i > len(s)/2 {
		s = s[:i]
	}
	return s + "…"
}

func listSuspects(c *cli.Context, ar *archive.Archive, format string, q archive.Query) error {
	suspects, err := ar.Suspects(q.Since, oneMore(q.Limit), q.Target)
	if err != nil {
		return err
	}
	suspects, more := cut(suspects, q.Limit)
	defer sayMore(c, more, q.Limit)
	if format == "json" || format == "jsonl" {
		return writePart(c.App.Writer, format, "suspects", suspects, more)
	}
	t := newTable(c.App.Writer, format, len(suspects), "TIME", "TARGET", "LOST", "OF", "PINGS", "PATH", "ID")
	for _, s := range suspects {
		t.row(timeText(s.At, ar.Location()), suspectText(s), fmt.Sprint(s.Lost), fmt.Sprint(s.Sent),
			orDash(s.Strip), pathText(s), s.ID.String())
	}
	return t.end()
}

func suspectText(s report.Suspect) string {
	return targetText(archive.Entry{Target: s.Address, Asked: s.Target})
}

// pathText is how far the first look of a suspect came: "9 hops, whole", or
// the last router that answered.
func pathText(s report.Suspect) string {
	last := len(s.Path)
	for last > 0 && s.Path[last-1] == "" {
		last--
	}
	switch {
	case last == 0:
		return "-"
	case s.PathOK != nil && *s.PathOK:
		return fmt.Sprintf("%d hops, whole", last)
	}
	return fmt.Sprintf("to hop %d, %s", last, s.Path[last-1])
}
