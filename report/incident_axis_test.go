package report

import (
	"regexp"
	"strconv"
	"testing"
	"time"
)

// TestAxisLabelsAreWhole: on a narrow picture each time of the axis is inside
// the picture, and none lies on another.
func TestAxisLabelsAreWhole(t *testing.T) {
	const half, halfDay = 22, 26 // of a label, px
	label := regexp.MustCompile(`<text x="([\d.]+)" [^>]*>(\d\d:\d\d:\d\d|\d{4}-\d\d-\d\d)<`)
	for _, length := range []time.Duration{3 * time.Second, 4*time.Second + 100*time.Millisecond, time.Minute, time.Hour, 14 * time.Hour, 60 * time.Hour} {
		for part := range 20 {
			p := newCanvas(SVGOptions{Narrow: true}, time.UTC, picRight)
			p.from = time.Date(2026, 11, 26, 14, 23, 0, 0, time.UTC).Add(-length * time.Duration(part) / 60)
			p.to = p.from.Add(length)
			p.axis()
			before := -half * 2.0
			for _, m := range label.FindAllStringSubmatch(p.b.String(), -1) {
				x, err := strconv.ParseFloat(m[1], 64)
				if err != nil {
					t.Fatal(err)
				}
				wide := float64(half)
				if len(m[2]) == len(time.DateOnly) {
					wide = halfDay
				}
				if x < wide || x > narrowWide-wide {
					t.Errorf("%s from %s: %s stands at %g of %d", length, p.from.Format(time.TimeOnly), m[2], x, narrowWide)
				}
				if wide == half {
					if x-before < half*2 {
						t.Errorf("%s from %s: %s at %g lies on the one before, at %g", length, p.from.Format(time.TimeOnly), m[2], x, before)
					}
					before = x
				}
			}
		}
	}
}
