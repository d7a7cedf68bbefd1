package paths

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtrq/mtrq/report"
)

func TestPath(t *testing.T) {
	w := &walker{m: New(0), now: start}
	if _, ok := w.m.Path(target); ok || w.m.Routers(target) != nil {
		t.Error("an empty memory knows a path")
	}
	for _, path := range []string{"a b - d T", "a c - d T", "a b - - T"} {
		w.round(path, 2)
	}
	us := func(n int64) *int64 { return &n }
	want := &report.Path{At: start.Add(2 * every), Hops: []report.PathHop{
		{TTL: 1, Addrs: []netip.Addr{router("a")}, RTTUS: us(1000), Answered: 3, Asked: 3},
		{TTL: 2, Addrs: []netip.Addr{router("b"), router("c")}, RTTUS: us(2000), Answered: 3, Asked: 3},
		{TTL: 3, Addrs: []netip.Addr{}, Answered: 0, Asked: 2}, // the first was lost before anything behind was known
		{TTL: 4, Addrs: []netip.Addr{router("d")}, RTTUS: us(4000), Answered: 2, Asked: 3},
		{TTL: 5, Addrs: []netip.Addr{target}, RTTUS: us(5000), Answered: 3, Asked: 3},
	}}
	got, ok := w.m.Path(target)
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); !ok || diff != "" {
		t.Errorf("path (-want +got):\n%s", diff)
	}
	if got, want := w.m.Routers(target), []netip.Addr{router("a"), router("b"), {}, router("d")}; !slices.Equal(got, want) {
		t.Errorf("routers %v, want %v", got, want)
	}
	if n, ok := w.m.Length(target); n != 5 || !ok {
		t.Errorf("length %d %v, want 5", n, ok)
	}
}

func TestUsual(t *testing.T) {
	w := &walker{m: New(0), now: start}
	for _, path := range []string{"a b T", "a c T", "a - T", "a b T"} {
		w.round(path, 0)
	}
	for _, c := range []struct {
		name            string
		ttl             uint8
		router          netip.Addr
		answered, asked int
		rtt             time.Duration
	}{
		{"a router", 1, router("a"), 4, 4, time.Millisecond},
		{"one of two", 2, router("c"), 3, 4, 2 * time.Millisecond},
		{"whoever", 2, netip.Addr{}, 3, 4, 2 * time.Millisecond},
		{"the target", 3, target, 4, 4, 3 * time.Millisecond},
		{"a stranger", 2, router("x"), 0, 0, 0},
		{"the target where it does not answer", 2, target, 0, 0, 0},
		{"behind the end", 4, netip.Addr{}, 0, 0, 0},
		{"no TTL", 0, netip.Addr{}, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			answered, asked, rtt := w.m.Usual(target, c.ttl, c.router)
			if answered != c.answered || asked != c.asked || rtt != c.rtt {
				t.Errorf("%d of %d in %v, want %d of %d in %v", answered, asked, rtt, c.answered, c.asked, c.rtt)
			}
		})
	}
}

// TestBlindLook: the answers to a first look into the unknown come in any
// order, and all TTLs behind the target are answered by it.
func TestBlindLook(t *testing.T) {
	words := []string{"a", "b", "-", "d", "T", "T", "T", "T", "T", "T"}
	for seed := range uint64(200) {
		w := &walker{m: New(0), now: start}
		for range 3 { // waves
			for _, i := range rand.New(rand.NewPCG(seed, 1)).Perm(len(words)) {
				w.probe(uint8(i+1), words[i])
			}
		}
		if got := w.usual(); got != "a b - d T" {
			t.Fatalf("seed %d: the path is %q", seed, got)
		}
	}
}

// TestTwoLengths: of two equal-cost paths the more frequent one tells the
// length, also where the other one was seen first.
func TestTwoLengths(t *testing.T) {
	w := &walker{m: New(0), now: start}
	w.round("a b T", 2)
	for range 3 {
		w.round("a b c T", 2)
	}
	if n, ok := w.m.Length(target); n != 4 || !ok {
		t.Errorf("length %d %v, want 4", n, ok)
	}
	for range 10 {
		w.round("a b T", 2)
	}
	if n, ok := w.m.Length(target); n != 3 || !ok {
		t.Errorf("length %d %v, want 3", n, ok)
	}
}

