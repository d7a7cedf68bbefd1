package cases

import (
	"fmt"

	"github.com/mtrq/mtrq/report"
)

// judge writes the label of a drawing.
func (d *drawing) judge(events []report.Event, truth log) {
	l := d.line
	label := &d.label
	if label.Truth == "" {
		label.Truth = fmt.Sprintf("%.1f %% on link %d from %.0f ms to %.0f", 100*l.loss, l.lossTo, l.when.from, l.when.to)
	}
	label.Truth += fmt.Sprintf("; target: %d sent, %d lost on the way, %d not answered", truth.sent, truth.lost, truth.held)
	if label.Class == report.RoutingLoop && l.loops != always && !Surely(truth.lost, truth.sent) {
		label.Also = append(label.Also, report.NotProven)
	}
	c := Counts{Sent: truth.sent, Lost: truth.lost, Held: truth.held, Link: l.lossTo, Length: l.length(), Protocol: d.plan.protocol, Known: d.plan.known,
		Dark: l.loss == 1 || truth.lost < 5, Enough: d.enough(events, truth), Watched: d.plan.watch != nil, Hops: Hops(events, l.length())}
	label.Decide(c)
}

// Hops counts what the TTLs before a target were asked, and did not answer.
// Where no line lost anything, that was held back.
func Hops(events []report.Event, length int) []Held {
	out := make([]Held, length-1)
	for _, e := range events {
		if e.E != report.EventProbe || e.TTL < 1 || e.TTL >= length {
			continue
		}
		out[e.TTL-1].Asked++
		if e.Kind == report.KindLost {
			out[e.TTL-1].Held++
		}
	}
	return out
}

// enough says that the packets suffice to say where: both sides of the link
// were asked often while packets were lost, and answer well else.
func (d *drawing) enough(events []report.Event, truth log) bool {
	l := d.line
	if d.plan.protocol == "tcp" || truth.lost < 8 {
		return false
	}
	for _, ttl := range []int{l.lossTo - 1, l.lossTo} {
		if ttl <= 0 || ttl >= l.length() {
			continue
		}
		if r := l.routers[ttl-1]; r.limit != nil || len(r.members) > 1 {
			return false
		}
		n := 0
		for _, e := range events {
			if e.E == report.EventProbe && e.TTL == ttl && e.MS > 500 && l.when.has(e.MS) {
				n++
			}
		}
		if float64(n)*l.loss < 4 {
			return false
		}
	}
	return true
}
