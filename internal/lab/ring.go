package lab

import "sync/atomic"

// ring passes slot numbers from one thread to one other, without locks and without allocation. Its size is a power
// of two and at least the number of slots, so it cannot overflow.
type ring struct {
	slots []int32
	_     [64]byte // head and tail belong to different threads: keep them on different cache lines
	head  atomic.Uint32
	_     [64]byte
	tail  atomic.Uint32
}

func newRing(size int) *ring { return &ring{slots: make([]int32, size)} }

func (r *ring) push(slot int32) {
	tail := r.tail.Load()
	r.slots[tail&uint32(len(r.slots)-1)] = slot
	r.tail.Store(tail + 1)
}

func (r *ring) pop() (slot int32, ok bool) {
	head := r.head.Load()
	if head == r.tail.Load() {
		return 0, false
	}
	slot = r.slots[head&uint32(len(r.slots)-1)]
	r.head.Store(head + 1)
	return slot, true
}

func (r *ring) empty() bool { return r.head.Load() == r.tail.Load() }
