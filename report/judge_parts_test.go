package report

import (
	"net/netip"
	"testing"
	"time"
)

// drawn is a series of a probe a second: a capital is an answer of that router
// (A is address 0), "-" a lost probe, "r" an answer of the target.
func drawn(shape string) Series {
	s := newSeries()
	answers := make([]byte, len(shape))
	for i, c := range []byte(shape) {
		s.TxMS = append(s.TxMS, float64(i)*1000)
		s.RTTUS, s.LateUS = append(s.RTTUS, nil), append(s.LateUS, nil)
		answers[i] = c
		var who *int
		if c >= 'A' && c <= 'Z' {
			n := int(c - 'A')
			who, answers[i] = &n, AnswerExpired
		}
		s.Addr = append(s.Addr, who)
	}
	s.Answer = string(answers)
	return s
}

// routersAB are the addresses of A, B and C in drawn.
var routersAB = []netip.Addr{netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr("198.18.0.2"), netip.MustParseAddr("198.18.0.3")}

// TestNear asks who stood at a hop while the target lost packets: from 4 to 7 s.
func TestNear(t *testing.T) {
	for _, c := range []struct {
		shape string
		want  netip.Addr
	}{
		{"AAAABBBBCC", routersAB[1]}, // in the loss
		{"AAAA----CC", routersAB[0]}, // nobody then: the last before it
		{"--------CC", routersAB[2]}, // nobody before either: the last of all
		{"----------", netip.Addr{}},
	} {
		v := view{e: &Evidence{Addresses: routersAB}, series: drawn("rrrr----rr"), spans: []span{{-1, 3500}, {7500, 1e9}}}
		s := drawn(c.shape)
		if got := v.near(&s); got != c.want {
			t.Errorf("%s: %v, want %v", c.shape, got, c.want)
		}
	}
}

// TestMixed asks whether several routers answered; one that sends packets back
// stands nearer and is none of them.
func TestMixed(t *testing.T) {
	for shape, want := range map[string]bool{"AAA": false, "A--A": false, "---": false, "": false, "AAB": true, "--A-B": true} {
		v := view{e: &Evidence{Addresses: routersAB}}
		s := drawn(shape)
		if got := v.mixed(&s); got != want {
			t.Errorf("%q: %v, want %v", shape, got, want)
		}
	}
}

// TestTurns looks for a loop of period 2 from TTL 1 on; "-" is a silent TTL.
func TestTurns(t *testing.T) {
	for shape, times := range map[string]int{
		"ABAB":   2,
		"ABABAB": 4,
		"ABA-A":  0, // one router that comes again is no turn
		"AAAA":   0,
		"ABAC":   0,
		"A-A-A":  0,
		"-B-B-B": 0,
	} {
		addrs := make([]netip.Addr, len(shape)+1)
		for i, c := range []byte(shape) {
			if c != '-' {
				addrs[i+1] = routersAB[c-'A']
			}
		}
		got := 0
		if l := turns(addrs, 1, len(shape), 2); l != nil {
			got = l.times
		}
		if got != times {
			t.Errorf("%s: %d, want %d", shape, got, times)
		}
	}
}

// TestSpellEnds has answers within a spell and behind it: it ends between its
// last lost probe and the first answer after that.
func TestSpellEnds(t *testing.T) {
	zero := time.Unix(0, 0).UTC()
	s := drawn("rr-rr-rrrr")
	got := spells(&s, nil, zero)
	if len(got) != 1 {
		t.Fatalf("%d spells", len(got))
	}
	for what, c := range map[string]struct {
		at   *time.Time
		want int
	}{"from after": {got[0].From.After, 1}, "from by": {got[0].From.By, 2}, "to after": {got[0].To.After, 5}, "to by": {got[0].To.By, 6}} {
		if c.at == nil || !c.at.Equal(zero.Add(time.Duration(c.want)*time.Second)) {
			t.Errorf("%s: %v, want %d s", what, c.at, c.want)
		}
	}
	s = drawn("--")
	if got := spells(&s, nil, zero); len(got) != 1 || got[0].From.After != nil || got[0].To.By != nil {
		t.Errorf("all lost: %+v", got)
	}
}

// TestParting cuts the answers of a TTL where no router is on both sides.
func TestParting(t *testing.T) {
	v := view{e: &Evidence{Addresses: routersAB}}
	for _, c := range []struct {
		shape string
		i, j  int // 0, 0: no cut
	}{
		{"AAABBB", 0, 3},
		{"AABBAA", 2, 4},   // away and back
		{"AABABBCC", 0, 6}, // two in turn, and then another
		{"AABABBBB", 0, 0}, // in turn
		{"BABABACA", 6, 7},
		{"AAAA", 0, 0},
	} {
		s := drawn(c.shape)
		if got, ok := parting(v.answerers(&s)); ok != (c.j > 0) || got.i != c.i || got.j != c.j {
			t.Errorf("%s: [%d, %d) %v, want [%d, %d)", c.shape, got.i, got.j, ok, c.i, c.j)
		}
	}
}
