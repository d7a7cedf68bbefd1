package report

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// foreignLines parts a text into lines fit for matching: printable, tabs as
// spaces, without the "> " of a quoted mail. Bytes that are no UTF-8 (GBK of
// a Chinese Windows, two bytes a character) become marks: only words that
// nothing hangs on are written in them.
func foreignLines(text []byte) []string {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		text = fromUTF16(text)
	}
	if !utf8.Valid(text) {
		text = maskPairs(text)
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		l = Printable(l)
		for strings.HasPrefix(l, "> ") || strings.HasPrefix(l, ">") {
			l = strings.TrimPrefix(l[1:], " ")
		}
		lines[i] = strings.TrimRight(l, " ")
	}
	return lines
}

// maskPairs makes "?" of each character of a double-byte encoding. Its second
// byte may be a letter or "|", which so means nothing.
func maskPairs(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] < 0x80:
			out = append(out, b[i])
		case i+1 < len(b) && b[i+1] >= 0x40:
			out = append(out, '?')
			i++
		default:
			out = append(out, '?')
		}
	}
	return out
}

// fromUTF16 reads what PowerShell's ">" writes, as far as it is ASCII.
func fromUTF16(b []byte) []byte {
	high := 1
	if b[0] == 0xfe {
		high = 0
	}
	out := make([]byte, 0, len(b)/2)
	for i := 2; i+1 < len(b); i += 2 {
		c := b[i+1-high]
		if b[i+high] != 0 || c >= 0x80 {
			c = '?'
		}
		out = append(out, c)
	}
	return out
}