// TestUnreachableFromTheWall: a router that refuses for all behind it
// answers at every TTL from its own on.
func TestUnreachableFromTheWall(t *testing.T) {
	words := []string{"a", "b", "c!", "c!", "c!", "c!"}
	for seed := range uint64(50) {
		w := &walker{m: New(0), now: start}
		for _, i := range rand.New(rand.NewPCG(seed, 1)).Perm(len(words)) {
			w.probe(uint8(i+1), words[i])
		}
		if got := w.usual(); got != "a b c" {
			t.Fatalf("seed %d: the path is %q", seed, got)
		}
		if n, ok := w.m.Length(target); ok {
			t.Fatalf("seed %d: length %d of a target that never answered", seed, n)
		}
	}
}

// TestNoteIgnores: what says nothing changes nothing.
func TestNoteIgnores(t *testing.T) {
	m := New(0)
	m.Note(netip.Addr{}, 1, Reply, target, 1, start)
	m.Note(netip.MustParseAddr("224.0.0.1"), 1, Expired, router("a"), 1, start)
	m.Note(target, 0, Reply, target, 1, start)
	m.Note(target, 64, Reply, target, 1, start) // a probe to the target itself
	m.Note(target, 255, Expired, router("a"), 1, start)
	m.Note(target, 3, Lost, netip.Addr{}, 0, start)
	m.Note(target, 3, Expired, netip.Addr{}, 1, start)
	m.Note(target, 3, Expired, netip.IPv4Unspecified(), 1, start)
	m.Note(target, 3, 0, router("a"), 1, start)
	if m.Len() != 0 {
		t.Errorf("%d targets are remembered, want none", m.Len())
	}
	m.Note(netip.MustParseAddr("::ffff:203.0.113.7"), 1, Reply, target, 1, start)
	if n, ok := m.Length(target); n != 1 || !ok {
		t.Errorf("an IPv4 address written as IPv6 is another one: length %d %v", n, ok)
	}
}

// TestRouterWithTargetsAddress: address translation on the way answers in
// the target's name, but the path ends where the target replies.
func TestRouterWithTargetsAddress(t *testing.T) {
	m := New(0)
	for range 3 {
		m.Note(target, 1, Expired, router("a"), 1, start)
		m.Note(target, 2, Expired, target, 1, start)
		m.Note(target, 3, Reply, target, 1, start)
	}
	if n, _ := m.Length(target); n != 3 {
		t.Errorf("length %d, want 3", n)
	}
}

// TestForget: the target that nobody has noted for longest makes room.
func TestForget(t *testing.T) {
	m := New(3)
	at := func(i byte) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, 100, i}) }
	for i := range byte(3) {
		m.Note(at(i), 1, Reply, at(i), 1, start)
	}
	m.Note(at(0), 1, Lost, netip.Addr{}, 0, start) // a lost probe is use, too
	m.Note(at(3), 1, Reply, at(3), 1, start)
	m.Note(at(4), 1, Reply, at(4), 1, start)
	var got []byte
	for i := range byte(5) {
		if _, ok := m.Length(at(i)); ok {
			got = append(got, i)
		}
	}
	if want := []byte{0, 3, 4}; !slices.Equal(got, want) || m.Len() != 3 {
		t.Errorf("%v are remembered (%d), want %v", got, m.Len(), want)
	}
}

// TestRTT: one slow answer moves nothing, a lasting change is followed.
func TestRTT(t *testing.T) {
	m := New(0)
	note := func(rtt time.Duration) time.Duration {
		m.Note(target, 1, Reply, target, rtt, start)
		_, _, usual := m.Usual(target, 1, target)
		return usual
	}
	note(3 * time.Second) // an ARP answer was waited for
	for range 30 {
		note(20 * time.Millisecond)
	}
	if got := note(20 * time.Millisecond); got != 20*time.Millisecond {
		t.Errorf("typical %v, want 20ms", got)
	}
	if got := note(9 * time.Second); got != 20*time.Millisecond {
		t.Errorf("typical %v after one spike, want 20ms", got)
	}
	note(20 * time.Millisecond)
	if got := note(20 * time.Millisecond); got != 20*time.Millisecond {
		t.Errorf("typical %v after a spike has passed, want 20ms", got)
	}
	var got time.Duration
	for range 60 {
		got = note(80 * time.Millisecond)
	}
	if got < 79*time.Millisecond || got > 80*time.Millisecond {
		t.Errorf("typical %v after an hour of 80ms", got)
	}
}

