package watch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

func TestPingBook(t *testing.T) {
	type step struct {
		at   int // ms
		what string
		seq  int
		rtt  int // ms, as pro-bing has it
	}
	for name, c := range map[string]struct {
		count int
		steps []step
		told  string // number, letter, RTT in ms
		over  bool
	}{
		"answered":                    {1, []step{{0, "sent", 0, 0}, {30, "answer", 0, 29}, {30, "tick", 0, 0}}, "0r29", true},
		"in the air":                  {1, []step{{0, "sent", 0, 0}, {299, "tick", 0, 0}}, "", false},
		"lost, may be late":           {1, []step{{0, "sent", 0, 0}, {300, "tick", 0, 0}}, "0-0", false},
		"lost for good":               {1, []step{{0, "sent", 0, 0}, {300, "tick", 0, 0}, {1001, "tick", 0, 0}}, "0-0", true},
		"late":                        {1, []step{{0, "sent", 0, 0}, {300, "tick", 0, 0}, {640, "answer", 0, 640}, {641, "tick", 0, 0}}, "0-0 0l640", true},
		"late once":                   {1, []step{{0, "sent", 0, 0}, {300, "tick", 0, 0}, {640, "answer", 0, 640}, {650, "answer", 0, 650}}, "0-0 0l640", false},
		"too late for anybody":        {1, []step{{0, "sent", 0, 0}, {300, "tick", 0, 0}, {1001, "tick", 0, 0}, {1002, "answer", 0, 0}}, "0-0", false},
		"answered twice":              {2, []step{{0, "sent", 0, 0}, {30, "answer", 0, 30}, {31, "answer", 0, 31}, {31, "tick", 0, 0}}, "0r30", false},
		"out of order":                {2, []step{{0, "sent", 0, 0}, {100, "sent", 1, 0}, {130, "answer", 1, 30}, {140, "answer", 0, 140}, {150, "tick", 0, 0}}, "1r30 0r140", true},
		"losses in order":             {3, []step{{0, "sent", 0, 0}, {100, "sent", 1, 0}, {200, "sent", 2, 0}, {450, "tick", 0, 0}, {500, "tick", 0, 0}}, "0-0 1-0 2-0", false},
		"without end":                 {0, []step{{0, "sent", 0, 0}, {30, "answer", 0, 30}, {40, "tick", 0, 0}}, "0r30", false},
		"wall clock set back":         {1, []step{{0, "sent", 0, 0}, {30, "answer", 0, -3_600_000}}, "0r30", false},
		"wall clock set forward":      {1, []step{{0, "sent", 0, 0}, {30, "answer", 0, 3_600_000}}, "0r30", false},
		"stalled":                     {2, []step{{0, "sent", 0, 0}, {100, "sent", 1, 0}, {3000, "stall", 0, 0}, {3010, "answer", 0, 3010}}, "0?0 1?0", false},
		"stalled, one is in the air":  {2, []step{{0, "sent", 0, 0}, {2900, "sent", 1, 0}, {3000, "stall", 0, 0}, {3010, "answer", 1, 110}}, "0?0 1r110", false},
		"stalled, the answer is read": {1, []step{{0, "sent", 0, 0}, {3000, "answer", 0, 3000}, {3001, "stall", 0, 0}}, "0?0", true},
		"just over its deadline":      {1, []step{{0, "sent", 0, 0}, {310, "answer", 0, 310}, {320, "tick", 0, 0}}, "0r310", true},
		"the first cannot be sent":    {2, []step{{0, "unreach", 0, 0}}, "", false},
		"no route any more":           {3, []step{{0, "sent", 0, 0}, {30, "answer", 0, 30}, {100, "unreach", 1, 0}, {200, "unreach", 1, 0}, {200, "tick", 0, 0}}, "0r30 1n0 2n0", true},
		"route comes back":            {3, []step{{0, "sent", 0, 0}, {30, "answer", 0, 30}, {100, "unreach", 1, 0}, {200, "sent", 1, 0}, {230, "answer", 1, 30}, {240, "tick", 0, 0}}, "0r30 1n0 2r30", true},
		"a firewall of our own":       {2, []step{{0, "sent", 0, 0}, {30, "answer", 0, 30}, {100, "denied", 1, 0}, {200, "tick", 0, 0}}, "0r30 1?0", true},
		"no buffers, tried again":     {2, []step{{0, "sent", 0, 0}, {30, "answer", 0, 30}, {100, "full", 1, 0}, {100, "sent", 1, 0}, {130, "answer", 1, 30}}, "0r30 1r30", false},
	} {
		t.Run(name, func(t *testing.T) {
			var told []string
			b := &pingBook{run: pingRun{count: c.count, deadline: 300 * time.Millisecond, told: func(p pinged) {
				told = append(told, fmt.Sprintf("%d%c%d", p.n, p.outcome.letter(), p.rtt.Milliseconds()))
			}}}
			over := false
			for _, s := range c.steps {
				now := epoch.Add(time.Duration(s.at) * time.Millisecond)
				over = false
				switch s.what {
				case "sent":
					b.sent(s.seq, now)
				case "answer":
					b.answered(s.seq, time.Duration(s.rtt)*time.Millisecond, now)
				case "tick", "stall":
					over = b.expire(now, s.what == "stall")
				case "unreach":
					b.unsent(os.NewSyscallError("sendto", syscall.ENETUNREACH), now)
				case "denied":
					b.unsent(os.NewSyscallError("sendto", syscall.EPERM), now)
				case "full":
					b.unsent(os.NewSyscallError("sendto", syscall.ENOBUFS), now)
				}
			}
			if got := strings.Join(told, " "); got != c.told || over != c.over {
				t.Errorf("got %q, over: %v; want %q, %v", got, over, c.told, c.over)
			}
		})
	}
}

