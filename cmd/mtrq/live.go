package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/mtrq/mtrq/report"
)

// screen redraws a text in place on a terminal.
type screen struct {
	w     io.Writer
	lines int // drawn last
}

// draw replaces what was drawn before. Lines are cut to the width of the
// terminal and the text to its height, since a wrapped or scrolled line
// cannot be drawn over.
func (s *screen) draw(text string) {
	width, height := s.size()
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	lines = lines[:min(len(lines), height-1)]
	var b bytes.Buffer
	s.up(&b)
	for _, l := range lines {
		b.WriteString(clip(l, width-1))
		b.WriteString("\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	s.lines = len(lines)
	_, _ = s.w.Write(b.Bytes()) // a terminal that is gone is noticed elsewhere
}

// wordsWidth is how wide the words of a report are at most, as in its file.
const wordsWidth = 100

// liveText is the text of a report for drawReport.
func liveText(rep *report.Report) string {
	return string(report.AppendText(nil, rep, report.TextOptions{Unwrapped: true}))
}

// drawReport draws a report with its words wrapped to the terminal: draw would
// cut them out of the middle of a sentence.
func (s *screen) drawReport(text string) {
	width, _ := s.size()
	s.draw(wrapWords(text, min(width-1, wordsWidth)))
}

// wrapWords wraps what stands below the table of a report.
func wrapWords(text string, width int) string {
	table, words, ok := strings.Cut(text, "\n\n")
	if !ok {
		return text
	}
	lines := []string{table, ""}
	for _, l := range strings.Split(words, "\n") {
		indent := len(l) - len(strings.TrimLeft(l, " "))
		for i, part := range wrap(l[indent:], width-indent, 2) {
			if i > 0 || part != "" {
				part = strings.Repeat(" ", indent) + part
			}
			lines = append(lines, part)
		}
	}
	return strings.Join(lines, "\n")
}

// size of the terminal in columns and lines.
func (s *screen) size() (width, height int) {
	if f, ok := s.w.(*os.File); ok {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 1 {
			return w, h
		}
	}
	return 80, 24
}

// clear takes away what was drawn.
func (s *screen) clear() {
	var b bytes.Buffer
	s.up(&b)
	b.WriteString("\x1b[J")
	s.lines = 0
	_, _ = s.w.Write(b.Bytes())
}

func (s *screen) up(b *bytes.Buffer) {
	if s.lines > 0 {
		fmt.Fprintf(b, "\x1b[%dA\r", s.lines)
	}
}
