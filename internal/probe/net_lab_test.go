package probe

import (
	"errors"
	"net/netip"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// network makes a simulated network and a scheduler that probes in it.
func network(t *testing.T, cfg lab.Config, opt Options) (*lab.Net, *Scheduler) {
	t.Helper()
	lab.Need(t, findPath())
	n, err := lab.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	opt.Do = n.Space().Do
	return n, run(t, opt)
}

// path asks each TTL up to the target's once.
func path(spec Spec, hops int) []Request {
	var rs []Request
	for ttl := 1; ttl <= hops; ttl++ {
		r := Request{Spec: spec, Class: Wave1, Trace: 1}
		r.TTL = uint8(ttl)
		rs = append(rs, r)
	}
	return rs
}

func TestLabPath(t *testing.T) {
	n, s := network(t, lab.Config{Targets: 3, Seed: 1}, Options{})
	target := n.Target(1)
	n.MPLS(target.Router(4), lab.MPLS{Label: 24001, TC: 5, TTL: 1}, lab.MPLS{Label: 16, TTL: 255})
	for name, c := range map[string]struct {
		spec Spec
		hops [][]netip.Addr
	}{
		"icmp 4":          {Spec{Addr: target.Addr4, Protocol: ICMP, Size: 300}, target.Hops()},
		"icmp 6":          {Spec{Addr: target.Addr6, Protocol: ICMP, Size: 300}, target.Hops6()},
		"udp 4":           {Spec{Addr: target.Addr4, Protocol: UDP, Port: 33434}, target.Hops()},
		"udp 4 high port": {Spec{Addr: target.Addr4, Protocol: UDP, Port: 51820}, target.Hops()},
		"udp 6":           {Spec{Addr: target.Addr6, Protocol: UDP, Port: 33434}, target.Hops6()},
		"tcp 4":           {Spec{Addr: target.Addr4, Protocol: TCP, Port: 443}, target.Hops()},
		"tcp 6":           {Spec{Addr: target.Addr6, Protocol: TCP, Port: 443}, target.Hops6()},
	} {
		t.Run(name, func(t *testing.T) {
			for i, r := range collect(t, s, path(c.spec, target.TTL()+1)) {
				want, from := Expired, netip.Addr{}
				if i >= target.TTL()-1 {
					want, from = Reply, c.spec.Addr
				} else {
					from = c.hops[i][0]
				}
				if r.Outcome != want || r.From != from {
					t.Errorf("TTL %d: got %+v, want %s", i+1, r, from)
				}
				if i == 3 && c.spec.Protocol == ICMP {
					if want := []Label{{24001, 5, false, 1}, {16, 0, true, 255}}; !slices.Equal(r.MPLS, want) {
						t.Errorf("labels %v, want %v", r.MPLS, want)
					}
				}
			}
		})
	}
	flows := map[uint16]bool{}
	for r := range n.Truth().Records() {
		if r.Protocol == lab.UDP && r.Dst.Is4() {
			flows[r.SrcPort] = true
		}
	}
	if len(flows) != 1 {
		t.Errorf("UDP over IPv4 left from ports %v, want one flow", flows)
	}
}

func TestLabSilenceAndRefusal(t *testing.T) {
	n, s := network(t, lab.Config{Targets: 3, Seed: 1}, Options{})
	target := n.Target(0)
	spec := Spec{Addr: target.Addr4, TTL: 64, Protocol: ICMP}
	ask := func() Result {
		return collect(t, s, []Request{{Spec: spec, Class: FirstOwn, Deadline: 900 * time.Millisecond}})[0]
	}
	undo := n.Unreachable(target.Router(3), lab.AdminProhibited)
	if r := ask(); r.Outcome != Unreachable || r.From != target.Hops()[2][0] {
		t.Errorf("refused: got %+v, want unreachable by %s", r, target.Hops()[2][0])
	}
	undo()
	undo = n.BlackHole(target.Router(3), true)
	if r := ask(); r.Outcome != Lost || r.Sent.IsZero() || r.From.IsValid() {
		t.Errorf("black hole: got %+v, want lost", r)
	}
	undo()
	if r := ask(); r.Outcome != Reply {
		t.Errorf("afterwards: got %+v, want a reply", r)
	}
}

func TestLabLate(t *testing.T) {
	n, s := network(t, lab.Config{Targets: 1, Seed: 1}, Options{})
	target := n.Target(0)
	n.AddDelay(target.Link(target.TTL()), 200*time.Millisecond)
	got := make(chan Result, 4)
	s.Submit(Request{
		Spec:  Spec{Addr: target.Addr4, TTL: 64, Protocol: ICMP},
		Class: FirstOwn, Deadline: 200 * time.Millisecond, Done: func(r Result) { got <- r },
	})
	if first, second := next(t, got), next(t, got); first.Outcome != Lost || second.Outcome != Late || second.RTT < 400*time.Millisecond {
		t.Errorf("got %+v, then %+v; want lost, then late after 400 ms", first, second)
	}
}

// TestLabNoRoute takes the network away. mtr-packet 0.95 would die of the
// first, and call the second an invalid argument.
func TestLabNoRoute(t *testing.T) {
	n, s := network(t, lab.Config{Targets: 1, Seed: 1}, Options{})
	ip := func(args ...string) {
		t.Helper()
		if out, err := n.Space().Command(t.Context(), "ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v %s", args, err, out)
		}
	}
	collect(t, s, pings(1))
	ip("route", "add", "unreachable", "198.19.1.0/24")
	ip("route", "add", "prohibit", "198.19.2.0/24")
	ip("route", "add", "blackhole", "198.19.3.0/24")
	ip("-6", "route", "add", "unreachable", "2001:db8:bad::/48")
	for _, a := range []string{"198.19.1.1", "198.19.2.1", "198.19.3.1", "2001:db8:bad::1"} {
		for _, p := range []Protocol{ICMP, UDP, TCP} {
			spec := Spec{Addr: addr(a), TTL: 64, Protocol: p}
			if p != ICMP {
				spec.Port = 443
			}
			r := collect(t, s, []Request{{Spec: spec, Class: FirstOwn}})[0]
			if r.Outcome != NoRoute || r.Sent.IsZero() || r.Err != nil {
				t.Errorf("%s %s: got %+v, want no route", p, a, r)
			}
		}
	}
	if st := s.Stats(); st.Restarts != 0 {
		t.Errorf("%d mtr-packets died of it", st.Restarts)
	}
}