// TestKeepPing puts pings in the order in which they left, whenever they are
// told of.
func TestKeepPing(t *testing.T) {
	type ping struct {
		at int // ms
		o  outcome
	}
	for name, c := range map[string]struct {
		pings []ping
		tx    []int64
		want  string
	}{
		"in order":                 {[]ping{{0, answered}, {100, lost}, {200, answered}}, []int64{0, 100, 200}, "r-r"},
		"answers overtake losses":  {[]ping{{0, answered}, {300, answered}, {100, lost}, {200, lost}, {400, answered}}, []int64{0, 100, 200, 300, 400}, "r--rr"},
		"the first comes last":     {[]ping{{100, answered}, {200, answered}, {0, lost}}, []int64{0, 100, 200}, "-rr"},
		"late replaces the loss":   {[]ping{{0, lost}, {100, lost}, {200, answered}, {100, late}}, []int64{0, 100, 200}, "-lr"},
		"late is the first":        {[]ping{{0, lost}, {100, lost}, {0, late}}, []int64{0, 100}, "l-"},
		"late is the last":         {[]ping{{0, lost}, {100, lost}, {100, late}}, []int64{0, 100}, "-l"},
		"two in one millisecond":   {[]ping{{0, lost}, {100, lost}, {100, answered}}, []int64{0, 100, 100}, "--r"},
		"every kind":               {[]ping{{0, unknown}, {1, unreachable}, {2, noRoute}}, []int64{0, 1, 2}, "?un"},
		"before the record's From": {[]ping{{10, answered}, {-5, answered}}, []int64{-5, 10}, "rr"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &report.Pings{From: epoch}
			for _, g := range c.pings {
				rtt := time.Duration(g.at+1000) * time.Millisecond // tells them apart
				keepPing(p, pinged{sent: epoch.Add(time.Duration(g.at) * time.Millisecond), outcome: g.o, rtt: rtt})
			}
			if p.Answer != c.want || !slices.Equal(p.TxMS, c.tx) || len(p.RTTUS) != len(c.tx) {
				t.Fatalf("got %q at %d with %d RTTs, want %q at %d", p.Answer, p.TxMS, len(p.RTTUS), c.want, c.tx)
			}
			for i, l := range p.Answer {
				us := p.RTTUS[i]
				if has := l == 'r' || l == 'l'; has != (us != nil) || has && *us != (c.tx[i]+1000)*1000 {
					t.Errorf("place %d is %c with RTT %v", i, l, us)
				}
			}
		})
	}
}

