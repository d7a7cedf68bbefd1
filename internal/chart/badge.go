package chart

import (
	"fmt"
	"strings"
)

// Tone is how a badge looks; its words say the same.
type Tone string

const (
	ToneGood    Tone = "#1c6ea4"
	ToneWatch   Tone = "#8a5a00"
	ToneBad     Tone = "#a11212"
	ToneUnknown Tone = "#5f6b76"
)

// badgeLabel is the ground of the left half.
const badgeLabel = "#3d444c"

// Badge draws a small flat sign, "label | value", 20 px high: for a page of
// somebody else. Both are cut where they are very long.
func Badge(label, value string, tone Tone) []byte {
	const size, pad, tall, most = 11.0, 6.0, 20.0, 360.0
	label, value = Cut(plainLine(label), size, most), Cut(plainLine(value), size, most)
	lw, vw := TextWidth(label, size), TextWidth(value, size)
	left, right := lw+2*pad, vw+2*pad
	var b strings.Builder
	say := escaped(label + ": " + value)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s" role="img" aria-label="%s" font-family="Verdana, DejaVu Sans, Geneva, sans-serif" font-size="11">`+"\n",
		num(left+right), num(tall), num(left+right), num(tall), say)
	fmt.Fprintf(&b, "<title>%s</title>\n", say)
	// Two halves with round outer corners.
	fmt.Fprintf(&b, `<path fill="%s" d="M3 0H%sV20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z"/>`+"\n", badgeLabel, num(left))
	fmt.Fprintf(&b, `<path fill="%s" d="M%s 0h%sa3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-%sz"/>`+"\n", tone, num(left), num(right-3), num(right-3))
	word := func(x, wide float64, s string) {
		// Whatever face is at hand, the text fills its half.
		fmt.Fprintf(&b, `<text x="%s" y="14" fill="#ffffff" textLength="%s">%s</text>`+"\n", num(x), num(wide), escaped(s))
	}
	word(pad, lw, label)
	word(left+pad, vw, value)
	b.WriteString("</svg>\n")
	return []byte(b.String())
}
