package targets

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs lists where time is synthetic: what is due in five minutes is
// due as soon as nothing else is to be done. last gives the last list told.
func inBubble(t *testing.T, l *Lists, do func(last func() List)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var last atomic.Pointer[List]
	go func() { done <- l.Run(ctx, func(l List) { last.Store(&l) }) }()
	do(func() List {
		synctest.Wait()
		return *last.Load()
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNamesArePinned(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "kept")
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{}
		r.set("edge.example.net", "203.0.113.1")
		r.set("slow.example.net")
		l := &Lists{Targets: []string{"edge.example.net", "slow.example.net", "none.example.net"}, Resolver: r, Dir: kept}
		inBubble(t, l, func(last func() List) {
			edge := func() string {
				x := targetOf(t, last(), "edge.example.net")
				return x.Addr.String() + " " + x.Note
			}
			if got := edge(); got != "203.0.113.1 " && got != "invalid IP not resolved yet" {
				t.Errorf("at the start: %s", got)
			}
			time.Sleep(3 * time.Second)
			if got := edge(); got != "203.0.113.1 " {
				t.Errorf("resolved: %s", got)
			}
			for _, name := range []string{"slow.example.net", "none.example.net"} {
				if x := targetOf(t, last(), name); x.Addr.IsValid() || !strings.HasPrefix(x.Note, "does not resolve since 2000-01-01T00:00:0") {
					t.Errorf("got %+v", x)
				}
			}
			// The old one among others: it stays.
			r.set("edge.example.net", "203.0.113.2", "203.0.113.1")
			time.Sleep(11 * time.Minute)
			if got := edge(); got != "203.0.113.1 " {
				t.Errorf("among others: %s", got)
			}
			// Only others: it moves.
			r.set("edge.example.net", "203.0.113.2", "203.0.113.3")
			time.Sleep(11 * time.Minute)
			if got := edge(); !strings.HasPrefix(got, "203.0.113.2 moved from 203.0.113.1 on 2000-01-01T00:") {
				t.Errorf("moved: %s", got)
			}
			// None that can be pinged, and no answer: it keeps what it has.
			r.set("edge.example.net", "0.0.0.0", "224.0.0.1", "::")
			time.Sleep(11 * time.Minute)
			got := edge()
			if !strings.HasPrefix(got, "203.0.113.2 does not resolve since 2000-01-01T00:") || !strings.HasSuffix(got, "its last address is used") {
				t.Errorf("unusable: %s", got)
			}
			r.set("edge.example.net")
			time.Sleep(time.Hour)
			if now := edge(); now != got {
				t.Errorf("the time since when changed: %s, was %s", now, got)
			}
		})

		// The next life begins with the address of this one.
		l = &Lists{Targets: []string{"edge.example.net"}, Resolver: r, Dir: kept}
		inBubble(t, l, func(last func() List) {
			x := targetOf(t, last(), "edge.example.net")
			if x.Addr != netip.MustParseAddr("203.0.113.2") || !strings.Contains(x.Note, "does not resolve since 2000-01-01T00:") {
				t.Errorf("got %+v", x)
			}
			r.set("edge.example.net", "203.0.113.2")
			l.Reload()
			time.Sleep(3 * time.Second)
			if x := targetOf(t, last(), "edge.example.net"); strings.Contains(x.Note, "does not resolve") {
				t.Errorf("it resolves again, and still: %s", x.Note)
			}
		})
	})
}

// TestNamesAtOnce: at most 32 look-ups at once, 2 s each, and none twice
// before its time.
func TestNamesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{before: func() { time.Sleep(time.Second) }}
		l := &Lists{Resolver: r}
		for i := range 100 {
			name := fmt.Sprintf("h%d.example.net", i)
			l.Targets = append(l.Targets, name)
			r.set(name, fmt.Sprintf("203.0.113.%d", i+1))
		}
		inBubble(t, l, func(last func() List) {
			time.Sleep(10 * time.Second)
			for _, x := range last().Targets {
				if !x.Addr.IsValid() {
					t.Errorf("%s has no address", x.Name)
				}
			}
			if got := r.atOnce(); got != lookupsAtOnce {
				t.Errorf("%d look-ups at once, want %d", got, lookupsAtOnce)
			}
			time.Sleep(2 * time.Minute) // not half a refresh
			for _, name := range l.Targets {
				if n := r.count(name); n != 1 {
					t.Errorf("%s was asked for %d times", name, n)
				}
			}
			time.Sleep(3 * time.Minute)
			synctest.Wait()
			for _, name := range l.Targets {
				if n := r.count(name); n != 2 && n != 3 {
					t.Errorf("%s was asked for %d times in five minutes", name, n)
				}
			}
		})
	})
}

// TestNamesBackOff: a name that does not resolve is tried again soon, then
// less and less often.
func TestNamesBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{}
		l := &Lists{Targets: []string{"none.example.net"}, Resolver: r}
		inBubble(t, l, func(last func() List) {
			last()
			for _, c := range []struct {
				after time.Duration
				most  int
				least int
			}{{6 * time.Second, 2, 2}, {11 * time.Second, 3, 3}, {time.Hour, 22, 15}} {
				time.Sleep(c.after)
				synctest.Wait()
				if n := r.count("none.example.net"); n < c.least || n > c.most {
					t.Errorf("after another %s: asked %d times, want %d to %d", c.after, n, c.least, c.most)
				}
			}
		})
	})
}

// TestNamesFoldWhenTheyMeet: two names are one target as long as they have
// one address.
func TestNamesFoldWhenTheyMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{}
		r.set("a.example.net", "203.0.113.1")
		r.set("b.example.net", "203.0.113.1")
		l := &Lists{Targets: []string{"a.example.net", "b.example.net"}, Resolver: r}
		inBubble(t, l, func(last func() List) {
			time.Sleep(time.Second)
			if got := namesOf(last()); got != "a.example.net" {
				t.Errorf("got %s, want one", got)
			}
			r.set("b.example.net", "203.0.113.2")
			time.Sleep(11 * time.Minute)
			if got := namesOf(last()); got != "a.example.net b.example.net" {
				t.Errorf("got %s, want both", got)
			}
		})
	})
}