// TestCountsFollow: what was long ago fades, and a router that no longer
// answers while others do is forgotten.
func TestCountsFollow(t *testing.T) {
	w := &walker{m: New(0), now: start}
	for i := range 200 {
		w.round([]string{"a b T", "a c T"}[i%2], 0)
	}
	for range 200 {
		w.round("a - T", 0)
	}
	if answered, asked, _ := w.m.Usual(target, 2, router("b")); answered > 1 || asked < 32 {
		t.Errorf("%d of %d answered after 200 that were lost", answered, asked)
	}
	for range 400 {
		w.round("a b T", 0)
	}
	if got := w.usual(); got != "a b T" {
		t.Errorf("usual is %q; c has been silent for two days", got)
	}
	answered, asked, _ := w.m.Usual(target, 2, router("b"))
	if answered != asked {
		t.Errorf("%d of %d answered; the losses are two days old", answered, asked)
	}
}

// TestTogether uses everything at once, for the race detector.
func TestTogether(t *testing.T) {
	m := New(20)
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(n), 0))
			for i := range 2000 {
				to := netip.AddrFrom4([4]byte{198, 51, 100, byte(rnd.IntN(30))})
				from := netip.AddrFrom4([4]byte{192, 0, 2, byte(rnd.IntN(3))})
				at := start.Add(time.Duration(i) * time.Second)
				m.Note(to, uint8(1+rnd.IntN(6)), Outcome(1+rnd.IntN(4)), from, time.Millisecond, at)
				m.NoteTrouble(to, uint8(1+rnd.IntN(6)), Expired, from, time.Millisecond, at)
				m.Path(to)
				m.Routers(to)
				m.Length(to)
				m.Usual(to, 2, from)
				m.Changed(to)
				m.Accept(to)
			}
		})
	}
	wg.Go(func() {
		path := t.TempDir() + "/paths"
		for range 5 {
			if err := m.SaveFile(path); err != nil {
				t.Error(err)
			}
			if err := New(0).LoadFile(path); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if m.Len() > 20 {
		t.Errorf("%d targets, want at most 20", m.Len())
	}
}

// TestAnything: whatever answers, the bounds hold and the end is the end.
func TestAnything(t *testing.T) {
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		m := New(0)
		m.Steady = rnd.IntN(3)
		at := start
		for range 400 {
			from := netip.AddrFrom4([4]byte{192, 0, 2, byte(rnd.IntN(7))})
			if rnd.IntN(10) == 0 {
				from = target
			}
			note := m.Note
			if rnd.IntN(3) == 0 {
				note = m.NoteTrouble
			}
			note(target, uint8(rnd.IntN(12)), Outcome(rnd.IntN(5)), from, time.Duration(rnd.IntN(1e9)), at)
			at = at.Add(time.Duration(rnd.IntN(100)-5) * time.Second)
			if c := m.Changed(target); c != nil {
				if len(c.TTLs) == 0 || len(c.New.Hops) == 0 || len(c.Old.Hops) == 0 {
					t.Fatalf("seed %d: a change without paths: %+v", seed, c)
				}
				if rnd.IntN(20) == 0 {
					m.Accept(target)
				}
			}
			e := m.entries[target]
			if e == nil {
				continue
			}
			if err := whole(e); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
	}
}

// whole says what is wrong with an entry: what decode would not take back.
func whole(e *entry) error {
	list, err := decode(sealed(append(e.encode(nil), fileEnd)))
	if err != nil || len(list) != 1 {
		return fmt.Errorf("%d hops cannot be read back: %v", len(e.hops), err)
	}
	if e.away != nil && !e.away.active() {
		return fmt.Errorf("a detour without strangers")
	}
	return nil
}
