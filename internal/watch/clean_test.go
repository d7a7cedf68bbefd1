package watch

import (
	"strings"
	"testing"
	"time"
)

// TestClean asks right after each ping of a second has been answered, at the
// borders of the rule: at most one loss in 60 s, none in 10 s, and enough
// answers to say so.
func TestClean(t *testing.T) {
	r := func(n int) string { return strings.Repeat("r", n) }
	for name, c := range map[string]struct {
		letters string // one ping each, the newest at now
		each    time.Duration
		began   int  // number of the ping at which it began
		ok      bool // recovered
		since   int  // number of the ping since when; -1: not asked for
	}{
		"just lost":                         {r(60) + "-", time.Second, 0, false, -1},
		"9 s after the only loss":           {"-" + r(9), time.Second, 0, false, -1},
		"10 s after, the border":            {"-" + r(10), time.Second, 0, false, -1},
		"11 s after":                        {"-" + r(11), time.Second, 0, true, 1},
		"two losses, the first 60 s ago":    {"-" + r(48) + "-" + r(11), time.Second, 0, false, -1},
		"two losses, the first 61 s ago":    {"-" + r(49) + "-" + r(11), time.Second, 0, true, 51},
		"ten losses, 60 s":                  {"----------" + r(59), time.Second, 0, false, -1},
		"ten losses, two within 60 s":       {"----------" + r(60), time.Second, 0, true, 10},
		"the last of ten alone within 60 s": {"----------" + r(61), time.Second, 0, true, 10},
		"losses before it began":            {"-----" + r(20) + "-" + r(11), time.Second, 20, true, 26},
		"never lost since it began":         {r(20), time.Second, 5, true, 5},
		"too few answers":                   {"-????????" + "rrrr", time.Second, 0, false, -1},
		"just enough answers":               {"-????????" + "rrrrr", time.Second, 0, true, 9},
		"late ones are answers":             {"-" + strings.Repeat("l", 11), time.Second, 0, true, 1},
		"nothing is known":                  {strings.Repeat("?", 30), time.Second, 0, false, -1},
		"unknown within the clean end":      {"-rrr?rrr?rrrr", time.Second, 0, true, 1},
		"the end reaches beyond 60 s":       {"--" + r(200), time.Second, 0, true, 2},

		"fast, 10 s":           {"-" + r(50), 200 * time.Millisecond, 0, false, -1},
		"fast, 10.2 s":         {"-" + r(51), 200 * time.Millisecond, 0, true, 1},
		"fast, too few":        {"-" + strings.Repeat("?", 30) + r(24), 200 * time.Millisecond, 0, false, -1},
		"fast, enough":         {"-" + strings.Repeat("?", 30) + r(25), 200 * time.Millisecond, 0, true, 31},
		"5 s, one in 10 s":     {"-" + "??r", 5 * time.Second, 0, true, 3},
		"5 s, none known":      {"-" + "???", 5 * time.Second, 0, false, -1},
		"60 s, first answer":   {"---" + "r", 60 * time.Second, 0, true, 3},
		"60 s, under way":      {"---" + ".", 60 * time.Second, 0, false, -1},
		"60 s, nobody can say": {"--r" + "?", 60 * time.Second, 0, false, -1},
		"30 s, two in 60 s":    {"--" + "r", 30 * time.Second, 0, false, -1},
		"30 s, one in 60 s":    {"--" + "rr", 30 * time.Second, 0, true, 2},
	} {
		for when, start := range map[string]uint32{"": 5000, ", across the wrap": 1<<32 - 9000} {
			t.Run(name+when, func(t *testing.T) {
				h := history{limit: 300}
				at := start
				each := uint32(c.each.Milliseconds())
				marks(&h, &at, each, c.letters)
				now := at - each
				ok, since := h.clean(now, c.each, uint32(c.began), rules())
				if ok != c.ok {
					t.Fatalf("got %v, want %v", ok, c.ok)
				}
				if want := start + uint32(c.since)*each; ok && since != want {
					t.Errorf("since ping %d, want %d", (since-start)/each, c.since)
				}
			})
		}
	}
}

// TestCleanAfterWeeks is an outage that lasts longer than a signed difference
// of 32-bit milliseconds can say, and one that lasts longer than they last.
func TestCleanAfterWeeks(t *testing.T) {
	for _, days := range []uint64{1, 24, 25, 40, 49, 51, 80} {
		h := history{limit: 300}
		at := uint32(10_000 + days*24*3600*1000)
		marks(&h, &at, 1000, strings.Repeat("-", 230)+strings.Repeat("r", 70))
		now := at - 1000
		if ok, since := h.clean(now, time.Second, 0, rules()); !ok || since != at-70_000 {
			t.Errorf("%d days: got %v since %d s ago, want true since 69 s ago", days, ok, (now-since)/1000)
		}
	}
}

// TestCleanHalfASecondAhead is a ping that left while the loop had read its
// clock already.
func TestCleanHalfASecondAhead(t *testing.T) {
	h := history{limit: 300}
	at := uint32(10_000)
	marks(&h, &at, 1000, "-rrrrrrrrrrrr")
	if ok, since := h.clean(at-1001, time.Second, 0, rules()); !ok || since != 11_000 {
		t.Errorf("got %v since %d, want true since 11000", ok, since)
	}
}
