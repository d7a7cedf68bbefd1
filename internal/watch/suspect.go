package watch

import (
	"time"

	"github.com/mtrq/mtrq/report"
)

// suspect is a target that missed a ping and is being confirmed: its first
// look runs, and a burst through sockets of its own.
type suspect struct {
	began   time.Time // when the first ping of its window that was lost left
	noticed time.Time // when that was known
	window  window
	most    int // that the window has held of lost pings
	look    *look
	burst   *report.Pings // as it comes in
	bursts  bool          // a burst runs or has run
	control bool          // too many bursts run: the rhythm alone confirms
}

// window is the last outcomes of a target in the order in which they were
// known, those of the burst included: so many of them lost open an incident.
type window struct {
	size  int
	marks []mark
}

// mark is one outcome. id tells pings of the rhythm (their number) from those
// of the burst.
type mark struct {
	id   int64
	lost bool
}

const burstMark = int64(1) << 40 // ids of the burst's pings count from here

func (w *window) push(id int64, lost bool) {
	if len(w.marks) == w.size {
		w.marks = append(w.marks[:0], w.marks[1:]...)
	}
	w.marks = append(w.marks, mark{id, lost})
}

// late takes a loss back: its answer came after all.
func (w *window) late(id int64) {
	for i := range w.marks {
		if w.marks[i].id == id {
			w.marks[i].lost = false
		}
	}
}

func (w *window) lost() (n int) {
	for _, m := range w.marks {
		if m.lost {
			n++
		}
	}
	return n
}

// fill makes a window of what the rhythm saw before, from cell number calm
// on, up to its newest known ping. That one always counts: it makes the
// suspect, and may have been under way when the last one was let go.
func (w *window) fill(h *history, calm uint32) {
	var known []mark
	for i := 0; i < h.len() && len(known) < w.size; i++ {
		n := h.next - 1 - uint32(i)
		if int32(n-calm) < 0 && len(known) > 0 {
			break
		}
		if c := h.back(i); c.outcome().isKnown() {
			known = append(known, mark{int64(n), c.outcome().isLost()})
		}
	}
	for i := len(known) - 1; i >= 0; i-- {
		w.marks = append(w.marks, known[i])
	}
}

// firstLost is the number of the oldest ping of the rhythm in the window
// that was lost.
func (w *window) firstLost() (uint32, bool) {
	for _, m := range w.marks {
		if m.lost && m.id < burstMark {
			return uint32(m.id), true
		}
	}
	return 0, false
}

// A trouble is a target's part in an incident.
type trouble struct {
	incident *incident
	trigger  report.IncidentTrigger
	began    time.Time
	noticed  time.Time
	opened   time.Time
	spell    time.Time // when its last episode began; the first: began
	lastLoss time.Time
	looks    []*look // of its traces, the first look's first
	burst    *report.Pings
	dense    *report.Pings
	denseOn  bool
	before   *report.Path
	after    *report.Path
	usual    usual
	retrace  time.Time // when the next trace is due

	cleared   bool
	recovered time.Time // when the first ping of the clean end left
	unslow    time.Time // since when latency and jitter are as usual
	baseline  bool      // the round after recovery was asked for
	lost      int       // pings of its episodes, each up to recovery
	sent      int
	// Numbers of the pings of its last episode that are counted: from first on
	// and, once it is cleared, before end.
	first, end uint32
	// Of those, before its last episode.
	lostBefore, sentBefore int
	strand                 strand
	minutes                minutes
	earlier                *report.Member // as an earlier process has written it down
}

// counts says whether a ping belongs to what it has counted of its last
// episode.
func (t *trouble) counts(n uint32) bool {
	return int32(n-t.first) >= 0 && (!t.cleared || int32(n-t.end) < 0)
}

// counted is lost and known pings of what a trouble counts, from number n on.
func (h *history) counted(tr *trouble, n uint32) (lost, sent int) {
	for i := range h.len() {
		at := h.next - 1 - uint32(i)
		if int32(at-n) < 0 {
			break
		}
		if !tr.counts(at) {
			continue
		}
		if o := h.back(i).outcome(); o.isLost() {
			lost, sent = lost+1, sent+1
		} else if o.isKnown() {
			sent++
		}
	}
	return lost, sent
}

// slow says that it is not loss.
func (t *trouble) slow() bool {
	return t.trigger != report.TriggerLoss && t.trigger != report.TriggerSlow
}

// clearMost is how many losses the last minute of a target that has recovered
// may hold.
const clearMost = 1

// clean says whether a target has recovered: its pings of the last minute
// hold at most one loss, those of the last ten seconds none, and there were
// enough of them to say so. Pings before number first are another
// episode's. since is when the first ping of the clean end left.
func (h *history) clean(now uint32, interval time.Duration, first uint32, r *Rules) (ok bool, since uint32) {
	age := func(at uint32) uint32 {
		if at-now < 1000 {
			return 0 // it left just after now was read
		}
		return now - at
	}
	within := func(c *cell, d time.Duration) bool { return age(c.at) <= uint32(d.Milliseconds()) }
	lostInAll, lostAtEnd, known := 0, 0, 0
	since = now
	ending := true // still in the clean end
	for i := range h.len() {
		c := h.back(i)
		if int32(h.next-1-uint32(i)-first) < 0 || !ending && !within(c, r.ClearFor) {
			break
		}
		o := c.outcome()
		switch {
		case !o.isKnown():
		case o.isLost():
			ending = false
			if within(c, r.ClearFor) {
				lostInAll++
			}
			if within(c, r.CleanFor) {
				lostAtEnd++
			}
		default:
			if within(c, r.CleanFor) {
				known++
			}
			if ending {
				since = c.at
			}
		}
	}
	// Half of what is asked in that time; of a slow rhythm the last answer.
	enough := int(r.CleanFor / interval / 2)
	if enough == 0 {
		return lostInAll <= clearMost && lostAtEnd == 0 && h.len() > 0 && h.back(0).hasRTT(), since
	}
	return lostInAll <= clearMost && lostAtEnd == 0 && known >= enough, since
}