// TestLabStopped stops the real mtr-packet for longer than the deadline while
// the line is well: that is no loss.
func TestLabStopped(t *testing.T) {
	n, s := network(t, lab.Config{Targets: 5, Seed: 1}, Options{MaxPPS: 1000})
	collect(t, s, []Request{{Spec: Spec{Addr: n.Target(0).Addr4, TTL: 64, Protocol: ICMP}}})
	var rs []Request
	for i := range 200 {
		rs = append(rs, Request{
			Spec:  Spec{Addr: n.Target(i % 5).Addr4, TTL: 64, Protocol: ICMP},
			Class: Wave1, Deadline: 250 * time.Millisecond,
		})
	}
	stop := make(chan struct{})
	rs[50].OnSent = func(time.Time) { close(stop) }
	resumed := make(chan struct{})
	go func() {
		defer close(resumed)
		<-stop
		for _, pid := range children(t) {
			_ = syscall.Kill(pid, syscall.SIGSTOP)
		}
		time.Sleep(700 * time.Millisecond) // the stall itself
		for _, pid := range children(t) {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	}()
	n1 := tally(collect(t, s, rs))
	<-resumed
	if n1["reply"] < 50 || n1["lost"] > 0 || n1["reply"]+n1["unsent: this machine stalled"] != 200 {
		t.Errorf("got %v, want replies, and unsent because of the stall", n1)
	}
	if n1["unsent: this machine stalled"] == 0 {
		t.Errorf("got %v: the stall was not seen", n1)
	}
	if got := tally(collect(t, s, rs[:10:10])); got["reply"] != 10 {
		t.Errorf("afterwards got %v", got)
	}
}

// TestLabStorm: 500 traces at once through one gateway that answers 1,000
// TTL-expired a second. Sent TTL by TTL it drops most of its part.
func TestLabStorm(t *testing.T) {
	const targets = 500
	n, s := network(t, lab.Config{Targets: targets, Seed: 3}, Options{MaxPPS: 5000})
	gateway := n.Target(0).Router(1)
	n.RateLimit(gateway, lab.LinuxGlobalLimit())
	var rs []Request
	for i := range targets {
		spec := Spec{Addr: n.Target(i).Addr4, TTL: 64, Protocol: ICMP}
		rs = append(rs, Request{Spec: spec, Class: FirstOwn, Trace: uint64(i)})
		for _, r := range path(spec, 16) {
			r.Trace = uint64(i)
			rs = append(rs, r)
		}
	}
	var mu sync.Mutex
	var owns, all []time.Time
	for i := range rs {
		own := rs[i].Class == FirstOwn
		rs[i].OnSent = func(at time.Time) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, at)
			if own {
				owns = append(owns, at)
			}
		}
	}
	began := time.Now()
	res := collect(t, s, rs)
	gatewayAnswered, ownLost := 0, 0
	for i, r := range res {
		if rs[i].TTL == 1 && r.Outcome == Expired {
			gatewayAnswered++
		}
		if rs[i].Class == FirstOwn && r.Outcome != Reply {
			ownLost++
		}
	}
	t.Logf("own probes left within %s, all within %s; the gateway answered %d of %d; outcomes %v",
		owns[len(owns)-1].Sub(began), all[len(all)-1].Sub(began), gatewayAnswered, targets, tally(res))
	if gatewayAnswered < targets*9/10 {
		t.Errorf("the gateway answered %d of %d: its part was not spread over the wave", gatewayAnswered, targets)
	}
	if !slices.IsSortedFunc(all, time.Time.Compare) || all[targets-1] != owns[len(owns)-1] && owns[len(owns)-1].After(all[targets+50]) {
		t.Error("not all own probes left first")
	}
	// Never a burst: at most twice its share in any 20 ms.
	first := 0
	for i := range all {
		for all[i].Sub(all[first]) >= 20*time.Millisecond {
			first++
		}
		if n := i - first + 1; n > 200 {
			t.Fatalf("%d probes left within 20 ms, at 5,000/s", n)
		}
	}
}

