package main

import (
	"slices"
	"strings"
)

const (
	tableGap  = 2  // columns between cells
	leastLast = 20 // columns of the last cell, a sentence, that are worth having
	someWide  = 15 // of the widest cell, an IPv4 address, before figures go …
	leastWide = 10 // … and in the end
)

// shrink is how a table is made narrower. First its last column, which holds
// words, is cut; where too little of it would be left, the columns of drop
// go, one after the other, except that TIME only loses its year and zone, and
// the cells of the column wide are only cut, as they are once more in the end.
// A verdict says more than a figure, and goes after it. IDs stay whole: those
// of one millisecond, as of an incident and its traces, have 19 of 26
// characters in common.
type shrink struct {
	width int // of the terminal; 0: the table stays as it is
	wide  string
	drop  []string
}

func reportsShrink(width int) shrink {
	return shrink{width, "TARGET", []string{"ENDED", "AVG", "FRESH", "OF", "REASON", "TIME", "TARGET", "LOSS", "VERDICT"}}
}

func incidentsShrink(width int) shrink {
	return shrink{width, "TARGETS", []string{"SENTENCE", "TIME", "TARGETS", "WHERE", "LOSS", "FOR", "VERDICT"}}
}

func hitsShrink(width int) shrink {
	return shrink{width, "TARGET", []string{"FRESH", "TIME", "OF", "TARGET", "LOSS", "VERDICT", "AT HOP", "HOP"}}
}

// rows makes rows, of which the first is the head, fit.
func (s shrink) rows(rows [][]string) [][]string {
	if s.width == 0 || len(rows) == 0 {
		return rows
	}
	last := rows[0][len(rows[0])-1]
	for n, name := range append(s.drop[:len(s.drop):len(s.drop)], s.wide) {
		col := slices.Index(rows[0], last)
		room := s.width
		if col >= 0 {
			room -= tableWidth(rows) - columnWidth(rows, col)
		} else {
			room -= tableWidth(rows)
		}
		switch i := slices.Index(rows[0], name); {
		case col < 0 && room >= 0:
			return rows
		case col >= 0 && room >= min(columnWidth(rows, col), leastLast):
			cutColumn(rows, col, room)
			return rows
		case i < 0:
		case name == s.wide:
			least := someWide
			if n == len(s.drop) {
				least = leastWide
			}
			cutColumn(rows, i, max(least, columnWidth(rows, i)-(tableWidth(rows)-s.width)))
		case name == "TIME":
			for _, cells := range rows[1:] {
				cells[i] = shortTime(cells[i])
			}
		default:
			for j := range rows {
				rows[j] = slices.Delete(rows[j], i, i+1)
			}
		}
	}
	return rows
}

// leftOut are the columns that rows took away.
func leftOut(before, after []string) []string {
	return slices.DeleteFunc(slices.Clone(before), func(h string) bool { return slices.Contains(after, h) })
}

// shortTime is "11-23 14:05:32" of "2026-11-23 14:05:32+08:00".
func shortTime(s string) string {
	if len(s) < len("2026-11-23 14:05:32") {
		return s
	}
	return s[len("2026-"):len("2026-11-23 14:05:32")]
}

func cutColumn(rows [][]string, col, width int) {
	for _, cells := range rows {
		if textWidth(cells[col]) > width {
			cells[col] = strings.TrimRight(clip(cells[col], width-1), " ") + "…"
		}
	}
}

func tableWidth(rows [][]string) int {
	n := tableGap * (len(rows[0]) - 1)
	for col := range rows[0] {
		n += columnWidth(rows, col)
	}
	return n
}

func columnWidth(rows [][]string, col int) int {
	n := 0
	for _, cells := range rows {
		n = max(n, textWidth(cells[col]))
	}
	return n
}
