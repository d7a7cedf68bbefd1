package probe

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestWheelAgainstAMap adds, removes and advances at random and compares with
// what a plain map of due times says.
func TestWheelAgainstAMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	now := time.Unix(1e9, 0)
	w := newWheel(now)
	in := map[*Handle]time.Time{}
	for step := range 6000 {
		switch rnd.IntN(4) {
		case 0, 1:
			h := &Handle{}
			at := now.Add(time.Duration(rnd.IntN(int(1500 * time.Millisecond))))
			w.add(h, at)
			in[h] = at
		case 2:
			for h := range in { // any
				w.remove(h)
				w.remove(h) // twice does nothing
				delete(in, h)
				break
			}
		case 3:
			now = now.Add(time.Duration(rnd.IntN(int(20 * time.Millisecond))))
			if rnd.IntN(100) == 0 {
				now = now.Add(10 * time.Second) // more than a turn of the wheel
			}
			w.advance(now, func(h *Handle) {
				at, ok := in[h]
				if !ok {
					t.Fatalf("step %d: came out without being in", step)
				}
				if at.After(now) {
					t.Fatalf("step %d: came out %s early", step, at.Sub(now))
				}
				delete(in, h)
				if rnd.IntN(10) == 0 {
					again := now.Add(time.Duration(rnd.IntN(int(time.Second))))
					w.add(h, again)
					in[h] = again
				}
			})
			for _, at := range in {
				if now.Sub(at) > 2*wheelTick {
					t.Fatalf("step %d: still in, %s after its time", step, now.Sub(at))
				}
			}
		}
		next, ok := w.next()
		if ok != (len(in) > 0) {
			t.Fatalf("step %d: next says %v with %d in", step, ok, len(in))
		}
		for _, at := range in {
			if ok && at.Add(2*wheelTick).Before(next) {
				t.Fatalf("step %d: next is %s after what is due first", step, next.Sub(at))
			}
		}
	}
}
