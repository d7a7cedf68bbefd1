package watch

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// marks adds pings to a history, each after the one before, and says what
// became of them: the letters of report.Pings, "." for one under way.
func marks(h *history, at *uint32, each uint32, letters string) {
	for _, l := range letters {
		h.cell(h.add(*at)).set(outcomeFor(l), 20*time.Millisecond)
		*at += each
	}
}

func outcomeFor(letter rune) outcome {
	for o := answered; o <= noRoute; o++ {
		if rune(o.letter()) == letter {
			return o
		}
	}
	if letter == '?' {
		return unknown
	}
	return pending
}

func TestCell(t *testing.T) {
	for name, c := range map[string]struct {
		o         outcome
		rtt, want time.Duration
		hasRTT    bool
	}{
		"answer":           {answered, 1234567 * time.Nanosecond, 1234 * time.Microsecond, true},
		"zero is a time":   {answered, 0, 0, true},
		"late":             {late, time.Second, time.Second, true},
		"lost":             {lost, 0, 0, false},
		"negative":         {answered, -time.Second, 0, true},
		"more than fits":   {late, 300 * time.Second, rttMask * time.Microsecond, true},
		"last outcome":     {unknown, rttMask * time.Microsecond, rttMask * time.Microsecond, false},
		"nearly too great": {noRoute, (rttMask - 1) * time.Microsecond, (rttMask - 1) * time.Microsecond, false},
	} {
		got := cell{at: 7}
		got.set(c.o, c.rtt)
		if got.outcome() != c.o || got.rtt() != c.want || got.hasRTT() != c.hasRTT || got.at != 7 {
			t.Errorf("%s: got %v %s %v, want %v %s %v", name, got.outcome(), got.rtt(), got.hasRTT(), c.o, c.want, c.hasRTT)
		}
	}
}

func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		o           outcome
		lost, known bool
		letter      byte
	}{
		{pending, false, false, '?'}, {answered, false, true, 'r'}, {late, false, true, 'l'}, {lost, true, true, '-'},
		{unreachable, true, true, 'u'}, {noRoute, true, true, 'n'}, {unknown, false, false, '?'},
	} {
		if c.o.isLost() != c.lost || c.o.isKnown() != c.known || c.o.letter() != c.letter {
			t.Errorf("%d: got lost %v known %v %q, want %v %v %q", c.o, c.o.isLost(), c.o.isKnown(), c.o.letter(), c.lost, c.known, c.letter)
		}
	}
}

// TestHistoryRing holds a ring against all that was ever added.
func TestHistoryRing(t *testing.T) {
	const limit = 7
	h := history{limit: limit}
	for n := range uint32(50) {
		if got := h.add(1000 + n); got != n {
			t.Fatalf("ping %d has number %d", n, got)
		}
		h.cell(n).set(answered, time.Duration(n)*time.Millisecond)
		if got, want := h.len(), min(int(n)+1, limit); got != want {
			t.Fatalf("after %d: %d cells, want %d", n, got, want)
		}
		for k := range n + 3 {
			c := h.cell(k)
			if kept := k <= n && k+limit > n; kept != (c != nil) {
				t.Fatalf("after %d: cell %d is %v, want it kept: %v", n, k, c, kept)
			} else if kept && (c.at != 1000+k || c.rtt() != time.Duration(k)*time.Millisecond) {
				t.Fatalf("after %d: cell %d is of %d", n, k, c.at-1000)
			}
		}
		for i := range h.len() {
			if got, want := h.back(i).at, 1000+n-uint32(i); got != want {
				t.Fatalf("after %d: %d back is %d, want %d", n, i, got, want)
			}
		}
	}
}

// TestLateAfterOverwritten is a ping whose answer comes when its cell serves
// another already.
func TestLateAfterOverwritten(t *testing.T) {
	h := history{limit: 3}
	at := uint32(0)
	marks(&h, &at, 1000, "-rr")
	if c := h.cell(0); c == nil || !c.outcome().isLost() {
		t.Fatalf("got %v, want a loss", c)
	}
	marks(&h, &at, 1000, "r")
	if c := h.cell(0); c != nil {
		t.Errorf("got %v for a ping that was overwritten, want none", c)
	}
	if got, want := h.strip(10), "rrr"; got != want {
		t.Errorf("strip %q, want %q", got, want)
	}
}

func TestHistoryResize(t *testing.T) {
	for name, c := range map[string]struct {
		from, to, pings int
		keeps           int
	}{
		"more room":            {5, 9, 12, 5},
		"less room":            {9, 4, 12, 4},
		"not full yet":         {9, 4, 3, 3},
		"not full and grows":   {5, 9, 3, 3},
		"empty":                {5, 9, 0, 0},
		"the same":             {5, 5, 12, 5},
		"full at its boundary": {5, 8, 10, 5},
	} {
		t.Run(name, func(t *testing.T) {
			h := history{limit: c.from}
			for n := range c.pings {
				h.cell(h.add(uint32(n))).set(answered, 0)
			}
			h.resize(c.to)
			if h.len() != c.keeps {
				t.Fatalf("%d cells, want %d", h.len(), c.keeps)
			}
			for i := range 25 {
				for k := range h.len() {
					n := h.next - 1 - uint32(k)
					if a, b := h.back(k), h.cell(n); a != b || a.at != n {
						t.Fatalf("%d pings later: %d back is of %d, number %d of %v", i, k, a.at, n, b)
					}
				}
				if c := h.cell(h.next - uint32(h.len()) - 1); c != nil {
					t.Fatalf("%d pings later: one too many is kept: %v", i, c)
				}
				if got := h.add(h.next); got != uint32(c.pings+i) {
					t.Fatalf("number %d, want %d", got, c.pings+i)
				}
			}
			if h.len() != c.to {
				t.Errorf("%d cells, want %d", h.len(), c.to)
			}
		})
	}
}

