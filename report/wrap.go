package report

import (
	"bytes"
	"unicode/utf8"
)

// textWidth is where the words below the table are wrapped: mail clients
// and ticket systems do it anyway, and worse.
const textWidth = 100

// wrap breaks the lines of b from an offset on at spaces, so that they
// hold at most width characters where they can; what is carried over is
// indented by two more than its line.
func wrap(b []byte, from, width int) []byte {
	text := bytes.Clone(b[from:])
	b = b[:from]
	for line := range bytes.Lines(text) {
		indent := len(line) - len(bytes.TrimLeft(line, " ")) + 2
		for col := 0; ; {
			end := wordEnd(line)
			word := line
			if end >= 0 {
				word = line[:end]
			}
			n := utf8.RuneCount(word)
			if col > indent && col+n > width {
				b = append(bytes.TrimRight(b, " "), '\n')
				b = append(b, bytes.Repeat([]byte(" "), indent)...)
				col = indent
			}
			b = append(b, word...)
			col += n
			if end < 0 {
				break
			}
			b = append(b, line[end])
			col++
			if line[end] == '\n' {
				break
			}
			line = line[end+1:]
		}
	}
	return b
}

// wordEnd is the index of the space or newline that ends the first word,
// -1 where none does. Spaces together stay so, and "26.3 %" is one word.
func wordEnd(line []byte) int {
	for i := 0; i < len(line); i++ {
		if line[i] == '\n' || line[i] == ' ' && (i+1 == len(line) || line[i+1] != ' ' && line[i+1] != '%') {
			return i
		}
	}
	return -1
}
