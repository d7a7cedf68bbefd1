package main

import (
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/mtrq/mtrq/spool"
)

// What text is painted with: parameters of SGR, "CSI … m" of a terminal.
const (
	inkBad   = "1;31"
	inkWarn  = "33"
	inkOK    = "32"
	inkQuiet = "36"
	inkDim   = "2"
	inkHead  = "1"
)

// inkOf is the colour of a state.
func inkOf(s spool.TargetState) string {
	switch s {
	case spool.TargetLossy:
		return inkBad
	case spool.TargetSlow, spool.TargetSuspect:
		return inkWarn
	case spool.TargetOK:
		return inkOK
	case spool.TargetPaused, spool.TargetNew:
		return inkQuiet
	}
	return inkDim
}

// mayColour says whether w is a terminal whose user has nothing against
// colours (no-color.org).
func mayColour(w io.Writer) bool { return isTerminal(w) && os.Getenv("NO_COLOR") == "" }

func painted(text, ink string, on bool) string {
	if !on || ink == "" || text == "" {
		return text
	}
	return "\x1b[" + ink + "m" + text + "\x1b[0m"
}

// cell is one place of a grid.
type cell struct {
	text  string // printable
	ink   string
	pings bool // text is a strip: blocks in colour, the newest ping on the right
}

// grid is a table of the targets, which gives up columns where it must be
// narrow. tabwriter counts colours, and Chinese names, wrongly.
type grid struct {
	head []string
	rows [][]cell
	gone [columns]bool
	most [columns]int // width that a column may have, 0: any
}

const (
	columnTarget = iota
	columnGroup
	columnState
	columnSince
	columnLoss
	columnRTT
	columnP50
	columnP95
	columnPings
	columnIncident
	columnNote
	columns
)

// dropEmpty drops a column that says nothing in any row.
func (g *grid) dropEmpty(column int, nothing string) {
	for _, r := range g.rows {
		if r[column].text != nothing {
			return
		}
	}
	g.gone[column] = true
}

// giveUp is what a grid does without, step by step, until it fits: a column
// is narrowed to most, or dropped where that is 0. mtrq show takes 13
// characters of an ID as well.
func giveUp() []struct{ column, most int } {
	return []struct{ column, most int }{
		{columnPings, 40}, {columnNote, 30}, {columnIncident, 13}, {columnP50, 0}, {columnPings, 30}, {columnTarget, 40},
		{columnGroup, 12}, {columnGroup, 0}, {columnNote, 0}, {columnP95, 0}, {columnPings, 20}, {columnSince, 0}, {columnIncident, 0},
		{columnTarget, 30}, {columnPings, 12}, {columnTarget, 20}, {columnRTT, 0},
	}
}

