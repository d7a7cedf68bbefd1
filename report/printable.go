package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable makes text from strangers (reasons, names, notes) fit for one
// line of a terminal: control bytes, invalid UTF-8, line separators and
// the marks that turn the direction of writing become spaces or go.
func Printable(s string) string {
	if !dirty(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		switch {
		case r == utf8.RuneError, unicode.Is(unicode.Zs, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r), unicode.IsControl(r):
			b.WriteByte(' ')
		case unicode.Is(unicode.Cf, r): // invisible: zero width, direction marks, tags
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func dirty(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return true
		}
	}
	return false
}
