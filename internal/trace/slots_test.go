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