// lines draws the grid, not wider than width where that can be; 0 is any.
func (g *grid) lines(width int, ink bool) []string {
	g.most[columnTarget], g.most[columnGroup], g.most[columnNote] = 70, 30, 160 // of names that came from anywhere
	if width > 0 {
		for _, s := range giveUp() {
			if g.width() <= width {
				break
			}
			g.most[s.column], g.gone[s.column] = s.most, s.most == 0
		}
		g.most[columnPings] += max(width-g.width(), 0) // what is left over is for the past
	}
	widths := g.widths()
	out := make([]string, 0, len(g.rows)+1)
	head := make([]cell, len(g.head))
	for i, h := range g.head {
		head[i] = cell{text: h, ink: inkHead}
	}
	for _, r := range append([][]cell{head}, g.rows...) {
		var b strings.Builder
		pad := 0
		for i, c := range r {
			if g.gone[i] {
				continue
			}
			text := g.cut(i, c)
			room := strings.Repeat(" ", widths[i]-textWidth(text))
			c.text = text
			if right(i, c) {
				b.WriteString(strings.Repeat(" ", pad) + room + c.draw(ink))
				pad = 2
			} else {
				b.WriteString(strings.Repeat(" ", pad) + c.draw(ink))
				pad = 2 + len(room)
			}
		}
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	return out
}

// right says what stands at the right end of its column: numbers, and the
// newest ping.
func right(column int, c cell) bool {
	switch column {
	case columnLoss, columnRTT, columnP50, columnP95:
		return true
	}
	return c.pings
}

// cut makes a cell fit its column: of pings the newest stay.
func (g *grid) cut(column int, c cell) string {
	most := g.most[column]
	if r := []rune(c.text); c.pings && most > 0 && len(r) > most {
		return string(r[len(r)-most:])
	}
	if most == 0 || textWidth(c.text) <= most {
		return c.text
	}
	if column == columnIncident {
		return c.text[:most]
	}
	return clip(c.text, most-1) + "…"
}

func (g *grid) widths() [columns]int {
	var w [columns]int
	for i, h := range g.head {
		w[i] = len(h)
		for _, r := range g.rows {
			w[i] = max(w[i], textWidth(g.cut(i, r[i])))
		}
	}
	return w
}

func (g *grid) width() int {
	sum := -2
	for i, w := range g.widths() {
		if !g.gone[i] {
			sum += w + 2
		}
	}
	return sum
}

func (c cell) draw(ink bool) string {
	if !c.pings || !ink {
		return painted(c.text, c.ink, ink)
	}
	var b strings.Builder
	var run []rune
	was := ""
	flush := func() {
		b.WriteString(painted(string(run), was, true))
		run = run[:0]
	}
	for _, r := range c.text {
		block, is := pingBlock(r)
		if c.ink != "" {
			is = c.ink
		}
		if is != was {
			flush()
			was = is
		}
		run = append(run, block)
	}
	flush()
	return b.String()
}

// pingBlock is how a ping looks in colour: what is lost stands out of a
// low line, also for those who do not see the colour.
func pingBlock(r rune) (block rune, ink string) {
	switch r {
	case '·':
		return '▁', inkOK
	case 'x':
		return '█', "31"
	case 'l':
		return '▄', inkWarn
	case 'u', 'n':
		return r, "97;41"
	case '?':
		return '?', inkDim
	}
	return r, ""
}

// textWidth is how many columns of a terminal text takes, which must be
// printable but may be painted.
func textWidth(s string) int {
	n := 0
	for s != "" {
		rest, w := firstOf(s)
		s, n = rest, n+w
	}
	return n
}

// wrap breaks painted text at spaces; the lines behind the first are
// indented. width 0 is any.
func wrap(s string, width, indent int) []string {
	if width <= 2*indent {
		return []string{s}
	}
	lines, at := []string{""}, 0
	for i, word := range strings.SplitAfter(s, " ") {
		n := textWidth(strings.TrimRight(word, " "))
		if i > 0 && at+n > width && at > indent {
			lines[len(lines)-1] = strings.TrimRight(lines[len(lines)-1], " ")
			lines = append(lines, strings.Repeat(" ", indent))
			at = indent
		}
		lines[len(lines)-1] += word
		at += textWidth(word)
	}
	return lines
}

// clip cuts painted text to so many columns and ends its colour.
func clip(s string, width int) string {
	rest, n := s, 0
	for rest != "" {
		after, w := firstOf(rest)
		if n+w > width {
			cut := s[:len(s)-len(rest)]
			if strings.Contains(cut, "\x1b") {
				cut += "\x1b[0m"
			}
			return cut
		}
		rest, n = after, n+w
	}
	return s
}

// firstOf takes one character, or one colour, off s; width is its columns: 0,
// 1, or 2 of East Asian wide ones (Unicode annex 11; only whole blocks, as
// terminals disagree on the rest).
func firstOf(s string) (rest string, width int) {
	if after, ok := strings.CutPrefix(s, "\x1b["); ok {
		if i := strings.IndexByte(after, 'm'); i >= 0 && strings.Trim(after[:i], "0123456789;") == "" {
			return after[i+1:], 0
		}
	}
	var r rune
	rest = ""
	for i, x := range s {
		if i > 0 {
			rest = s[i:]
			break
		}
		r = x
	}
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return rest, 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return rest, 2
	}
	return rest, 1
}
