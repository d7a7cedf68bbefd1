package probe

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkLoopback sends 10,000 pings a second to loopback and tells what
// that costs, children included.
func BenchmarkLoopback(b *testing.B) {
	needPacket(b)
	s := run(b, Options{MaxPPS: 10000})
	collect(b, s, []Request{{Spec: Spec{Addr: addr("127.0.0.1"), TTL: 64, Protocol: ICMP}}}) // all has started
	var wg sync.WaitGroup
	lost := 0
	wg.Add(b.N)
	req := Request{
		Spec: Spec{TTL: 64, Protocol: ICMP}, Class: LongLook, Deadline: time.Second,
		Done: func(r Result) {
			if r.Outcome != Reply {
				lost++
			}
			wg.Done()
		},
	}
	before, beforeChildren := cpu(b), childrenCPU(b)
	began := time.Now()
	b.ReportAllocs()
	b.ResetTimer()
	batch := make([]Request, 0, 500)
	for i := range b.N {
		req.Addr = netip.AddrFrom4([4]byte{127, 0, byte(i >> 8), byte(i)})
		req.Trace = uint64(i % 500)
		if batch = append(batch, req); len(batch) == cap(batch) || i == b.N-1 {
			s.SubmitAll(batch)
			batch = batch[:0]
			time.Sleep(20 * time.Millisecond) // the load is bounded by the budget, not by this
		}
	}
	wg.Wait()
	b.StopTimer()
	took := time.Since(began)
	b.ReportMetric(float64(b.N)/took.Seconds(), "probes/s")
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N)/1000, "own-us/probe")
	b.ReportMetric(float64((childrenCPU(b)-beforeChildren).Nanoseconds())/float64(b.N)/1000, "mtr-packet-us/probe")
	b.ReportMetric(float64(lost), "lost")
	b.ReportMetric(float64(s.Stats().Started), "processes")
}

// childrenCPU is what the children that have ended and those that run used.
func childrenCPU(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
		t.Fatal(err)
	}
	d := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	for _, pid := range children(t) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // ended since
		}
		_, after, _ := strings.Cut(string(b), ") ")
		for _, ticks := range strings.Fields(after)[11:13] { // utime, stime; proc_pid_stat(5)
			n, _ := strconv.Atoi(ticks)
			d += time.Duration(n) * time.Second / 100
		}
	}
	return d
}

func cpu(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
