package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
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
