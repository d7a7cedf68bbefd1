package trace

import "testing"

func isGranted(s *Slot) bool {
	select {
	case <-s.Granted():
		return true
	default:
		return false
	}
}

func TestSlotsServeTheNewestFirst(t *testing.T) {
	s := NewSlots(1)
	a := s.Ask()
	if !isGranted(a) {
		t.Fatal("a free slot was not given at once")
	}
	b, c, d := s.Ask(), s.Ask(), s.Ask()
	d.Release() // gives up waiting
	a.Release()
	if isGranted(b) || !isGranted(c) || isGranted(d) {
		t.Fatal("want the newest that still waits to be served")
	}
	a.Release() // a second time: must not free a second slot
	if isGranted(b) {
		t.Fatal("a slot was released twice")
	}
	c.Release()
	if !isGranted(b) {
		t.Fatal("the older one starves")
	}
	b.Release()
	if !isGranted(s.Ask()) || isGranted(s.Ask()) {
		t.Fatal("want exactly one slot in the end")
	}
}

// TestSlotsChangeTheirNumber: who waits is served when there are more; when
// there are fewer, as many must be given back first.
func TestSlotsChangeTheirNumber(t *testing.T) {
	s := NewSlots(1)
	a, b, c := s.Ask(), s.Ask(), s.Ask()
	s.Resize(1, 2)
	if !isGranted(a) || isGranted(b) || !isGranted(c) {
		t.Fatal("a second slot was not given to the newest who waits")
	}
	s.Resize(2, 1)
	a.Release()
	if isGranted(b) {
		t.Fatal("two traces for one slot")
	}
	c.Release()
	if !isGranted(b) {
		t.Fatal("the last one starves")
	}
	b.Release()
	if !isGranted(s.Ask()) || isGranted(s.Ask()) {
		t.Fatal("want exactly one slot in the end")
	}
}
