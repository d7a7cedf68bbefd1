package report

import (
	"strings"
	"time"
)

// A moment is a time with a name.
type moment struct {
	at   time.Time
	what string
}

// wideOf is the width of a label, about: letters of Chinese fill a square.
func wideOf(label string) float64 {
	wide := 0.0
	for _, r := range label {
		if r >= 0x1100 {
			wide += 10
		} else {
			wide += 5.8
		}
	}
	return wide
}

// flags names moments above the rows, each with a line down to the axis.
// Those that stand on the same pixels share a label; labels that would lie
// on each other get a lane each. They come in the order of their moments.
func (p *canvas) flags(list []moment) {
	type post struct {
		x     float64
		names []string
	}
	var posts []post
	for _, f := range list {
		if !p.inside(f.at) {
			continue
		}
		x := p.x(f.at)
		if n := len(posts); n > 0 && x-posts[n-1].x < 4 && !p.Narrow {
			posts[n-1].names = append(posts[n-1].names, f.what)
			continue
		}
		posts = append(posts, post{x, []string{f.what}})
	}
	var ends []float64 // of the lanes
	base := p.y
	for _, f := range posts {
		label := strings.Join(f.names, ", ")
		wide := wideOf(label) + 8
		from, to, at, anchor := f.x, f.x+wide, f.x+3, "start"
		if to > p.edge {
			from, to, at, anchor = f.x-wide, f.x, f.x-3, "end"
		}
		// Its line runs down through the lanes below its own.
		lane := len(ends)
		for lane > 0 && ends[lane-1] <= from {
			lane--
		}
		if lane == len(ends) {
			ends = append(ends, 0)
		}
		ends[lane] = max(ends[lane], to)
		y := base + 12*float64(lane+1)
		p.text(at, y, 10, inkDark, anchor, label)
		p.later = append(p.later, upright{f.x, y - 8})
	}
	p.y = base + 12*float64(max(1, len(ends))) + 5
}
