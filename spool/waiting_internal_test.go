package spool

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

// TestWaitingIsServedFromBothEnds where more wait than can be taken, and in
// order of acceptance where not; so are the lines of batches.
func TestWaitingIsServedFromBothEnds(t *testing.T) {
	for _, c := range []struct {
		names string // a digit before a letter: a batch of so many lines, claimed already
		room  int
		want  string
	}{
		{"a b c d e", 5, "a b c d e"},
		{"a b c d e", 9, "a b c d e"},
		{"a b c d e f g h", 4, "a h b g"},
		{"a b c", 2, "a c"},
		{"", 3, ""},
		{"9a b", 4, "a1 b a2 a3"},
		{"9a b", 10, "a1 a2 a3 a4 a5 a6 a7 a8 a9 b"},
		{"9a b 9c", 6, "a1 c1 a2 c2 a3 c3"},
		{"a b 3c d e", 6, "a e b d c1 c2"},
		{"a 2b", 3, "a b1 b2"},
		{"4a", 2, "a1 a2"},
	} {
		var w waiting
		for i, name := range strings.Fields(c.names) {
			id := ulid.ULID{15: byte(i)}
			if name[0] > '9' {
				w.names = append(w.names, id.String()+name)
				continue
			}
			b := &heldBatch{id: id}
			for n := '1'; n <= rune(name[0]); n++ {
				w.put(&Claim{batch: b, Job: Job{Target: name[1:] + string(n)}})
			}
		}
		var got []string
		for len(got) < c.room {
			name, line := w.next(c.room-len(got), true)
			if line != nil {
				name = line.Job.Target
			} else if name == "" {
				break
			} else {
				name = name[ulid.EncodedSize:]
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
