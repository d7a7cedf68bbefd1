package spool

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestWaitingIsServedFromBothEnds where more wait than can be taken, and in
// order of acceptance where not.
func TestWaitingIsServedFromBothEnds(t *testing.T) {
	for _, c := range []struct {
		names string
		room  int
		want  string
	}{
		{"a b c d e", 5, "a b c d e"},
		{"a b c d e", 9, "a b c d e"},
		{"a b c d e f g h", 4, "a h b g"},
		{"a b c", 2, "a c"},
		{"", 3, ""},
	} {
		w := waiting{names: strings.Fields(c.names)}
		var got []string
		for len(got) < c.room {
			name, ok := w.next(c.room - len(got))
			if !ok {
				break
			}
			got = append(got, name)
		}
		if !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("of %q %d were taken as %v, want %s", c.names, c.room, got, c.want)
		}
	}
}

// TestLongListIsReadOnceASecond, and a short one for each claim: what comes
// last is found by the next claim or a second later.
func TestLongListIsReadOnceASecond(t *testing.T) {
	s := testSpool(t)
	now := time.Now()
	s.opt.Now = func() time.Time { return now }
	put := func(i int) {
		t.Helper()
		if err := s.fs.writeLoose(s.path("new", fmt.Sprintf("%06d", i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	var w waiting
	listed := func() int {
		t.Helper()
		if err := w.refresh(s); err != nil {
			t.Fatal(err)
		}
		return len(w.names)
	}
	put(0)
	if n := listed(); n != 1 {
		t.Fatalf("%d names", n)
	}
	for i := range shortList {
		put(i + 1)
	}
	if n := listed(); n != shortList+1 {
		t.Errorf("a short list was not read anew: %d names", n)
	}
	put(shortList + 1)
	if n := listed(); n != shortList+1 {
		t.Errorf("a long list was read anew at once: %d names", n)
	}
	now = now.Add(listEvery)
	if n := listed(); n != shortList+2 {
		t.Errorf("a long list was not read anew after a second: %d names", n)
	}
	now = now.Add(-time.Hour) // a clock that is set back must not stop it for an hour
	put(shortList + 2)
	if n := listed(); n != shortList+3 {
		t.Errorf("after a step of the clock: %d names", n)
	}
}
