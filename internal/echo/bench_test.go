package echo

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// BenchmarkPing sends to loopback, 50 pings a turn, and reads the answers: a
// ping's whole cost, the kernel's for both directions included.
func BenchmarkPing(b *testing.B) {
	for name, opt := range map[string]Options{"datagram": {}, "raw": {raw: true}} {
		b.Run(name, func(b *testing.B) {
			n := network(b, lab.Config{Targets: 1, Seed: 1})
			opt.Do = n.Space().Do
			p, err := Open[int](opt)
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			const turn = 50
			rs := make([]Request[int], turn)
			answered := 0
			told := func(r Result[int]) {
				if r.Outcome == Reply {
					answered++
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			before := cpu(b)
			for at := 0; at < b.N; at += turn {
				k := min(turn, b.N-at)
				for i := range k {
					rs[i] = Request[int]{Addr: netip.AddrFrom4([4]byte{127, 0, byte((at + i) >> 8), byte(at+i) | 1}), Deadline: time.Second, Tag: i}
				}
				p.Send(time.Now(), rs[:k], told)
				for p.InFlight() > 0 {
					p.Poll(time.Now(), told)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
			if answered != b.N {
				b.Errorf("%d of %d answered: %+v", answered, b.N, p.Stats())
			}
		})
	}
}

// cpu is what this process used: a busy machine does not change it much.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkIdle is a Poll that finds nothing.
func BenchmarkIdle(b *testing.B) {
	n := network(b, lab.Config{Targets: 1, Seed: 1})
	p, err := Open[int](Options{Do: n.Space().Do})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	b.ReportAllocs()
	for b.Loop() {
		p.Poll(time.Now(), func(Result[int]) { b.Error("told of nothing") })
	}
}
