package watch

import (
	"math/rand/v2"
	"testing"
	"time"
)

// drum is a rhythm with targets, and the beat at which each was asked.
type drum struct {
	*rhythm
	now   time.Time
	asked map[*target][]int64 // beats
}

func newDrum() *drum { return &drum{newRhythm(epoch), epoch, map[*target][]int64{}} }

func (d *drum) join(interval time.Duration) *target {
	w := newTarget(listed(interval), d.now)
	d.add(w, d.now)
	return w
}

// turn lets time pass in steps, as the loop does it.
func (d *drum) turn(span, step time.Duration) {
	for end := d.now.Add(span); d.now.Before(end); {
		d.now = d.now.Add(step)
		d.take(d.now, func(w *target) { d.asked[w] = append(d.asked[w], d.beatOf(d.now)) })
	}
}

// perBeat counts pings of each beat of a period.
func (d *drum) perBeat(from, period int64) []int {
	n := make([]int, period)
	for _, beats := range d.asked {
		for _, b := range beats {
			if b >= from && b < from+period {
				n[b-from]++
			}
		}
	}
	return n
}

// even checks that no beat of a period has more than three times the mean,
// and none of those that follow each other without a ping are many.
func even(t *testing.T, what string, n []int, total, gap int) {
	t.Helper()
	sum, run := 0, 0
	for b, k := range n {
		sum += k
		if k*len(n) > 3*total {
			t.Errorf("%s: %d pings in beat %d, the mean is %.2f", what, k, b, float64(total)/float64(len(n)))
		}
		if run++; k > 0 {
			run = 0
		}
		if run > gap {
			t.Errorf("%s: no ping in the %d beats up to %d, want at most %d", what, run, b, gap)
		}
	}
	if sum != total {
		t.Errorf("%s: %d pings in a period, want %d", what, sum, total)
	}
}

func TestRhythmIsEven(t *testing.T) {
	t.Run("1000 at once", func(t *testing.T) {
		d := newDrum()
		for range 1000 {
			d.join(time.Second)
		}
		d.turn(3*time.Second, beat)
		even(t, "second 2", d.perBeat(100, 100), 1000, 0)
		even(t, "second 3", d.perBeat(200, 100), 1000, 0)
	})
	t.Run("10 at once leave no gap", func(t *testing.T) {
		d := newDrum()
		for range 10 {
			d.join(time.Second)
		}
		d.turn(3*time.Second, beat)
		n := d.perBeat(200, 100)
		run, longest := 0, 0
		for range 2 { // around the end of the second
			for _, k := range n {
				if run++; k > 0 {
					run = 0
				}
				longest = max(longest, run)
			}
		}
		if longest > 20 { // even would be 9
			t.Errorf("%d beats without a ping of 10 targets, want at most 20", longest)
		}
	})
	t.Run("one by one", func(t *testing.T) {
		// 382 ms is where one place after the other, counted from when each
		// came, would be the same place.
		for _, each := range []time.Duration{382 * time.Millisecond, 618 * time.Millisecond, 170 * time.Millisecond, 10 * time.Second} {
			d := newDrum()
			for range 1000 {
				d.join(time.Second)
				d.now = d.now.Add(each)
			}
			d.turn(2*time.Second, beat)
			even(t, each.String(), d.perBeat(d.beatOf(d.now)-99, 100), 1000, 0)
		}
	})
	t.Run("many intervals", func(t *testing.T) {
		d := newDrum()
		for i := range 3000 {
			d.join([]time.Duration{200 * time.Millisecond, time.Second, time.Minute}[i%3])
		}
		d.turn(61*time.Second, beat)
		// 5000 + 1000 + 1000/60 a second
		for s := int64(0); s < 60; s++ {
			n := d.perBeat(s*100+50, 100)
			sum := 0
			for b, k := range n {
				sum += k
				if k > 3*61 {
					t.Errorf("second %d: %d pings in beat %d, the mean is 60", s, k, b)
				}
			}
			if sum < 6000+5 || sum > 6000+30 {
				t.Errorf("second %d: %d pings, want about 6017", s, sum)
			}
		}
	})
	t.Run("removed and added", func(t *testing.T) {
		d := newDrum()
		rnd := rand.New(rand.NewPCG(3, 1))
		var in []*target
		for range 1000 {
			in = append(in, d.join(time.Second))
		}
		gone := map[*target]int{}
		for range 5 {
			d.turn(700*time.Millisecond, beat)
			for range 300 {
				k := rnd.IntN(len(in))
				d.remove(in[k])
				gone[in[k]] = len(d.asked[in[k]])
				in[k] = d.join(time.Second)
			}
		}
		d.turn(3*time.Second, beat)
		even(t, "after", d.perBeat(d.beatOf(d.now)-99, 100), 1000, 2)
		for w, n := range gone {
			if len(d.asked[w]) != n {
				t.Fatalf("asked %d times after it was removed", len(d.asked[w])-n)
			}
		}
		if d.n != 1000 {
			t.Errorf("%d targets counted, want 1000", d.n)
		}
		held := 0
		for _, s := range d.slots {
			for _, w := range s[:cap(s)] {
				if w != nil && w.gone {
					held++
				}
			}
		}
		if held > 0 {
			t.Errorf("%d removed targets stay in memory", held)
		}
	})
}

