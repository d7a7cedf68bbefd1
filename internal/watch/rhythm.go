package watch

import "time"

const (
	beat      = 10 * time.Millisecond // pings that are due leave together each beat
	beatSlots = 1 << 13               // × beat must be more than the longest interval (60 s)
)

// rhythm says who is due. Each target has its place in its interval, counted
// from the start of the rhythm: that of the number it came with, times the
// golden ratio, which leaves no gaps and no crowds however many there are,
// whenever they come, and however often they are asked. Adding and taking out
// cost the same however many there are.
type rhythm struct {
	start time.Time
	beat  int64 // everything due up to here has been handed out
	slots [beatSlots][]*target
	spare [][]*target // what slots were, empty: a second needs a hundred, not eight thousand
	n     int
	born  uint64
}

func newRhythm(now time.Time) *rhythm { return &rhythm{start: now} }

// add lets a target's first ping leave at its place within the interval to
// come.
func (r *rhythm) add(t *target, now time.Time) {
	r.born++
	// The fraction of born × the golden ratio, as a 64-bit integer.
	t.share = float64(r.born*11400714819323198485>>11) / (1 << 53)
	r.put(t, after(t, r.beatOf(now)))
	r.n++
}

// after is a target's first place after a beat.
func after(t *target, b int64) int64 {
	every := int64(t.every() / beat)
	wait := (int64(t.share*float64(every)) - b) % every
	if wait <= 0 {
		wait += every
	}
	return b + wait
}

func (r *rhythm) beatOf(at time.Time) int64 { return int64(at.Sub(r.start) / beat) }

func (r *rhythm) put(t *target, due int64) {
	t.due = due
	i := due % beatSlots
	if n := len(r.spare); r.slots[i] == nil && n > 0 {
		r.slots[i], r.spare = r.spare[n-1], r.spare[:n-1]
	}
	r.slots[i] = append(r.slots[i], t)
}

// remove is told that a target is watched no more; its place goes when it is
// due.
func (r *rhythm) remove(t *target) {
	t.gone = true
	r.n--
}

// take hands out every target that is due. Beats that were missed (a stall,
// a suspended machine) are not made up for: each target keeps its place.
func (r *rhythm) take(now time.Time, f func(*target)) {
	last := r.beatOf(now)
	if last-r.beat > beatSlots {
		r.skip(last)
	}
	for r.beat < last {
		r.beat++
		i := r.beat % beatSlots
		due := r.slots[i]
		r.slots[i] = nil
		for _, t := range due {
			switch {
			case t.gone:
				continue
			case t.due > r.beat: // a place of a later turn of the wheel
				r.slots[i] = append(r.slots[i], t)
				continue
			}
			next := after(t, r.beat)
			if next <= last { // missed
				next = after(t, last)
			}
			r.put(t, next)
			f(t)
		}
		if due != nil {
			clear(due) // what is watched no more must not stay in memory
			r.spare = append(r.spare, due[:0])
		}
	}
}

// skip brings a wheel that has stood still for long up to date.
func (r *rhythm) skip(last int64) {
	var all []*target
	for i := range r.slots {
		all = append(all, r.slots[i]...)
		r.slots[i] = nil
	}
	r.beat = last
	for _, t := range all {
		if !t.gone {
			r.put(t, after(t, last))
		}
	}
}

// next is when the next beat with somebody in it is, at most a second ahead.
func (r *rhythm) next() time.Time {
	for b := r.beat + 1; b < r.beat+int64(time.Second/beat); b++ {
		if len(r.slots[b%beatSlots]) > 0 {
			return r.start.Add(time.Duration(b) * beat)
		}
	}
	return r.start.Add(time.Duration(r.beat)*beat + time.Second)
}
