package targets

import (
	"bytes"
	"strings"
)

// maxLine is far beyond a name with 32 tags.
const maxLine = 16 << 10

// parsePlain reads a list of one target a line. "#" at the beginning of a
// line or after white space begins a comment; behind the target may stand
// key=value, without spaces in either: interval, group, protocol, and any other key is a
// tag. One real line:
//
//	edge.example.net site=hk interval=500ms # the one in the basement
func parsePlain(data []byte) parsed {
	var p parsed
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // what Windows editors put first
	for n := 1; len(data) > 0; n++ {
		var raw []byte
		raw, data, _ = bytes.Cut(data, []byte{'\n'})
		line := func() int { return n }
		if len(raw) > maxLine {
			p.faults.add(line, func() string { return "is longer than 16 KiB: one target a line" })
			continue
		}
		// A copy: entries would else keep the whole file in memory.
		p.line(strings.Fields(uncomment(string(raw))), line)
	}
	return p
}

func (p *parsed) line(words []string, line func() int) {
	if len(words) == 0 {
		return
	}
	var o options
	for _, w := range words[1:] {
		key, value, ok := strings.Cut(w, "=")
		if !ok {
			p.faults.add(line, func() string { return quoteShort(w) + " is no key=value: one target a line" })
			continue
		}
		if strings.HasPrefix(key, "__") {
			continue // as in Prometheus: of no interest outside
		}
		if err := o.set(key, value); err != nil {
			p.faults.add(line, func() string { return quoteShort(key) + " " + err.Error() })
		}
	}
	p.add(words[0], o, line)
}

// uncomment cuts a line at its comment. A "#" within a word is part of it:
// the word is judged as a whole, and refused where it is a target.
func uncomment(s string) string {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '#')
		if i < 0 {
			return s
		}
		i += from
		if i == 0 || s[i-1] == ' ' || s[i-1] == '\t' {
			return s[:i]
		}
		from = i + 1
	}
}
