package paths

import (
	"io"
	"net/netip"
	"runtime"
	"testing"
	"time"
)

// storm is a memory of n targets with 15 hops; every third hop has two
// members, as balanced networks have.
func storm(n int) (*Memory, []netip.Addr) {
	m := New(n)
	targets := make([]netip.Addr, n)
	for i := range targets {
		targets[i] = netip.AddrFrom4([4]byte{198, 18 + byte(i>>16&1), byte(i >> 8), byte(i)})
		for r := range 20 {
			walk(m, targets[i], r, start.Add(time.Duration(r)*every))
		}
	}
	return m, targets
}

func walk(m *Memory, to netip.Addr, round int, at time.Time) {
	for ttl := uint8(1); ttl < 15; ttl++ {
		last := byte(0)
		if ttl%3 == 0 {
			last = byte(round % 2)
		}
		m.Note(to, ttl, Expired, netip.AddrFrom4([4]byte{192, 0, 2, ttl<<1 | last}), time.Duration(ttl)*time.Millisecond, at)
	}
	m.Note(to, 15, Reply, to, 15*time.Millisecond, at)
}

// BenchmarkMemory measures what 20,000 targets take, usual paths first and
// then with the tail of all of them rerouted at once.
func BenchmarkMemory(b *testing.B) {
	const n = 20000
	for b.Loop() {
		before := heap()
		m, targets := storm(n)
		b.ReportMetric(float64(heap()-before)/1e6, "MB")
		for _, a := range targets {
			for ttl := uint8(8); ttl < 15; ttl++ {
				m.Note(a, ttl, Expired, netip.AddrFrom4([4]byte{192, 0, 2, 100 + ttl}), time.Millisecond, start.Add(20*every))
			}
		}
		b.ReportMetric(float64(heap()-before)/1e6, "MB-rerouted")
		size := &counter{}
		if err := m.Save(size); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(size.n)/1e6, "MB-file")
	}
}

type counter struct{ n int }

func (c *counter) Write(p []byte) (int, error) {
	c.n += len(p)
	return len(p), nil
}

func heap() int64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func BenchmarkNote(b *testing.B) {
	m, targets := storm(20000)
	router := netip.AddrFrom4([4]byte{192, 0, 2, 2})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Note(targets[i%len(targets)], 1, Expired, router, time.Millisecond, start)
	}
}

func BenchmarkRouters(b *testing.B) {
	m, targets := storm(20000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Routers(targets[i%len(targets)])
	}
}

func BenchmarkSave(b *testing.B) {
	m, _ := storm(20000)
	for b.Loop() {
		if err := m.Save(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNoteAllocates: once a path is known, a probe costs no memory, and a
// look at it one slice.
func TestNoteAllocates(t *testing.T) {
	m, targets := storm(1)
	round := 20
	if n := testing.AllocsPerRun(200, func() {
		walk(m, targets[0], round, start)
		m.Note(targets[0], 4, Lost, netip.Addr{}, 0, start)
		round++
	}); n != 0 {
		t.Errorf("a round allocates %v times, want 0", n)
	}
	if n := testing.AllocsPerRun(200, func() { m.Routers(targets[0]) }); n != 1 {
		t.Errorf("Routers allocates %v times, want 1", n)
	}
}
