package probe

import (
	"fmt"
	"strings"
	"testing"
)

// request makes a ready request from "class trace number".
func ready(class Class, trace uint64, n int) *Handle {
	return &Handle{state: stateReady, req: Request{Class: class, Trace: trace, Spec: Spec{Port: n}}}
}

// popAll empties an order as the scheduler does.
func popAll(o *order) string {
	var out []string
	for c, ok := o.first(Watch); ok; c, ok = o.first(Watch) {
		h := o.pop(c)
		out = append(out, fmt.Sprintf("%d/%d.%d", h.req.Class, h.req.Trace, h.req.Port))
	}
	return strings.Join(out, " ")
}

func TestOrder(t *testing.T) {
	for name, c := range map[string]struct {
		push []*Handle
		want string
	}{
		"strict by class": {
			[]*Handle{ready(Baseline, 1, 1), ready(LongLook, 1, 1), ready(Wave3, 1, 1), ready(Wave2, 1, 1), ready(Wave1, 1, 1), ready(FirstOwn, 1, 1), ready(Watch, 0, 1)},
			"0/0.1 1/1.1 2/1.1 3/1.1 4/1.1 5/1.1 6/1.1",
		},
		"own probes oldest first": {
			[]*Handle{ready(FirstOwn, 3, 1), ready(FirstOwn, 1, 1), ready(FirstOwn, 3, 2), ready(FirstOwn, 2, 1)},
			"1/3.1 1/1.1 1/3.2 1/2.1",
		},
		"waves trace by trace": {
			[]*Handle{ready(Wave1, 1, 1), ready(Wave1, 2, 1), ready(Wave1, 1, 2), ready(Wave1, 2, 2), ready(Wave1, 3, 1), ready(Wave1, 1, 3)},
			"2/1.1 2/1.2 2/1.3 2/2.1 2/2.2 2/3.1",
		},
		"all of wave 1 before wave 2": {
			[]*Handle{ready(Wave2, 1, 1), ready(Wave1, 2, 1), ready(Wave2, 2, 1), ready(Wave1, 1, 1)},
			"2/2.1 2/1.1 3/1.1 3/2.1",
		},
		"long looks take turns": {
			[]*Handle{ready(LongLook, 1, 1), ready(LongLook, 1, 2), ready(LongLook, 1, 3), ready(LongLook, 2, 1), ready(LongLook, 3, 1), ready(LongLook, 3, 2)},
			"5/1.1 5/2.1 5/3.1 5/1.2 5/3.2 5/1.3",
		},
		"baselines take turns": {
			[]*Handle{ready(Baseline, 1, 1), ready(Baseline, 1, 2), ready(Baseline, 2, 1)},
			"6/1.1 6/2.1 6/1.2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var o order
			for _, h := range c.push {
				o.push(h)
			}
			if got := popAll(&o); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestOrderPassesOverCancelled(t *testing.T) {
	for _, class := range []Class{Watch, FirstOwn, Wave2, LongLook} {
		var o order
		var hs []*Handle
		for trace := range uint64(3) {
			for n := range 3 {
				h := ready(class, trace, n)
				hs = append(hs, h)
				o.push(h)
			}
		}
		for i, h := range hs {
			if i != 4 && i != 8 {
				h.state = stateDone
				o.drop(class)
			}
		}
		if o.len(class) != 2 {
			t.Errorf("class %d: %d left, want 2", class, o.len(class))
		}
		if got, want := popAll(&o), fmt.Sprintf("%d/1.1 %d/2.2", class, class); got != want {
			t.Errorf("class %d: got %s, want %s", class, got, want)
		}
	}
}

// TestOrderSharesEvenly: however much one trace asks for, and however late
// another comes, each gets every second turn.
func TestOrderSharesEvenly(t *testing.T) {
	var o order
	for n := range 1000 {
		o.push(ready(LongLook, 1, n))
	}
	for range 10 {
		o.pop(LongLook)
	}
	for n := range 100 {
		o.push(ready(LongLook, 2, n))
	}
	got := map[uint64]int{}
	for range 100 {
		got[o.pop(LongLook).req.Trace]++
	}
	if got[1] != 50 || got[2] != 50 {
		t.Errorf("turns %v, want 50 each", got)
	}
}

func TestFifoKeepsOrderAndNothingElse(t *testing.T) {
	var f fifo[*int]
	next, want := 0, 0
	push := func() { v := next; next++; f.push(&v) }
	for range 3000 {
		push()
		push()
		if got := *f.pop(); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
		want++
	}
	for f.len() > 0 {
		if got := *f.pop(); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
		want++
	}
	if want != next {
		t.Errorf("%d came out of %d", want, next)
	}
	for _, p := range f.items[:cap(f.items)] {
		if p != nil {
			t.Fatal("a popped value is kept alive")
		}
	}
}
