package report

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	freshWindow = 2000 // ms after a request's first probe that count as its beginning
	freshBefore = 1000 // ms before it that count for watch pings: so long an answer may take before the ping is called lost
	freshClean  = 20   // probes to the target: so many without loss show that it is over
)

// fresh fills in how long a request waited for its first probe and how
// its first look lies to the loss:
//
//	loss in its first 2 s                        in-event
//	the same, and from there on at least 20      tail
//	probes to the target and none lost
//	no loss there, but later                     later
//	no loss at all in at least 20 probes         after
//	fewer, or never known to answer              unknown
//
// The watchdog's own pings count like the trace's, from 1 s before its first
// probe: they are what it was made for, and at a loss of one in three the
// trace's own first probes may all have come through.
//
// A request that joined a running trace begins with the first probe that
// left after it was accepted.
func (e *Evidence) fresh(r *Request, first bool) {
	r.AskedToFirstProbe, r.Freshness = nil, FreshnessUnknown
	accepted := e.acceptedMS(r)
	if ms, ok := e.firstProbe(accepted); ok {
		waited := round3(ms - accepted)
		r.AskedToFirstProbe = &waited
	}
	if first {
		accepted = math.Inf(-1) // the watchdog's look is under way before it asks
	}
	begin, ok := e.firstProbe(accepted)
	if !ok {
		return
	}
	if e.Target.State != Reached && !e.Target.Known {
		return
	}
	var early, lost, sent, cleanAfter int
	for _, p := range e.seenAround(begin) {
		sent++
		if !p.lost {
			cleanAfter++
			continue
		}
		lost++
		cleanAfter = 0
		if p.ms < begin+freshWindow {
			early++
		}
	}
	switch {
	case early > 0 && early == lost && cleanAfter >= freshClean:
		r.Freshness = Tail
	case early > 0:
		r.Freshness = InEvent
	case lost > 0:
		r.Freshness = Later
	case sent >= freshClean:
		r.Freshness = After
	}
}

// acceptedMS is when a request was accepted, ms since start.
func (e *Evidence) acceptedMS(r *Request) float64 {
	return float64(r.Accepted.Sub(e.Times.Started)) / float64(time.Millisecond)
}

// firstProbe is when the first probe from a moment on left, ms since start.
func (e *Evidence) firstProbe(from float64) (ms float64, ok bool) {
	all := append([]*Series{&e.Ping}, seriesOf(e.Hops)...)
	for _, s := range append(all, seriesOf(e.Beyond)...) {
		for _, tx := range s.TxMS {
			if tx >= from && (!ok || tx < ms) {
				ms, ok = tx, true
			}
		}
	}
	return ms, ok
}

// targetProbe is one probe to the target, the trace's or the watchdog's.
type targetProbe struct {
	ms   float64 // since start
	lost bool
}

// seenAround is what is known of the target from shortly before a request's
// first probe, in order of time.
func (e *Evidence) seenAround(begin float64) []targetProbe {
	var out []targetProbe
	s := e.TargetSeries()
	for i := range len(s.Answer) {
		if s.TxMS[i] >= begin && s.Answer[i] != AnswerPending {
			out = append(out, targetProbe{s.TxMS[i], isLost(s.Answer[i])})
		}
	}
	if w := e.Watch; w != nil {
		from := float64(w.From.Sub(e.Times.Started)) / float64(time.Millisecond)
		for i := range len(w.Answer) {
			ms := from + float64(w.TxMS[i])
			if ms >= begin-freshBefore && w.Answer[i] != AnswerPending {
				out = append(out, targetProbe{ms, pingLost(w.Answer[i])})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b targetProbe) int { return cmp.Compare(a.ms, b.ms) })
	return out
}
