package watch

import (
	"slices"
	"testing"
	"time"

	"github.com/mtrq/mtrq/report"
)

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func TestMinutes(t *testing.T) {
	type ping struct {
		at  time.Duration // since epoch, which is a whole minute
		o   outcome
		rtt time.Duration
	}
	us := func(n int64) *int64 { return &n }
	at := func(d time.Duration) time.Time { return epoch.Add(d) }
	for name, c := range map[string]struct {
		pings []ping
		want  []report.Bucket
	}{
		"none": {nil, nil},
		"unknown is nothing": {
			[]ping{{0, unknown, 0}, {time.Second, pending, 0}}, nil,
		},
		"one minute": {
			[]ping{{0, answered, ms(30)}, {time.Second, lost, 0}, {2 * time.Second, answered, ms(10)}, {59 * time.Second, answered, ms(20)}},
			[]report.Bucket{{At: at(0), Lost: 1, Sent: 4, MinUS: us(10_000), MedUS: us(20_000), MaxUS: us(30_000)}},
		},
		"all lost has no times": {
			[]ping{{0, lost, 0}, {time.Second, noRoute, 0}, {time.Second, unreachable, 0}},
			[]report.Bucket{{At: at(0), Lost: 3, Sent: 3}},
		},
		"times stay in their minute": {
			[]ping{{0, answered, ms(30)}, {time.Minute, lost, 0}, {2 * time.Minute, answered, ms(10)}},
			[]report.Bucket{
				{At: at(0), Sent: 1, MinUS: us(30_000), MedUS: us(30_000), MaxUS: us(30_000)}, {At: at(time.Minute), Lost: 1, Sent: 1},
				{At: at(2 * time.Minute), Sent: 1, MinUS: us(10_000), MedUS: us(10_000), MaxUS: us(10_000)},
			},
		},
		"a gap has no bucket": {
			[]ping{{0, lost, 0}, {10 * time.Minute, lost, 0}},
			[]report.Bucket{{At: at(0), Lost: 1, Sent: 1}, {At: at(10 * time.Minute), Lost: 1, Sent: 1}},
		},
		"late takes the loss back": {
			[]ping{{0, lost, 0}, {time.Second, lost, 0}, {time.Second, late, ms(700)}},
			[]report.Bucket{{At: at(0), Lost: 1, Sent: 2}},
		},
		"late in the minute after": {
			[]ping{{59 * time.Second, lost, 0}, {60 * time.Second, lost, 0}, {59 * time.Second, late, ms(700)}},
			[]report.Bucket{{At: at(0), Lost: 0, Sent: 1}, {At: at(time.Minute), Lost: 1, Sent: 1}},
		},
		"late a millisecond into the next": {
			[]ping{{60*time.Second - 1, lost, 0}, {61 * time.Second, answered, 0}, {60 * time.Second, late, ms(700)}},
			[]report.Bucket{{At: at(0), Lost: 0, Sent: 1}, {At: at(time.Minute), Sent: 1, MinUS: us(0), MedUS: us(0), MaxUS: us(0)}},
		},
		"the clock goes back": {
			[]ping{{2 * time.Minute, lost, 0}, {0, lost, 0}, {3 * time.Minute, lost, 0}},
			[]report.Bucket{{At: at(2 * time.Minute), Lost: 2, Sent: 2}, {At: at(3 * time.Minute), Lost: 1, Sent: 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := minutes{}
			for _, p := range c.pings {
				m.add(epoch.Add(p.at), p.o, p.rtt)
				m.snapshot() // changes nothing
			}
			same(t, m.snapshot(), c.want)
		})
	}
}

func same(t *testing.T, got, want []report.Bucket) {
	t.Helper()
	show := func(n *int64) any {
		if n == nil {
			return "-"
		}
		return *n
	}
	equal := func(a, b report.Bucket) bool {
		return a.At.Equal(b.At) && a.Lost == b.Lost && a.Sent == b.Sent && show(a.MinUS) == show(b.MinUS) && show(a.MedUS) == show(b.MedUS) && show(a.MaxUS) == show(b.MaxUS)
	}
	if slices.EqualFunc(got, want, equal) {
		return
	}
	for _, b := range got {
		t.Logf("got  %s %d of %d %v %v %v", b.At, b.Lost, b.Sent, show(b.MinUS), show(b.MedUS), show(b.MaxUS))
	}
	for _, b := range want {
		t.Logf("want %s %d of %d %v %v %v", b.At, b.Lost, b.Sent, show(b.MinUS), show(b.MedUS), show(b.MaxUS))
	}
	t.Errorf("got %d buckets, want %d, as above", len(got), len(want))
}

// TestMinutesHalve fills all buckets and one more: from then on they last two
// minutes each, at even minutes, whenever the outage began.
func TestMinutesHalve(t *testing.T) {
	for name, first := range map[string]time.Duration{"begins at an even minute": 0, "at an odd one": time.Minute} {
		t.Run(name, func(t *testing.T) {
			m := minutes{}
			for i := range minutesMost {
				m.add(epoch.Add(first+time.Duration(i)*time.Minute), answered, ms(i+1))
				m.add(epoch.Add(first+time.Duration(i)*time.Minute), lost, 0)
			}
			if n := len(m.buckets); n != minutesMost || m.each != time.Minute {
				t.Fatalf("%d buckets of %s, want %d of 1m0s", n, m.each, minutesMost)
			}
			m.add(epoch.Add(first+minutesMost*time.Minute), answered, ms(5))
			got := m.snapshot()
			if n := len(got); n != minutesMost/2+1 || m.each != 2*time.Minute {
				t.Fatalf("%d buckets of %s, want %d of 2m0s", n, m.each, minutesMost/2+1)
			}
			for k, b := range got {
				low, high, sent := 0, 0, 0 // minutes of it, from 1 on
				for i := range minutesMost {
					if at := epoch.Add(first + time.Duration(i)*time.Minute); !at.Before(b.At) && at.Before(b.At.Add(2*time.Minute)) {
						if low == 0 {
							low = i + 1
						}
						high = i + 1
						sent += 2
					}
				}
				lostHere := sent / 2
				if k == len(got)-1 { // and the one that was too many
					sent++
					if low == 0 {
						high = 5
					}
					low = 5
				}
				if b.At.Minute()%2 != 0 || b.Lost != lostHere || b.Sent != sent || *b.MinUS != int64(low)*1000 || *b.MaxUS != int64(high)*1000 || *b.MedUS != *b.MaxUS {
					t.Fatalf("bucket %d at %s: %d of %d, %d to %d µs, median %d; want %d of %d, %d000 to %d000",
						k, b.At, b.Lost, b.Sent, *b.MinUS, *b.MaxUS, *b.MedUS, lostHere, sent, low, high)
				}
			}
		})
	}
}

// TestMinutesWithGaps has a bucket every three hours only: none of them may
// stand for what was long before or after.
func TestMinutesWithGaps(t *testing.T) {
	m := minutes{}
	at := epoch
	for range 3000 {
		at = at.Add(3 * time.Hour)
		m.add(at, lost, 0)
		if n := len(m.buckets); n > minutesMost {
			t.Fatalf("%d buckets, want at most %d", n, minutesMost)
		}
	}
	got := m.snapshot()
	if l, s := sum(got); l != 3000 || s != 3000 {
		t.Errorf("%d of %d lost, want 3000 of 3000", l, s)
	}
	for i, b := range got {
		if most := int(m.each/(3*time.Hour)) + 1; b.Sent > most {
			t.Fatalf("bucket %d of %s has %d pings, want at most %d", i, m.each, b.Sent, most)
		}
		if i > 0 && b.At.Sub(got[i-1].At) < m.each {
			t.Fatalf("bucket %d begins %s after the one before, want at least %s", i, b.At.Sub(got[i-1].At), m.each)
		}
	}
}
