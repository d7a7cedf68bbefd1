package chart

import (
	"slices"
	"time"
)

// A Cell is what was measured in a stretch of time. What is not known is
// nil.
type Cell struct {
	Start   time.Time
	Length  time.Duration
	Reports int // measurements; 0 with Sent 0: nobody measured
	Unknown int // of them, those whose loss nobody can say
	Sent    int // packets whose fate is known …
	Lost    int // … and those that were lost

	// Worst is the greatest loss of a single measurement, percent.
	Worst *float64

	// Round-trip times: least, quartiles, median and greatest.
	Min, Low, Median, High, Max *time.Duration

	URL   string // where the cell leads; empty: nowhere
	Title string // what it says to who points at it
}

// Blank says that nobody measured.
func (c *Cell) Blank() bool { return c.Reports == 0 && c.Sent == 0 && c.Worst == nil }

// Coarse joins each n neighbours to one cell. The worst of the joined is
// that of the worst, the least that of the least; the median is one of
// their medians, and quartiles are no longer known.
func Coarse(cells []Cell, n int) []Cell {
	var out []Cell
	for part := range slices.Chunk(cells, max(1, n)) {
		out = append(out, join(part))
	}
	return out
}

func join(cells []Cell) Cell {
	sum := Cell{Start: cells[0].Start}
	if len(cells) == 1 {
		return cells[0]
	}
	var medians []time.Duration
	for i := range cells {
		c := &cells[i]
		sum.Length += c.Length
		sum.Reports += c.Reports
		sum.Unknown += c.Unknown
		sum.Sent += c.Sent
		sum.Lost += c.Lost
		sum.Worst = most(sum.Worst, c.Worst)
		sum.Max = most(sum.Max, c.Max)
		if c.Min != nil && (sum.Min == nil || *c.Min < *sum.Min) {
			sum.Min = c.Min
		}
		if c.Median != nil {
			medians = append(medians, *c.Median)
		}
	}
	if n := len(medians); n > 0 {
		slices.Sort(medians)
		sum.Median = &medians[(n-1)/2]
	}
	return sum
}

// most is the greater of two that may be unknown.
func most[T float64 | time.Duration](a, b *T) *T {
	if a == nil || b != nil && *b > *a {
		return b
	}
	return a
}