// gathered is what a Pinger has told.
type gathered struct {
	mu sync.Mutex
	ps []pinged
}

func (g *gathered) told(p pinged) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ps = append(g.ps, p)
}

func (g *gathered) letters() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []byte
	for _, p := range g.ps {
		out = append(out, p.outcome.letter())
	}
	return string(out)
}

// pingAll runs a Pinger to its end, which must come.
func pingAll(t *testing.T, p *Pinger, r pingRun) (*gathered, error) {
	t.Helper()
	g := &gathered{}
	r.told = g.told
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	end := make(chan error, 1)
	go func() { end <- p.Run(ctx, r) }()
	select {
	case err := <-end:
		return g, err
	case <-time.After(patience):
		t.Fatalf("pings to %s do not end; so far %q", r.addr, g.letters())
		return nil, nil
	}
}

func TestPingerOnLoopback(t *testing.T) {
	lab.Need(t)
	for _, a := range []string{"127.0.0.1", "::1"} {
		addr := netip.MustParseAddr(a)
		if conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0))); err != nil {
			t.Logf("no %s here: %v", a, err)
			continue
		} else {
			conn.Close()
		}
		g, err := pingAll(t, &Pinger{}, pingRun{addr: addr, count: 5, interval: 20 * time.Millisecond, deadline: time.Second})
		if err != nil || g.letters() != "rrrrr" {
			t.Fatalf("%s: got %q, %v; want \"rrrrr\"", a, g.letters(), err)
		}
		for i, p := range g.ps {
			if p.n != i || p.rtt < 0 || p.rtt > time.Second || p.sent.IsZero() {
				t.Errorf("%s: ping %d: %+v", a, i, p)
			}
		}
	}
}

// TestPingerEndsWithItsContext has no number of pings.
func TestPingerEndsWithItsContext(t *testing.T) {
	lab.Need(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	err := (&Pinger{}).Run(ctx, pingRun{addr: netip.MustParseAddr("127.0.0.1"), interval: 20 * time.Millisecond, deadline: time.Second, told: func(pinged) {
		if n++; n == 3 {
			cancel()
		}
	}})
	if err != nil || n < 3 {
		t.Errorf("got %d pings, %v; want 3 and no error", n, err)
	}
}

func labNet(t *testing.T) *lab.Net {
	t.Helper()
	lab.Need(t, "ip")
	n, err := lab.Start(lab.Config{Targets: 3, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close lab: %v", err)
		}
	})
	return n
}

func TestPingerInTheLab(t *testing.T) {
	n := labNet(t)
	p := &Pinger{Do: n.Space().Do}
	up, down := n.Target(0), n.Target(1)
	n.Down(down.Link(down.TTL()))
	burst := func(a netip.Addr) pingRun {
		return pingRun{addr: a, count: burstCount, interval: burstInterval, deadline: 500 * time.Millisecond}
	}
	var wg sync.WaitGroup
	for _, c := range []struct {
		what string
		addr netip.Addr
		want string
	}{
		{"answers", up.Addr4, "rrrrrrrrrr"}, {"answers by IPv6", up.Addr6, "rrrrrrrrrr"},
		{"its line is down", down.Addr4, "----------"}, {"its line is down, IPv6", down.Addr6, "----------"},
		{"nobody has it: unreachable, which a socket of this kind does not tell", netip.MustParseAddr("203.0.113.250"), "----------"},
	} {
		wg.Go(func() {
			g, err := pingAll(t, p, burst(c.addr))
			if err != nil || g.letters() != c.want {
				t.Errorf("%s: got %q, %v; want %q", c.what, g.letters(), err, c.want)
				return
			}
			for i, q := range g.ps {
				if q.n != i || (q.outcome == answered) != (q.rtt > 0) {
					t.Errorf("%s: ping %d: %+v", c.what, i, q)
				}
			}
		})
	}
	wg.Wait()
	// The lab has seen as many, each of 64 bytes as those of the rhythm.
	if got := n.Truth().Toward(1, lab.Window{}).Probes; got != 2*burstCount {
		t.Errorf("the lab saw %d pings to a target, want %d", got, 2*burstCount)
	}
	for r := range n.Truth().Records() {
		if want := map[bool]int{true: 64, false: 84}[r.Dst.Is4()]; int(r.Size) != want {
			t.Fatalf("a ping to %s has %d bytes, want %d", r.Dst, r.Size, want)
		}
	}
}

