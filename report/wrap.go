package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// textWidth is where the words below the table are wrapped: mail clients
// and ticket systems do it anyway, and worse.
const textWidth = 100

// wrap breaks the lines of b from an offset on as wrapWide does.
func wrap(b []byte, from, width int) []byte {
	text := string(b[from:])
	b = b[:from]
	for line := range strings.Lines(text) {
		words, newline := strings.CutSuffix(line, "\n")
		if b = append(b, wrapWide(words, width)...); newline {
			b = append(b, '\n')
		}
	}
	return b
}

// wrapWide breaks a line at spaces and between Chinese characters, so that it
// takes at most width columns where it can; what is carried over is indented
// by two more than the line. A Chinese character takes two columns.
func wrapWide(line string, width int) string {
	indent := len(line) - len(strings.TrimLeft(line, " ")) + 2
	var b strings.Builder
	col, gap := 0, "" // the spaces before the next word
	for line != "" {
		part := piece(line)
		word := strings.TrimRight(part, " ")
		n := columns(word)
		if at := col + len(gap); at > indent && n > 0 && at+n > width {
			b.WriteString("\n" + strings.Repeat(" ", indent) + word)
			col = indent + n
		} else if n > 0 {
			b.WriteString(gap + word)
			col = at + n
		}
		gap = part[len(word):]
		line = line[len(part):]
	}
	return b.String()
}

// What stands at no beginning and at no end of a line.
const (
	closing = "，。、；：！？）》」』”’～…%"
	opening = "（《「『“‘"
)

// piece is the beginning of a line up to where it may be broken: behind
// spaces, and beside Chinese characters. "26.3 %", "8 跳" and "第 8" are one
// piece.
func piece(line string) string {
	before, word := rune(0), rune(0) // the last character, and the last that is no space
	for i, c := range line {
		space := before == ' ' && c != ' ' && c != '%' && word != 0
		unit := digit(word) && doubleWide(c) || word == '第' && digit(c)
		beside := doubleWide(before) || doubleWide(c) && before != 0
		if space && !unit || beside && before != ' ' && c != ' ' && !strings.ContainsRune(closing, c) && !strings.ContainsRune(opening, before) {
			return line[:i]
		}
		if before = c; c != ' ' {
			word = c
		}
	}
	return line
}

func digit(c rune) bool { return '0' <= c && c <= '9' }

// columns is how wide a text is on a terminal.
func columns(s string) int {
	n := utf8.RuneCountInString(s)
	for _, c := range s {
		if doubleWide(c) {
			n++
		}
	}
	return n
}

// doubleWide says that a character takes two columns: Chinese, and full-width forms.
func doubleWide(c rune) bool {
	return unicode.Is(unicode.Han, c) || c >= 0x3000 && c <= 0x303f || c >= 0xff01 && c <= 0xff60
}
