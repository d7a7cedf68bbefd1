package archive

import (
	"fmt"
	"net/netip"
	"testing"
)

// fullBook has learnt a name of its own from each of so many requests a day,
// the newest day first, as days are counted.
func fullBook(days, perDay int, last Date) *names {
	n := newNames()
	for d := range days {
		for i := range perDay {
			day := last.Add(-d)
			n.note(n.tags, fmt.Sprintf("alarm=%s-%04d", day, i), day)
			if i%10 == 0 {
				n.noteAddr(fmt.Sprintf("h%d.%s.example.net", i, day), netip.MustParseAddr("203.0.113.7"), day)
			}
		}
	}
	return &n
}

func (n *names) knowsTag(day Date, i int) bool {
	_, ok := n.tags[fmt.Sprintf("alarm=%s-%04d", day, i)]
	return ok
}

// TestFullBook goes on learning when its room is used up: what is new is
// known, what is oldest is forgotten, and no name costs a look at all others.
func TestFullBook(t *testing.T) {
	last := Date{2026, 11, 23}
	n := fullBook(60, 1000, last)
	if !n.knowsTag(last, 999) || n.knowsTag(last.Add(-59), 0) {
		t.Fatal("the book is not full of the newest days")
	}
	oldest := last
	for n.knowsTag(oldest.Add(-1), 0) {
		oldest = oldest.Add(-1)
	}
	rooms := 0 // how often it was looked through, and got smaller
	today := last.Add(1)
	for i := range 9000 {
		before := n.bytes
		if n.note(n.tags, fmt.Sprintf("alarm=%s-%04d", today, i), today); n.bytes < before {
			rooms++
		}
	}
	n.noteAddr("new.example.net", netip.MustParseAddr("203.0.113.9"), today)
	n.note(n.nodes, "hk2", today)
	for _, i := range []int{0, 4500, 8999} {
		if !n.knowsTag(today, i) {
			t.Errorf("tag %d of today was not learnt", i)
		}
	}
	if _, ok := n.nodes["hk2"]; !ok || len(n.addressesOf("new.example.net")) != 1 {
		t.Error("a node or a name of today was not learnt")
	}
	if n.knowsTag(oldest, 0) || !n.knowsTag(last, 0) {
		t.Errorf("tags of %s and %s: %v, %v; want the older ones forgotten", oldest, last, n.knowsTag(oldest, 0), n.knowsTag(last, 0))
	}
	if rooms == 0 || rooms > 4 {
		t.Errorf("made room in the book %d times for 9,000 names", rooms)
	}
	bytes := 0
	n.each(func(text string, _ Date) { bytes += nameBytes(text) })
	if n.bytes != bytes || bytes > maxNamesBytes {
		t.Errorf("counts %d bytes and has %d, of at most %d", n.bytes, bytes, maxNamesBytes)
	}
	// A day alone may fill the book: then the rest of it is left out.
	tomorrow := today.Add(1)
	for i := range 60_000 {
		n.note(n.tags, fmt.Sprintf("alarm=%s-%05d", tomorrow, i), tomorrow)
	}
	if n.bytes > maxNamesBytes || n.knowsTag(today, 0) {
		t.Errorf("%d bytes, at most %d; today is known: %v", n.bytes, maxNamesBytes, n.knowsTag(today, 0))
	}
	// Nor is it looked through for each of them: what would go is not even seen.
	n.tags["alarm=old"] = last
	if n.note(n.tags, "alarm=one more", tomorrow); n.tags["alarm=old"] != last {
		t.Error("looked through the book again for a day that nothing is older than")
	}
}

// TestBookForgetsPruned gives back the room of days that are gone.
func TestBookForgetsPruned(t *testing.T) {
	a := &Archive{calendar: newCalendar()}
	last := Date{2026, 11, 23}
	a.calendar.names = *fullBook(3, 10, last)
	for d := range 3 {
		a.calendar.days[last.Add(-d)] = &counted{}
	}
	n := &a.calendar.names
	whole := n.bytes
	a.calendar.keepOnly([]Date{last, last.Add(-1)})
	if n.knowsTag(last.Add(-2), 0) || !n.knowsTag(last.Add(-1), 0) || len(n.asked) != 2 {
		t.Errorf("after a prune: %d tags, %d names", len(n.tags), len(n.asked))
	}
	if n.bytes != whole/3*2 {
		t.Errorf("%d bytes of %d, want two thirds", n.bytes, whole)
	}
}
