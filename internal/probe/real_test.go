package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// needPacket skips where no real mtr-packet can run.
func needPacket(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, for mtr-packet's raw sockets")
	}
	if _, err := exec.LookPath(findPath()); err != nil {
		t.Skip("needs mtr-packet")
	}
}

// run runs a scheduler until the test ends, and sees that nothing is left.
func run(t testing.TB, opt Options) *Scheduler {
	t.Helper()
	s := New(opt)
	leaks := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("Run did not return within 20 s of its end")
		}
		goleak.VerifyNone(t, leaks)
	})
	return s
}

// collect submits requests and waits for every one's first result.
func collect(t testing.TB, s *Scheduler, rs []Request) []Result {
	t.Helper()
	res := make([]Result, len(rs))
	var wg sync.WaitGroup
	wg.Add(len(rs))
	for i := range rs {
		if rs[i].Deadline == 0 {
			rs[i].Deadline = time.Second
		}
		rs[i].Done = func(r Result) {
			if r.Outcome == Late {
				return
			}
			res[i] = r
			wg.Done()
		}
	}
	s.SubmitAll(rs)
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatalf("not every Done was called; stats %+v", s.Stats())
	}
	return res
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestRealLoopback(t *testing.T) {
	needPacket(t)
	s := run(t, Options{})
	specs := map[string]Spec{
		"icmp 4":          {Addr: addr("127.0.0.1"), TTL: 64, Protocol: ICMP},
		"icmp 4 other":    {Addr: addr("127.1.2.3"), TTL: 1, Protocol: ICMP, Size: 28},
		"icmp 4 large":    {Addr: addr("127.0.0.1"), TTL: 255, Protocol: ICMP, Size: 9000, TOS: 184},
		"icmp 4 source":   {Addr: addr("127.0.0.1"), TTL: 64, Protocol: ICMP, Source: addr("127.0.0.9")},
		"icmp 6":          {Addr: addr("::1"), TTL: 64, Protocol: ICMP, Size: 48},
		"icmp 6 source":   {Addr: addr("::1"), TTL: 64, Protocol: ICMP, Source: addr("::1"), TOS: 4},
		"udp 4":           {Addr: addr("127.0.0.5"), TTL: 64, Protocol: UDP, Port: 33434},
		"udp 4 high port": {Addr: addr("127.0.0.5"), TTL: 64, Protocol: UDP, Port: 41010, Size: 64},
		"udp 6":           {Addr: addr("::1"), TTL: 64, Protocol: UDP, Port: 33434},
		"tcp 4 closed":    {Addr: addr("127.0.0.5"), TTL: 64, Protocol: TCP, Port: 1, Size: 64},
		"tcp 6 closed":    {Addr: addr("::1"), TTL: 64, Protocol: TCP, Port: 1},
	}
	for name, spec := range specs {
		t.Run(name, func(t *testing.T) {
			r := collect(t, s, []Request{{Spec: spec, Class: FirstOwn}})[0]
			if r.Outcome != Reply || r.From != spec.Addr || r.Err != nil {
				t.Errorf("got %+v, want a reply from %s", r, spec.Addr)
			}
			if r.RTT <= 0 || r.RTT > time.Second || r.Sent.IsZero() {
				t.Errorf("got RTT %s, sent %s", r.RTT, r.Sent)
			}
		})
	}
	waitFor(t, func() bool { return s.Stats().Features.Version != "" })
	f := s.Stats().Features
	for _, want := range []string{"ip-4", "ip-6", "icmp", "udp", "tcp"} {
		if !f.Has(want) {
			t.Errorf("features %v lack %s", f.Names(), want)
		}
	}
}

func TestRealInvalid(t *testing.T) {
	needPacket(t)
	s := run(t, Options{})
	ok := Request{Spec: Spec{Addr: addr("127.0.0.1"), TTL: 64, Protocol: ICMP}, Class: FirstOwn, Deadline: time.Second}
	for name, change := range map[string]func(*Request){
		"no address":         func(r *Request) { r.Addr = netip.Addr{} },
		"mapped":             func(r *Request) { r.Addr = addr("::ffff:127.0.0.1") },
		"multicast":          func(r *Request) { r.Addr = addr("224.0.0.1") },
		"unspecified":        func(r *Request) { r.Addr = addr("0.0.0.0") },
		"zone":               func(r *Request) { r.Addr = addr("fe80::1%lo") },
		"ttl 0":              func(r *Request) { r.TTL = 0 },
		"protocol":           func(r *Request) { r.Protocol = "sctp" },
		"udp without port":   func(r *Request) { r.Protocol = UDP },
		"icmp with port":     func(r *Request) { r.Port = 80 },
		"small":              func(r *Request) { r.Size = 27 },
		"large":              func(r *Request) { r.Size = 9001 },
		"source's family":    func(r *Request) { r.Source = addr("::1") },
		"source not ours":    func(r *Request) { r.Source = addr("192.0.2.77") },
		"class":              func(r *Request) { r.Class = Baseline + 1 },
		"deadline":           func(r *Request) { r.Deadline = 1001 * time.Millisecond },
		"no deadline at all": func(r *Request) { r.Deadline = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			r := ok
			change(&r)
			got := collect(t, s, []Request{r})[0]
			if got.Outcome != Unsent || !errors.Is(got.Err, ErrInvalid) || !got.Sent.IsZero() {
				t.Errorf("got %+v, want unsent as invalid", got)
			}
		})
	}
}

// TestRealMany sends more at once than one process may have in flight.
func TestRealMany(t *testing.T) {
	needPacket(t)
	s := run(t, Options{MaxPPS: 10000})
	var rs []Request
	for i := range 3000 {
		rs = append(rs, Request{
			Spec:  Spec{Addr: addr(fmt.Sprintf("127.0.%d.%d", i/200, i%200+1)), TTL: 64, Protocol: ICMP},
			Class: Wave1, Trace: uint64(i / 17),
		})
	}
	n := map[Outcome]int{}
	for i, r := range collect(t, s, rs) {
		n[r.Outcome]++
		if r.Outcome == Reply && r.From != rs[i].Addr {
			t.Fatalf("probe to %s answered by %s", rs[i].Addr, r.From)
		}
	}
	if n[Reply] < 2990 { // the machine is shared: a socket buffer may overflow
		t.Errorf("got %v, want 3000 replies; %+v", n, s.Stats())
	}
}
