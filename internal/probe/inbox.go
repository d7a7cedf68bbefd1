package probe

import (
	"sync"
	"time"
)

// inbox is where everybody else leaves things for the scheduler's loop.
type inbox struct {
	mu      sync.Mutex
	wake    chan struct{} // holds one: there is something
	urgent  chan struct{} // holds one: there is a request that should leave at once
	stopped bool
	letters
}

type letters struct {
	requests []*Handle
	cancels  []*Handle
	answers  []received
	children []childNews
}

// received is an answer, or (kind 0) a line that was none.
type received struct {
	p  *process
	at time.Time
	answer
}

// childNews is a step in the life of a child.
type childNews struct {
	p     *process // nil: it did not start
	tcp   bool
	lane  int
	ready bool
	err   error // why it did not start, or what it ended with
}

func (b *inbox) init() {
	b.wake, b.urgent = make(chan struct{}, 1), make(chan struct{}, 1)
}

func (b *inbox) ring() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// submit is false after the end.
func (b *inbox) submit(hs []*Handle) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return false
	}
	b.requests = append(b.requests, hs...)
	b.ring()
	if len(hs) > 0 && !hs[0].req.Class.calm() {
		select {
		case b.urgent <- struct{}{}:
		default:
		}
	}
	return true
}

func (b *inbox) cancel(h *Handle) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.stopped {
		b.cancels = append(b.cancels, h)
		b.ring()
	}
}

func (b *inbox) answer(rs []received) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers = append(b.answers, rs...)
	b.ring()
}

func (b *inbox) child(n childNews) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.children = append(b.children, n)
	b.ring()
}

// take empties the inbox and leaves the memory of used there instead.
func (b *inbox) take(used letters) letters {
	clear(used.requests)
	clear(used.cancels)
	clear(used.answers)
	clear(used.children)
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.letters
	b.letters = letters{
		requests: keep(used.requests), cancels: keep(used.cancels),
		answers: keep(used.answers), children: keep(used.children),
	}
	return got
}

// keep is an empty slice with s's memory, unless that is a storm's.
func keep[T any](s []T) []T {
	if cap(s) > 4096 {
		return nil
	}
	return s[:0]
}

// stop lets nothing more in.
func (b *inbox) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
}
