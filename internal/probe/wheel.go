package probe

import (
	"math/bits"
	"time"
)

// wheelSlots × wheelTick must be more than the longest deadline.
const (
	wheelSlots = 4096
	wheelTick  = time.Millisecond
)

// wheel holds the probes under way by the time at which they have to be
// looked at again. Adding and removing cost the same however many there are.
type wheel struct {
	slots [wheelSlots]*Handle
	used  [wheelSlots / 64]uint64 // a bit for each slot that holds something
	start time.Time
	tick  int64 // everything due up to here has been handed out
	out   []*Handle
}

func newWheel(now time.Time) *wheel { return &wheel{start: now} }

// add puts a probe in; it must not be in already. A time that has passed, or
// lies further ahead than the wheel reaches, becomes the nearest that fits.
func (w *wheel) add(h *Handle, at time.Time) {
	due := int64((at.Sub(w.start) + wheelTick - 1) / wheelTick)
	due = min(max(due, w.tick+1), w.tick+wheelSlots-1)
	i := due % wheelSlots
	h.due = due
	h.prev, h.next = nil, w.slots[i]
	if h.next != nil {
		h.next.prev = h
	}
	w.slots[i] = h
	w.used[i/64] |= 1 << (i % 64)
}

// remove takes a probe out; one that is not in stays out.
func (w *wheel) remove(h *Handle) {
	if h.due == 0 {
		return
	}
	i := h.due % wheelSlots
	if h.prev != nil {
		h.prev.next = h.next
	} else if w.slots[i] = h.next; h.next == nil {
		w.used[i/64] &^= 1 << (i % 64)
	}
	if h.next != nil {
		h.next.prev = h.prev
	}
	h.prev, h.next, h.due = nil, nil, 0
}

// advance takes out every probe that is due and hands it to f, which may add
// it again.
func (w *wheel) advance(now time.Time, f func(*Handle)) {
	w.takeDue(int64(now.Sub(w.start) / wheelTick))
	// Only now, as the wheel reaches from where it stands.
	for i, h := range w.out {
		w.out[i] = nil
		f(h)
	}
	w.out = w.out[:0]
}

func (w *wheel) takeDue(last int64) {
	for w.tick < last {
		due, ok := w.nextTick()
		if !ok || due > last {
			w.tick = last
			return
		}
		w.tick = due
		for h := w.slots[due%wheelSlots]; h != nil; h = w.slots[due%wheelSlots] {
			w.remove(h)
			w.out = append(w.out, h)
		}
	}
}

// next is when the first probe is due.
func (w *wheel) next() (time.Time, bool) {
	due, ok := w.nextTick()
	return w.start.Add(time.Duration(due) * wheelTick), ok
}

func (w *wheel) nextTick() (int64, bool) {
	from := (w.tick + 1) % wheelSlots
	for n := int64(0); n <= wheelSlots/64; n++ {
		word := (from/64 + n) % (wheelSlots / 64)
		set := w.used[word]
		switch n {
		case 0:
			set &^= 1<<(from%64) - 1
		case wheelSlots / 64:
			set &= 1<<(from%64) - 1
		}
		if set != 0 {
			slot := word*64 + int64(bits.TrailingZeros64(set))
			return w.tick + 1 + (slot-from+wheelSlots)%wheelSlots, true
		}
	}
	return 0, false
}