// TestLabPolite: many traces, one router of theirs answers 10 a second.
func TestLabPolite(t *testing.T) {
	n, s := network(t, lab.Config{Targets: 30, Seed: 1}, Options{PolitePPS: 40})
	router := n.Target(0).Hops()[0][0]
	var rs []Request
	for i := range 30 {
		for range 3 {
			rs = append(rs, Request{
				Spec:  Spec{Addr: n.Target(i).Addr4, TTL: 1, Protocol: ICMP},
				Class: LongLook, Trace: uint64(i), Router: RouterKey{Addr: router},
			})
		}
	}
	res := collect(t, s, rs)
	sent := make([]time.Time, 0, len(res))
	for i := range res {
		sent = append(sent, res[i].Sent)
	}
	slices.SortFunc(sent, time.Time.Compare)
	for i := 1; i < len(sent); i++ {
		if gap := sent[i].Sub(sent[i-1]); gap < 25*time.Millisecond {
			t.Errorf("probes to one router %s apart, want 25 ms", gap)
		}
	}
	// Turns: every trace's first before any one's second.
	for i := range 30 {
		if at := res[3*i].Sent; at.After(sent[29]) {
			t.Errorf("trace %d waited longer than a turn", i)
		}
	}
	if total, answered := s.Shared(router); total != 90 || answered != 90 {
		t.Errorf("shared: %d sent, %d answered; want 90", total, answered)
	}
}

// TestLabIDInUse: an ICMP id that another mtrq has claimed, in another pid
// namespace perhaps, is not used.
func TestLabIDInUse(t *testing.T) {
	needPacket(t)
	lab.Need(t)
	n, err := lab.Start(lab.Config{Targets: 1, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	var held []int
	claim := func(pid int) {
		if err := n.Space().Do(func() error {
			fd, err := claimID(pid)
			held = append(held, fd)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, fd := range held {
			_ = syscall.Close(fd)
		}
	})
	// The next pids are about to be given out: claim some of them.
	probe := exec.CommandContext(t.Context(), "true")
	if err := probe.Run(); err != nil {
		t.Fatal(err)
	}
	next := probe.ProcessState.Pid()
	for i := 1; i <= 8; i++ {
		claim(next + i)
	}
	if err := n.Space().Do(func() error { _, err := claimID(next + 1 + 65536); return err }); !errors.Is(err, errClaimed) {
		t.Fatalf("an id was claimed twice: %v", err)
	}
	opt := Options{Do: n.Space().Do}
	s := run(t, opt)
	r := collect(t, s, []Request{{Spec: Spec{Addr: n.Target(0).Addr4, TTL: 64, Protocol: ICMP}}})[0]
	if r.Outcome != Reply {
		t.Fatalf("got %+v, want a reply", r)
	}
	for rec := range n.Truth().Records() {
		if id := int(rec.ID); id > next%65536 && id <= next%65536+8 {
			t.Errorf("a probe left with the claimed id %d", id)
		}
	}
}

// TestLabSequencesAreApart: mtr-packet takes the answer to a TCP probe of one
// process for that to any probe of another with the same number, and drops
// UDP answers whose port is a number under way.
func TestLabSequencesAreApart(t *testing.T) {
	n, s := network(t, lab.Config{Targets: 2, Seed: 1}, Options{MaxPPS: 2000, MaxProcesses: 1})
	dark, lit := n.Target(0), n.Target(1)
	n.Filter(0, lab.ICMP)
	const port = otherFirst + 300
	udp := Request{Spec: Spec{Addr: lit.Addr4, TTL: 1, Protocol: UDP, Port: port}, Class: FirstOwn}
	tcp := Request{Spec: Spec{Addr: lit.Addr4, TTL: 2, Protocol: TCP, Port: 443}, Class: Wave1}
	collect(t, s, []Request{udp, tcp}) // both kinds of process have started
	var rs []Request
	for i := range 700 {
		rs = append(rs, Request{Spec: Spec{Addr: dark.Addr4, TTL: 64, Protocol: ICMP}, Class: FirstOwn})
		if i%4 == 0 {
			tcp.Class, udp.Class = FirstOwn, FirstOwn
			rs = append(rs, tcp, udp)
		}
	}
	torn := 0
	for i, r := range collect(t, s, rs) {
		want := Expired
		if rs[i].Protocol == ICMP {
			want = Lost
		}
		if rs[i].Protocol == TCP && errors.Is(r.Err, ErrSystem) {
			torn++ // mtr-packet's own race, see outcome.go
		} else if r.Outcome != want {
			t.Errorf("%s probe %d: got %+v", rs[i].Protocol, i, r)
		}
	}
	if torn > 20 {
		t.Errorf("%d of 175 TCP answers without a sender", torn)
	}
}
