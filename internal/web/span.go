package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
)

// A span is one of the fixed stretches of time that a history shows, which
// stand in the URL. Every history is looked at by the same ones, so that two
// targets can be compared.
type span struct {
	name   string
	length time.Duration
	cell   time.Duration // a measurement shares a cell with those of the same …
	status int           // cells of the strip of blocks
	days   bool          // cells are days of the archive
}

var spans = []span{
	{name: "3h", length: 3 * time.Hour, cell: time.Minute, status: 36},
	{name: "30h", length: 30 * time.Hour, cell: 10 * time.Minute, status: 30},
	{name: "10d", length: 240 * time.Hour, cell: time.Hour, status: 40},
	{name: "360d", length: 360 * 24 * time.Hour, cell: 24 * time.Hour, status: 60, days: true},
}

// defaultSpan is the one of "last night".
const defaultSpan = "30h"

// spanOf finds a span by its name; none means the default.
func spanOf(name string) (span, *problem) {
	if name == "" {
		name = defaultSpan
	}
	var names []string
	for _, s := range spans {
		if s.name == name {
			return s, nil
		}
		names = append(names, s.name)
	}
	return span{}, &problem{status: http.StatusBadRequest, code: codeParameter,
		detail: `parameter "range": ` + short(name) + " is none of its values", hint: "use one of " + strings.Join(names, ", ")}
}

// cells are the stretch of time and its cells, the last of which holds now.
// Cells begin at round times of the archive's zone.
func (s span) cells(now time.Time, loc *time.Location) (from, to time.Time, n int) {
	n = int(s.length / s.cell)
	if s.days {
		// Whole days, so that a day of 23 hours moves no other by more than one.
		to = archive.DateOf(now, loc).Add(1).Start(loc)
		return to.Add(-s.length), to, n
	}
	_, offset := now.In(loc).Zone()
	shift := time.Duration(offset) * time.Second
	to = now.Add(shift).Truncate(s.cell).Add(-shift).Add(s.cell)
	return to.Add(-s.length), to, n
}

// windowCells is how many cells a stretch of time has that is none of the
// fixed ones.
const windowCells = 180

// window is a stretch of time that somebody asked for; what they left open
// is that of the span.
func window(from, to, spanFrom, spanTo time.Time) (time.Time, time.Time, int) {
	if from.IsZero() {
		from = spanFrom
	}
	if to.IsZero() {
		to = spanTo
	}
	if !to.After(from) {
		to = from.Add(time.Minute)
	}
	// A cell is no shorter than a second: reports are not accepted more often.
	return from, to, int(min(windowCells, max(1, to.Sub(from)/time.Second)))
}

type rangeLink struct {
	Name, URL string
	Here      bool
}