func TestHistoryForget(t *testing.T) {
	h := history{limit: 3}
	at := uint32(0)
	marks(&h, &at, 1000, "--r-")
	h.forget()
	if c := h.cell(3); c != nil || h.len() != 0 || h.lostOf(10) != 0 {
		t.Errorf("got %v, %d cells, %d lost after all was forgotten", c, h.len(), h.lostOf(10))
	}
	marks(&h, &at, 1000, "rr-rr")
	if got := h.strip(9); got != "-rr" || h.next != 9 || h.cell(8) != h.back(0) {
		t.Errorf("got %q up to number %d, want \"-rr\" up to 9", got, h.next)
	}
}

// TestTallyAcrossTheWrap counts pings around the moment at which 32 bits of
// milliseconds begin anew, 49.7 days after the start.
func TestTallyAcrossTheWrap(t *testing.T) {
	for name, start := range map[string]uint32{"early": 0, "before 24 days": 1<<31 - 4500, "before 49 days": 1<<32 - 4500} {
		t.Run(name, func(t *testing.T) {
			h := history{limit: 300}
			at := start
			marks(&h, &at, 1000, "r-r?.-unlr") // 0 s to 9 s
			for _, c := range []struct {
				from, to   uint32 // ms since the start
				lost, sent int
			}{
				{0, 9000, 4, 8}, {1000, 9000, 4, 7}, {1001, 9000, 3, 6}, {1001, 4999, 0, 1}, {5000, 5000, 1, 1},
				{5000, 7000, 3, 3}, {9001, 20000, 0, 0}, {3000, 4000, 0, 0},
			} {
				lost, sent := h.between(start+c.from, start+c.to)
				if lost != c.lost || sent != c.sent {
					t.Errorf("%d to %d ms: got %d of %d, want %d of %d", c.from, c.to, lost, sent, c.lost, c.sent)
				}
			}
			// Before the start of a watchdog is before all pings.
			if lost, sent := h.tally(start - 300_000); lost != 4 || sent != 8 {
				t.Errorf("since ever: got %d of %d, want 4 of 8", lost, sent)
			}
		})
	}
}

// TestBetweenBackwards: after the wall clock was set back a stretch may end
// before it begins.
func TestBetweenBackwards(t *testing.T) {
	h := history{limit: 300}
	at := uint32(10_000)
	marks(&h, &at, 1000, "rr--rr")
	if lost, sent := h.between(12_000, 13_000); lost != 2 || sent != 2 {
		t.Errorf("%d of %d, want 2 of 2", lost, sent)
	}
	if lost, sent := h.between(14_000, 11_000); lost != 0 || sent != 0 {
		t.Errorf("backwards: %d of %d, want none", lost, sent)
	}
}

func TestLostOf(t *testing.T) {
	for name, c := range map[string]struct {
		letters string
		n, want int
	}{
		"none":                    {"", 3, 0},
		"too few":                 {"-r", 3, 1},
		"newest count":            {"----rrr", 3, 0},
		"pending are passed over": {"--r..", 2, 1},
		"unknown too":             {"-?-?r", 3, 2},
		"late is none":            {"lll", 3, 0},
		"of every kind":           {"-un", 3, 3},
	} {
		h := history{limit: 300}
		at := uint32(0)
		marks(&h, &at, 1000, c.letters)
		if got := h.lostOf(c.n); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

// TestUsual holds what is usual against the plain way to work it out, with
// one scratch for all.
func TestUsual(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var scratch []time.Duration
	for _, pings := range []int{0, 1, 2, 3, 19, 20, 21, 300, 500} {
		h := history{limit: 300}
		var rtts []time.Duration
		lostSome, sent := 0, 0
		for n := range pings {
			o := outcome(rnd.IntN(int(unknown) + 1))
			if rnd.IntN(2) == 0 {
				o = answered
			}
			rtt := time.Duration(rnd.IntN(1e6)) * time.Microsecond
			h.cell(h.add(uint32(n))).set(o, rtt)
			if n < pings-300 {
				continue // overwritten by now
			}
			if o == answered || o == late {
				rtts = append(rtts, rtt)
			}
			if o != pending && o != unknown {
				sent++
			}
			if o == lost || o == unreachable || o == noRoute {
				lostSome++
			}
		}
		want := usual{n: len(rtts), lost: lostSome, sent: sent}
		if n := len(rtts); n > 0 {
			var diffs []time.Duration
			for i := range n - 1 {
				diffs = append(diffs, (rtts[i+1] - rtts[i]).Abs())
			}
			slices.Sort(rtts)
			slices.Sort(diffs)
			want.p50, want.p95 = rtts[n/2], rtts[n*95/100]
			if n > 1 {
				want.peak = rtts[n-2]
			}
			if len(diffs) > 0 {
				want.jitter = diffs[len(diffs)*95/100]
			}
		}
		var got usual
		got, scratch = h.look(scratch)
		if got != want {
			t.Errorf("%d pings: got %+v, want %+v", pings, got, want)
		}
	}
}
