package report

import (
	"math"
	"slices"
)

const (
	stallLeast = 1500.0 // ms without a probe, in a long look: this program did not run
	stallDeaf  = 1000.0 // ms before it whose answers nobody may have read
)

// ownMachine is what is this machine's own fault: probes that left just
// before it stood still (R12), and such as had no route (R14). The
// counts of a text tell neither; where they do not tell either from the line's
// loss, that is not called the line's.
func (v *view) ownMachine(d *Verdict) bool {
	if v.target.Lost < 2 {
		return false
	}
	if v.e.Foreign != nil && v.whose(d) {
		return true
	}
	if n := v.deaf(); n == v.target.Lost {
		d.Class, d.Grade = MeasurementFault, Likely
		if n >= manyLost {
			d.Grade = Certain
		}
		d.rule("R12")
		v.tell(d, "lost", v.name(), v.lang.counted(d.Loss, "probe"), v.when())
		v.tell(d, "stall")
		d.Settle = v.lang.Say("stall.settle")
		return true
	}
	n := 0
	for _, s := range v.toTarget() {
		for i := range len(s.Answer) {
			if s.Answer[i] == AnswerNoRoute {
				n++
			}
		}
	}
	if n < 2 || 2*n < v.target.Lost {
		return false
	}
	d.Class, d.Grade = OwnNetwork, Likely
	if n >= manyLost {
		d.Grade = Certain
	}
	d.rule("R14")
	d.Link = &Link{To: LinkEnd{TTL: 1}}
	v.tell(d, "lost", v.name(), v.lang.counted(d.Loss, "probe"), v.when())
	v.tell(d, "own.noroute", v.lang.of(n, v.target.Lost, "lost"))
	d.Settle = v.lang.Say("own.noroute.settle")
	return true
}

// stalls are the stretches of a long look in which no probe at all left,
// though a round was due: this program, or the whole machine, stood still.
func (v *view) stalls() []span {
	e := v.e
	if e.Times.LongLook == nil {
		return nil
	}
	from := float64(e.Times.LongLook.Sub(e.Times.Started).Microseconds()) / 1000
	least := max(stallLeast, e.Target.Interval) // pings leave five times as often as rounds
	end := math.Inf(-1)
	if n := len(e.Ping.TxMS); n > 0 {
		end = e.Ping.TxMS[n-1]
	}
	var gaps []span // in the order of time, none within another
	// Pings are the most frequent; a gap between two of them is one only if
	// no other probe left meanwhile.
	for i := 1; i < len(e.Ping.TxMS); i++ {
		a, b := e.Ping.TxMS[i-1], e.Ping.TxMS[i]
		if a >= from && b <= end && b-a >= least {
			gaps = append(gaps, span{a, b})
		}
	}
	if t := e.Times.Ended; t != nil {
		// A trace ends within a second of its last probe.
		if over := float64(t.Sub(e.Times.Started).Microseconds()) / 1000; over-end >= least+stallDeaf && end >= from {
			gaps = append(gaps, span{end, over})
		}
	}
	for i := range e.Hops {
		shrink(gaps, e.Hops[i].TxMS)
	}
	return slices.DeleteFunc(gaps, func(g span) bool { return g.to-g.from < least })
}

// shrink leaves of each gap what is longer of before and after each probe
// that left in it. Both lists are in the order of time.
func shrink(gaps []span, tx []float64) {
	k := 0
	for _, at := range tx {
		for k < len(gaps) && gaps[k].to <= at {
			k++
		}
		if k == len(gaps) {
			return
		}
		switch g := &gaps[k]; {
		case at <= g.from:
		case at-g.from < g.to-at:
			g.from = at
		default:
			g.to = at
		}
	}
}

// deaf counts the target's lost probes that left within a second before a
// stall, when nobody may have listened for their answers.
func (v *view) deaf() int {
	stalls := v.stalls()
	n, k := 0, 0
	for i := range len(v.series.Answer) {
		tx := v.series.TxMS[i]
		for k < len(stalls) && stalls[k].to <= tx {
			k++
		}
		if k == len(stalls) {
			break
		}
		if tx >= stalls[k].from-stallDeaf && isLost(v.series.Answer[i]) {
			n++
		}
	}
	return n
}