// TestPingerTellsOfLateAnswers: all answers come after the deadline, the last
// one's too.
func TestPingerTellsOfLateAnswers(t *testing.T) {
	n := labNet(t)
	target := n.Target(0)
	n.AddDelay(target.Link(target.TTL()), 200*time.Millisecond) // each way
	g, err := pingAll(t, &Pinger{Do: n.Space().Do}, pingRun{addr: target.Addr4, count: 5, interval: 50 * time.Millisecond, deadline: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	losses, lates := map[int]bool{}, map[int]bool{}
	for _, p := range g.ps {
		switch {
		case p.outcome == lost && !losses[p.n]:
			losses[p.n] = true
		case p.outcome == late && losses[p.n] && !lates[p.n] && p.rtt >= 400*time.Millisecond:
			lates[p.n] = true
		default:
			t.Errorf("got %+v", p)
		}
	}
	if len(losses) != 5 || len(lates) != 5 {
		t.Errorf("got %q: %d lost, %d of them late, want 5 and 5", g.letters(), len(losses), len(lates))
	}
}

// TestPingerWithoutRoute: no route from the start is an error, and so is one
// that the kernel forbids, for which pro-bing would try for ever. A route that
// goes while pings run is told of, and the run ends all the same.
func TestPingerWithoutRoute(t *testing.T) {
	n := labNet(t)
	ip := func(args ...string) {
		t.Helper()
		if out, err := n.Space().Command(t.Context(), "ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	p := &Pinger{Do: n.Space().Do}
	run := func(i int) pingRun {
		return pingRun{addr: n.Target(i).Addr4, count: 6, interval: 50 * time.Millisecond, deadline: 300 * time.Millisecond}
	}
	ip("route", "add", "unreachable", n.Target(0).Addr4.String()+"/32")
	if g, err := pingAll(t, p, run(0)); !errors.Is(err, syscall.EHOSTUNREACH) || g.letters() != "" {
		t.Errorf("unreachable: got %q, %v; want nothing and EHOSTUNREACH", g.letters(), err)
	}
	ip("route", "add", "prohibit", n.Target(1).Addr4.String()+"/32")
	if g, err := pingAll(t, p, run(1)); !errors.Is(err, syscall.EACCES) || g.letters() != "" {
		t.Errorf("prohibit: got %q, %v; want nothing and EACCES", g.letters(), err)
	}

	g := &gathered{}
	r := run(2)
	gone := make(chan struct{})
	var once sync.Once
	r.told = func(q pinged) {
		g.told(q)
		once.Do(func() { close(gone) })
	}
	end := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { end <- p.Run(ctx, r) }()
	<-gone
	ip("route", "add", "unreachable", n.Target(2).Addr4.String()+"/32")
	select {
	case err := <-end:
		got := g.letters()
		if err != nil || !strings.HasPrefix(got, "r") || !strings.HasSuffix(got, "n") || len(got) != 6 {
			t.Errorf("a route that goes: got %q, %v; want six pings, answered first and without a route at the end", got, err)
		}
	case <-time.After(patience):
		t.Errorf("pings do not end after the route has gone; so far %q", g.letters())
	}
	for i, q := range g.ps {
		if q.n != i {
			t.Errorf("place %d has number %d", i, q.n)
		}
	}
}
