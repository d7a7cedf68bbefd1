package report

import "time"

// A watching is what the watchdog's own pings saw around a trace's begin.
type watching struct {
	lost, sent  int
	during      int       // of lost: those that left once the trace's own probes to the target did
	first, last time.Time // when the lost ones left
}

// watching counts the watchdog's pings; a trace that nobody watched has none.
func (v *view) watching() watching {
	var w watching
	p := v.e.Watch
	if p == nil || len(p.TxMS) < len(p.Answer) {
		return w
	}
	begin := v.e.Times.Started
	if len(v.series.TxMS) > 0 {
		begin = begin.Add(time.Duration(v.series.TxMS[0] * float64(time.Millisecond)))
	}
	for i := range len(p.Answer) {
		if p.Answer[i] == AnswerPending {
			continue
		}
		w.sent++
		if !pingLost(p.Answer[i]) {
			continue
		}
		at := p.at(i)
		w.lost++
		if w.first.IsZero() {
			w.first = at
		}
		w.last = at
		if !at.Before(begin) {
			w.during++
		}
	}
	return w
}

// watched is the loss that a trace was made for and did not see itself:
// over before its first probe (recovered), or seen by the watchdog's pings
// alone while both ran.
func (v *view) watched(d *Verdict) bool {
	w := v.watching()
	if !proven(w.lost, w.sent) {
		return false
	}
	zone := v.e.Times.Started.Location()
	clock := func(t time.Time) string { return t.In(zone).Format(clockFormat) }
	saw := v.lang.counted(Stats{Lost: w.lost, Sent: w.sent}.Interval(), "ping")
	if w.during > 0 {
		d.Class, d.Grade = RealLoss, Weak
		if w.during >= 2 {
			d.Grade = Likely
		}
		d.Rules = nil
		d.rule("R2", "R13")
		v.tell(d, "watch.alone", saw, clock(w.first), clock(w.last))
		d.Settle = v.lang.Say("watch.alone.settle")
		return true
	}
	d.Class = Recovered
	if w.lost < someLost && d.Grade == Certain {
		d.Grade = Likely
	}
	v.tell(d, "watch.recovered", saw, clock(w.first), clock(w.last))
	d.Settle = v.lang.Say("watch.recovered.settle")
	return true
}

// alsoWatched adds to a loss what the watchdog's pings saw of it.
func (v *view) alsoWatched(d *Verdict) {
	w := v.watching()
	if w.lost == 0 {
		return
	}
	v.tell(d, "watch.too", v.lang.counted(Stats{Lost: w.lost, Sent: w.sent}.Interval(), "ping"))
	both := Stats{Lost: w.lost + v.target.Lost, Sent: w.sent + v.target.Sent}.Interval()
	if g := byCounts(both); d.Grade == Weak && g != Weak {
		d.Grade, d.Settle = Likely, ""
		d.Rules = without(d.Rules, "R13")
	}
}

func without(rules []string, rule string) []string {
	out := rules[:0]
	for _, r := range rules {
		if r != rule {
			out = append(out, r)
		}
	}
	return out
}