// TestRhythmKeepsItsPlace asks each target exactly once an interval, whatever
// the steps in which time passes.
func TestRhythmKeepsItsPlace(t *testing.T) {
	for _, interval := range []time.Duration{200 * time.Millisecond, time.Second, 1700 * time.Millisecond, time.Minute} {
		d := newDrum()
		var in []*target
		for range 50 {
			in = append(in, d.join(interval))
			d.turn(4*beat, beat)
		}
		d.turn(5*interval+time.Second, beat)
		every := int64(interval / beat)
		for k, w := range in {
			for i, b := range d.asked[w] {
				if i > 0 && b-d.asked[w][i-1] != every {
					t.Fatalf("every %s, target %d: asked %d beats after the last time, want %d", interval, k, b-d.asked[w][i-1], every)
				}
			}
			if n := len(d.asked[w]); n < 5 {
				t.Errorf("every %s, target %d: asked %d times in five intervals", interval, k, n)
			}
			if first := d.asked[w][0]; first > int64(k)*4+every+4 {
				t.Errorf("every %s, target %d: first asked at beat %d", interval, k, first)
			}
		}
	}
}

// TestRhythmStall stands still and goes on: nothing is made up for.
func TestRhythmStall(t *testing.T) {
	for _, stall := range []time.Duration{50 * time.Millisecond, 900 * time.Millisecond, 30 * time.Second, 81 * time.Second, 82 * time.Second, 83 * time.Second, 10 * time.Minute, 50 * 24 * time.Hour} {
		for _, interval := range []time.Duration{200 * time.Millisecond, time.Second, time.Minute} {
			d := newDrum()
			for range 1000 {
				d.join(interval)
			}
			d.turn(2*time.Minute, beat)
			place := map[*target]int64{}
			every := int64(interval / beat)
			for w, beats := range d.asked {
				place[w] = beats[len(beats)-1] % every
			}
			clear(d.asked)
			d.now = d.now.Add(stall - beat)
			d.turn(beat, beat)
			woke := d.beatOf(d.now)
			for _, beats := range d.asked {
				if len(beats) != 1 || beats[0] != woke {
					t.Fatalf("stall %s, every %s: asked at beats %d right after, want at most once", stall, interval, beats)
				}
			}
			clear(d.asked)
			d.turn(interval, beat)
			if len(d.asked) != 1000 {
				t.Fatalf("stall %s, every %s: %d targets asked in the interval after, want all 1000", stall, interval, len(d.asked))
			}
			for w, beats := range d.asked {
				if len(beats) != 1 || beats[0]%every != place[w] {
					t.Fatalf("stall %s, every %s: asked at beats %d, want once at place %d", stall, interval, beats, place[w])
				}
			}
		}
	}
}

// TestRhythmThinned asks silent targets less often, and still evenly: not all
// in the same one of five seconds.
func TestRhythmThinned(t *testing.T) {
	d := newDrum()
	var in []*target
	for range 3000 {
		in = append(in, d.join(time.Second))
	}
	d.turn(2*time.Second, beat)
	for _, w := range in {
		w.thinned = true // as lookThrough finds it: all at once
	}
	d.turn(7*time.Second, beat)
	from := d.beatOf(d.now) + 1
	d.turn(thinnedTo, beat)
	even(t, "thinned", d.perBeat(from, 500), 3000, 0)
	for _, w := range in {
		w.thinned = false
	}
	d.turn(7*time.Second, beat) // the last of the thinned places, and one as before
	from = d.beatOf(d.now) + 1
	d.turn(time.Second, beat)
	even(t, "no more", d.perBeat(from, 100), 3000, 0)
	slow := newTarget(listed(time.Minute), epoch)
	slow.thinned = true
	if got := slow.every(); got != time.Minute {
		t.Errorf("thinned, of a minute: every %s, want 1m0s", got)
	}
}

func TestRhythmNext(t *testing.T) {
	d := newDrum()
	if got, want := d.next(), epoch.Add(time.Second); got != want {
		t.Errorf("nobody: next at %s, want %s", got, want)
	}
	w := d.join(time.Second)
	for range 500 {
		at := d.next()
		if !at.After(d.now) || at.Sub(d.now) > time.Second+beat {
			t.Fatalf("at %s: next at %s", d.now, at)
		}
		due := epoch.Add(time.Duration(w.due) * beat)
		if at != due && due.Sub(d.now) < time.Second-beat {
			t.Fatalf("at %s: next at %s, want %s", d.now, at, due)
		}
		d.turn(at.Sub(d.now), at.Sub(d.now))
	}
	if n := len(d.asked[w]); n < 400 {
		t.Errorf("asked %d times in 500 turns of at most a second", n)
	}
}
