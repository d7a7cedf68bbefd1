package echo

import (
	"math/bits"
	"time"
)

const (
	wheelSlots = 4096
	wheelTick  = time.Millisecond
)

// wheel holds cells by the time at which they have to be looked at. Adding
// and removing cost the same however many there are. A time further ahead
// than it reaches (4 s) comes up sooner: who takes it out puts it back.
type wheel struct {
	cells *cells
	slots [wheelSlots]int32       // first cell; -1: none
	used  [wheelSlots / 64]uint64 // a bit for each slot that holds something
	start time.Time
	tick  int64 // everything due up to here has been taken out
	out   []int32
}

func newWheel(c *cells, now time.Time) *wheel {
	w := &wheel{cells: c, start: now}
	for i := range w.slots {
		w.slots[i] = -1
	}
	return w
}

// add puts a cell in; it must not be in a wheel already. It comes up no
// sooner than at that time, if the wheel reaches that far.
func (w *wheel) add(i int32, at time.Time) {
	due := int64((at.Sub(w.start) + wheelTick - 1) / wheelTick)
	due = min(max(due, w.tick+1), w.tick+wheelSlots-1)
	s := due % wheelSlots
	c := &w.cells.list[i]
	c.due, c.prev, c.next = due, -1, w.slots[s]
	if c.next >= 0 {
		w.cells.list[c.next].prev = i
	}
	w.slots[s] = i
	w.used[s/64] |= 1 << (s % 64)
}

// remove takes a cell out.
func (w *wheel) remove(i int32) {
	c := &w.cells.list[i]
	s := c.due % wheelSlots
	if c.prev >= 0 {
		w.cells.list[c.prev].next = c.next
	} else if w.slots[s] = c.next; c.next < 0 {
		w.used[s/64] &^= 1 << (s % 64)
	}
	if c.next >= 0 {
		w.cells.list[c.next].prev = c.prev
	}
	c.prev, c.next, c.due = -1, -1, 0
}

// advance takes out what is due. The result is valid until the next call.
func (w *wheel) advance(now time.Time) []int32 {
	w.out = w.out[:0]
	last := int64(now.Sub(w.start) / wheelTick)
	for w.tick < last {
		due, ok := w.nextTick()
		if !ok || due > last {
			w.tick = last
			break
		}
		w.tick = due
		for s := due % wheelSlots; w.slots[s] >= 0; {
			w.out = append(w.out, w.slots[s])
			w.remove(w.slots[s])
		}
	}
	return w.out
}

// next is when the first cell comes up.
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
