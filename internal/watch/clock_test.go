package watch

import (
	"testing"
	"time"
	"unsafe"
)

// set is a time read after the wall clock was set by d: what has passed since
// other readings stays the same. No clock of a test can be set, and package
// time makes no such value, so its two words are written.
func set(t *testing.T, at time.Time, d time.Duration) time.Time {
	t.Helper()
	moved := at
	*(*uint64)(unsafe.Pointer(&moved)) += uint64(d/time.Second) << 30
	if mono, wall := moved.Sub(at), moved.Round(0).Sub(at.Round(0)); mono != 0 || wall != d {
		t.Fatalf("package time has changed: a clock set by %s shows as %s monotonic, %s wall", d, mono, wall)
	}
	return moved
}

func TestClockWatch(t *testing.T) {
	type tick struct {
		after time.Duration // since the one before
		set   time.Duration // of the wall clock, just before it
		want  time.Duration
	}
	for name, ticks := range map[string][]tick{
		"steady":               {{time.Second, 0, 0}, {time.Second, 0, 0}},
		"forward":              {{time.Second, time.Hour, time.Hour}, {time.Second, 0, 0}},
		"back":                 {{time.Second, -time.Hour, -time.Hour}, {time.Second, 0, 0}},
		"there and back":       {{time.Second, time.Second, time.Second}, {time.Second, -time.Second, -time.Second}},
		"a stall":              {{30 * time.Second, 0, 0}, {time.Second, 0, 0}},
		"a stall and a step":   {{30 * time.Second, -30 * time.Second, -30 * time.Second}, {time.Second, 0, 0}},
		"a stall, forward too": {{30 * time.Second, 2 * time.Second, 2 * time.Second}},
		"once only":            {{time.Second, 5 * time.Second, 5 * time.Second}, {0, 0, 0}, {time.Second, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			now, shift := time.Now(), time.Duration(0)
			c := clockWatch{}
			c.begin(now)
			for i, k := range ticks {
				now = now.Add(k.after)
				shift += k.set
				if got := c.step(set(t, now, shift)); got != k.want {
					t.Errorf("tick %d: got %s, want %s", i, got, k.want)
				}
			}
		})
	}
}

// TestClockWatchSmallSteps: an adjusted clock drifts, which is no step; the
// border is half a second.
func TestClockWatchSmallSteps(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		499 * time.Millisecond: 0, 500 * time.Millisecond: 0, 501 * time.Millisecond: 501 * time.Millisecond,
		-500 * time.Millisecond: 0, -501 * time.Millisecond: -501 * time.Millisecond,
	} {
		// Without a monotonic reading nothing can be told …
		c := clockWatch{last: epoch}
		if got := c.step(epoch.Add(time.Second + d)); got != 0 {
			t.Errorf("wall clock alone, %s: got %s, want 0", d, got)
		}
		// … and with one, of a whole second here, parts of it.
		now := time.Now()
		c.begin(now)
		moved := set(t, now.Add(time.Second), time.Second)
		fraction := d - time.Second
		*(*uint64)(unsafe.Pointer(&moved)) = addWall(*(*uint64)(unsafe.Pointer(&moved)), fraction)
		if wall := moved.Round(0).Sub(now.Round(0)); wall != time.Second+d {
			t.Fatalf("package time has changed: set by %s, shows %s", d, wall-time.Second)
		}
		if got := c.step(moved); got != want {
			t.Errorf("%s: got %s, want %s", d, got, want)
		}
	}
}

// addWall adds to the wall word of a time: 30 bits of nanoseconds below 33 of
// seconds.
func addWall(word uint64, d time.Duration) uint64 {
	const nano = 1<<30 - 1
	total := int64(word&nano) + int64(d)
	seconds := total / int64(time.Second)
	if total %= int64(time.Second); total < 0 {
		total += int64(time.Second)
		seconds--
	}
	return (word&^nano + uint64(seconds)<<30) | uint64(total)
}

// TestTimesAfterAStep: a time that was taken from a history and lost its
// monotonic reading finds its ping again, whichever way the wall clock was
// set since the watchdog's start.
func TestTimesAfterAStep(t *testing.T) {
	for _, step := range []time.Duration{0, time.Hour, -time.Hour} {
		start := time.Now()
		now := set(t, start.Add(10*time.Minute), step)
		w := &Watchdog{Now: func() time.Time { return now }, start: start}
		sent := w.ms(now.Add(-2 * time.Second))
		if got, want := sent, uint32(598_000); got != want {
			t.Errorf("set by %s: got %d ms, want %d", step, got, want)
		}
		at := w.at(sent)
		if got := now.Round(0).Sub(at); got != 2*time.Second {
			t.Errorf("set by %s: left %s ago, want 2s", step, got)
		}
		if got := w.ms(at); got != sent {
			t.Errorf("set by %s: came back as %d ms, want %d", step, got, sent)
		}
	}
}

// TestTimesAcrossTheWrap: after 49.7 days a ping of two seconds ago is still
// one.
func TestTimesAcrossTheWrap(t *testing.T) {
	for _, up := range []time.Duration{time.Second, 24 * 24 * time.Hour, 25 * 24 * time.Hour, 1 << 32 * time.Millisecond, 1<<32*time.Millisecond + time.Second, 400 * 24 * time.Hour} {
		start := time.Now()
		now := start.Add(up)
		w := &Watchdog{Now: func() time.Time { return now }, start: start}
		for _, ago := range []time.Duration{0, 2 * time.Second, 5 * time.Hour, 24 * 24 * time.Hour} {
			at := now.Add(-ago)
			if got := w.at(w.ms(at)); got.Sub(at).Abs() > time.Millisecond {
				t.Errorf("up %s: %s ago comes back as %s ago", up, ago, now.Sub(got))
			}
		}
	}
}
