package trace

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/report"
)

// TestProtocols traces the same target by each protocol and family: the
// path is the same, and the job's rounds are what each row holds.
func TestProtocols(t *testing.T) {
	b := newBench(t, lab.Config{Targets: 2, Seed: 7, HopsMin: 6, HopsMax: 6})
	target := b.net.Target(1)
	for _, six := range []bool{false, true} {
		for _, p := range []probe.Protocol{probe.ICMP, probe.UDP, probe.TCP} {
			addr, hops := target.Addr4, target.Hops()
			if six {
				addr, hops = target.Addr6, target.Hops6()
			}
			t.Run(fmt.Sprintf("%s %s", p, addr), func(t *testing.T) {
				const rounds = 4
				e := &b.trace(t, nil, Job{Target: addr.String(), Protocol: p, Rounds: rounds, Size: 100, TOS: 32}, nil).Evidence
				var got, want []netip.Addr
				for _, h := range e.Hops {
					got = append(got, e.Addresses[*h.Addr[0]])
				}
				for _, h := range hops {
					want = append(want, h[0])
				}
				if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
					t.Errorf("path (-want +got):\n%s", diff)
				}
				if e.Target.State != report.Reached || e.Ended != report.EndedComplete {
					t.Errorf("got %s, %s; want reached, complete", e.Target.State, e.Ended)
				}
				for _, h := range e.Hops[:len(e.Hops)-1] {
					if n := h.Stats().Sent; n != rounds {
						t.Errorf("hop %d was asked %d times, want %d", h.TTL, n, rounds)
					}
				}
				if n := e.TargetStats().Sent; n != rounds {
					t.Errorf("the target was asked %d times, want %d", n, rounds)
				}
			})
		}
	}
}
