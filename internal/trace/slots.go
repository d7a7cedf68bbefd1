package trace

import "sync"

// Slots bounds how many long looks run together. When they are short the
// newest trace is served first: its loss may still last, while the oldest
// is late already and has its first look.
type Slots struct {
	mu      sync.Mutex
	free    int
	waiting []*Slot // the newest last
}

// A Slot is a place for a long look, or the wait for one.
type Slot struct {
	of      *Slots
	granted chan struct{}
	has     bool
}

// NewSlots returns n slots.
func NewSlots(n int) *Slots { return &Slots{free: n} }

// Resize changes how many slots there are, from one number to another. When
// they become fewer, those who have one keep it.
func (s *Slots) Resize(from, to int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free += to - from
	for s.free > 0 && len(s.waiting) > 0 {
		s.free--
		s.grantNewest()
	}
}

func (s *Slots) grantNewest() {
	n := len(s.waiting)
	newest := s.waiting[n-1]
	s.waiting = s.waiting[:n-1]
	newest.grant()
}

// Ask returns at once; the slot is there when Granted is closed. The
// caller must Release it, granted or not.
func (s *Slots) Ask() *Slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &Slot{of: s, granted: make(chan struct{})}
	if s.free > 0 {
		s.free--
		t.grant()
	} else {
		s.waiting = append(s.waiting, t)
	}
	return t
}

// Granted is closed when the slot is there.
func (t *Slot) Granted() <-chan struct{} { return t.granted }

func (t *Slot) grant() {
	t.has = true
	close(t.granted)
}

// Release gives the slot to the newest who waits, or withdraws the wish.
func (t *Slot) Release() {
	s := t.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if !t.has {
		for i, w := range s.waiting {
			if w == t {
				s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
				return
			}
		}
		return // released twice
	}
	t.has = false
	if s.free >= 0 && len(s.waiting) > 0 { // below zero there are too many
		s.grantNewest()
		return
	}
	s.free++
}
