package chart

import (
	"encoding/xml"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mtrq/mtrq/report"
)

// widths are the advance widths of ASCII from the space on, in thousandths
// of the size of the type: those of DejaVu Sans, to which Verdana is cut
// alike. Narrower faces leave a little room.
var widths = [...]uint16{
	318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636,
	636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775,
	752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390,
	337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612,
	635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
}

// TextWidth is about how wide a text is, in units of size. What is not
// ASCII counts as a full square from U+1100 on (CJK), else as an average
// letter.
func TextWidth(s string, size float64) float64 {
	n := 0
	for _, r := range s {
		switch {
		case r >= ' ' && int(r-' ') < len(widths):
			n += int(widths[r-' '])
		case r >= 0x1100:
			n += 1000
		default:
			n += 650
		}
	}
	return float64(n) * size / 1000
}

// Cut shortens a text so that it is at most so wide.
func Cut(s string, size, wide float64) string {
	if TextWidth(s, size) <= wide {
		return s
	}
	for s != "" && TextWidth(s, size)+TextWidth("…", size) > wide {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return strings.TrimRight(s, " ") + "…"
}

// num is a coordinate: a tenth of a pixel is enough, and every byte counts.
func num(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "0"
	}
	s := strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0")
	if s == "-0" {
		return "0"
	}
	return s
}

// escaped is text as XML has it, without what strangers could do with
// control characters and marks of direction.
func escaped(s string) string {
	var b strings.Builder
	// A strings.Builder takes whatever it is given.
	_ = xml.EscapeText(&b, []byte(report.Printable(s)))
	return b.String()
}

// niceUp is the next round number at or above x, at least 1.
func niceUp(x float64) float64 {
	for scale := 1.0; scale < 1e12; scale *= 10 {
		for _, m := range [...]float64{1, 1.5, 2, 3, 4, 5, 6, 8} {
			if m*scale >= x {
				return m * scale
			}
		}
	}
	return 1e12
}

// plainLine is a stranger's words as one line.
func plainLine(s string) string { return strings.Join(strings.Fields(report.Printable(s)), " ") }
