package watch

import (
	"math/rand/v2"
	"testing"
)

func TestWindow(t *testing.T) {
	type step struct {
		id   int64
		what byte // '-' lost, 'r' answered, 'l' its answer came late
	}
	burst := func(n int64) int64 { return burstMark + n }
	for name, c := range map[string]struct {
		size  int
		steps []step
		want  int
		first int64 // oldest lost ping of the rhythm; -1: none
	}{
		"empty":                       {3, nil, 0, -1},
		"two of three":                {3, []step{{1, '-'}, {2, 'r'}, {3, '-'}}, 2, 1},
		"the oldest goes":             {3, []step{{1, '-'}, {2, 'r'}, {3, '-'}, {4, 'r'}}, 1, 3},
		"all go":                      {3, []step{{1, '-'}, {2, 'r'}, {3, 'r'}, {4, 'r'}}, 0, -1},
		"burst and rhythm count":      {12, []step{{1, '-'}, {burst(0), '-'}, {burst(1), '-'}}, 3, 1},
		"burst alone has no began":    {12, []step{{1, 'r'}, {burst(0), '-'}}, 1, -1},
		"burst 1 is not ping 1":       {12, []step{{1, '-'}, {burst(1), '-'}, {burst(1), 'l'}}, 1, 1},
		"late takes a loss back":      {12, []step{{1, '-'}, {2, '-'}, {1, 'l'}}, 1, 2},
		"late of one that has gone":   {2, []step{{1, '-'}, {2, '-'}, {3, '-'}, {1, 'l'}}, 2, 2},
		"late twice":                  {12, []step{{1, '-'}, {2, '-'}, {1, 'l'}, {1, 'l'}}, 1, 2},
		"late of one that came":       {12, []step{{1, 'r'}, {2, '-'}, {1, 'l'}}, 1, 2},
		"order is that of knowing":    {2, []step{{5, '-'}, {4, '-'}, {3, 'r'}}, 1, 4},
		"a size of one":               {1, []step{{1, '-'}, {2, 'r'}, {3, '-'}}, 1, 3},
		"burst fills it, loss leaves": {3, []step{{1, '-'}, {burst(0), 'r'}, {burst(1), 'r'}, {burst(2), 'r'}}, 0, -1},
	} {
		t.Run(name, func(t *testing.T) {
			w := window{size: c.size}
			for _, s := range c.steps {
				if s.what == 'l' {
					w.late(s.id)
				} else {
					w.push(s.id, s.what == '-')
				}
				if len(w.marks) > c.size {
					t.Fatalf("%d marks in a window of %d", len(w.marks), c.size)
				}
			}
			if got := w.lost(); got != c.want {
				t.Errorf("got %d lost, want %d", got, c.want)
			}
			n, ok := w.firstLost()
			if got := int64(n); ok != (c.first >= 0) || ok && got != c.first {
				t.Errorf("first lost: got %d %v, want %d", got, ok, c.first)
			}
		})
	}
}

func TestWindowFill(t *testing.T) {
	for name, c := range map[string]struct {
		letters string // pings 0, 1, 2 …
		calm    uint32
		want    string // marks, oldest first
		first   uint32
	}{
		"what is known":                  {"rrr-", 0, "rrr-", 3},
		"at most its size":               {"-rrrrrr-", 0, "rrrr-", 7},
		"pending and unknown count not":  {"-.r?-..", 0, "-r-", 0},
		"what was judged stays out":      {"--rr-", 2, "rr-", 4},
		"calm right before the loss":     {"--r-", 3, "-", 3},
		"late is no loss":                {"l-", 0, "r-", 1},
		"unreachable and no route are":   {"un", 0, "--", 0},
		"under way when one was let go":  {"r--", 3, "-", 2},
		"the same, others under way too": {"r--..", 5, "-", 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := history{limit: 300}
			at := uint32(0)
			marks(&h, &at, 1000, c.letters)
			w := window{size: 5}
			w.fill(&h, c.calm)
			got := ""
			for _, m := range w.marks {
				got += map[bool]string{true: "-", false: "r"}[m.lost]
			}
			n, ok := w.firstLost()
			if got != c.want || !ok || n != c.first {
				t.Errorf("got %q from %d %v, want %q from %d", got, n, ok, c.want, c.first)
			}
		})
	}
}

// rules are the real ones.
func rules() *Rules {
	r := &Rules{Lost: 3, Of: 12, SlowLost: 6, SlowOf: 300}
	r.defaults()
	return r
}

// opensAt pings a target that loses each ping, those of bursts included, with
// one probability, and applies the rules as judge and weigh do: the window
// begins with the first loss, a burst of ten comes with each suspect, and the
// longer stretch counts all. It returns how many incidents would open.
func opensAt(rnd *rand.Rand, p float64, pings int, r *Rules) (opened int) {
	h := history{limit: r.SlowOf}
	calm := uint32(0)
	var w *window
	for i := range pings {
		n := h.add(uint32(i) * 1000)
		isLost := rnd.Float64() < p
		if !isLost {
			h.cell(n).set(answered, 0)
		} else {
			h.cell(n).set(lost, 0)
		}
		switch {
		case w == nil && isLost:
			w = &window{size: r.Of}
			w.fill(&h, calm)
			for k := range int64(burstCount) {
				w.push(burstMark+k, rnd.Float64() < p)
				if w.lost() >= r.Lost {
					break
				}
			}
		case w == nil:
			continue
		default:
			w.push(int64(n), isLost)
		}
		switch {
		case w.lost() >= r.Lost, h.lostOf(r.SlowOf) >= r.SlowLost:
			opened++
			return opened
		case w.lost() == 0:
			w, calm = nil, h.next
		}
	}
	return opened
}

// TestRandomLossOpensNothing simulates 10,000 healthy targets, 600 pings
// each, at 0.01 % random loss. About 600 of the six million pings are lost,
// each makes a suspect of about 21 pings in all that would need two more
// losses: 600 × 210 × (10⁻⁴)² ≈ 0.001 incidents at 3 of 12, and less than
// 10⁻⁶ at 6 of 300. 2 of 12 would open about one. So none is expected, and at
// 100 times the loss many are: the simulation can open.
func TestRandomLossOpensNothing(t *testing.T) {
	for name, c := range map[string]struct {
		p           float64
		least, most int
	}{
		"0.01 %": {0.0001, 0, 0},
		"1 %":    {0.01, 500, 10_000},
	} {
		rnd := rand.New(rand.NewPCG(5, 6))
		opened := 0
		for range 10_000 {
			opened += opensAt(rnd, c.p, 600, rules())
		}
		t.Logf("%s: %d of 10000 targets", name, opened)
		if opened < c.least || opened > c.most {
			t.Errorf("%s: %d of 10000 targets open, want %d to %d", name, opened, c.least, c.most)
		}
	}
}

// TestRealLossOpens is the other side: 30 % loss for ten seconds at 1/s.
func TestRealLossOpens(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	opened := 0
	for range 1000 {
		opened += opensAt(rnd, 0.3, 10, rules())
	}
	// With its burst a target has about 19 pings from its first loss on; it
	// stays unopened where it has no loss at all (2.8 %) or one so late or so
	// alone that the window does not fill (about 4 %).
	if opened < 900 {
		t.Errorf("%d of 1000 targets at 30 %% open, want at least 900", opened)
	}
}
