package echo

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/lab"
)

// TestLabBeside: others ping the same targets at the same time, one of them
// another Pinger. Nobody takes another's answers, and what is not ours is not
// even read.
func TestLabBeside(t *testing.T) {
	both(t, func(t *testing.T, opt Options) {
		lab.Need(t, "fping")
		n := network(t, lab.Config{Targets: 100, Seed: 1})
		n.Unreachable(n.Target(0).Router(n.Target(0).TTL()-1), lab.HostUnreachable)
		a, b := open(t, n, opt), open(t, n, opt)
		var list bytes.Buffer
		for _, x := range addrs4(n) {
			list.WriteString(x.String() + "\n")
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		fping := n.Space().Command(ctx, "fping", "-l", "-q", "-p", "100", "-i", "1")
		fping.Stdin = &list
		if err := fping.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { cancel(); _ = fping.Wait() }()
		ctxWait, done := context.WithTimeout(t.Context(), longest)
		defer done()
		if err := n.Truth().Wait(ctxWait, 50, func(*lab.Record) bool { return true }); err != nil {
			t.Fatalf("fping does not ping: %v", err)
		}
		const rounds = 20
		for r := range rounds {
			a.pingAll(r*1000, 10*time.Second, addrs4(n)...)
			b.pingAll(r*1000, 10*time.Second, addrs4(n)...)
		}
		a.finish()
		b.finish()
		whole(t, n)
		for _, s := range []*site{a, b} {
			got := s.tally()
			if got["reply"]+got["unreachable"] != 100*rounds || got["unreachable"] == 0 || got["reply"] < 50*rounds {
				t.Errorf("got %v", got)
			}
			if st := s.Stats(); st.Foreign+st.Overflows != 0 {
				t.Errorf("got %+v, want nothing foreign", st)
			}
		}
	})
}

// TestLabClockStep moves the realtime clock while pings are under way and
// nobody reads.
func TestLabClockStep(t *testing.T) {
	for name, c := range map[string]struct {
		by   time.Duration
		want string
	}{
		"an hour forward": {time.Hour, "reply"},
		"an hour back":    {-time.Hour, "reply"},
		// The answers may have come before the step, or after it and then too late.
		"a second forward": {time.Second, "unknown"},
		"a second back":    {-time.Second, "reply"},
	} {
		t.Run(name, func(t *testing.T) {
			n := network(t, lab.Config{Targets: 20, Seed: 1})
			// A clock that is read as so much less until the step is one
			// that is stepped by so much.
			var less atomic.Int64
			less.Store(int64(c.by))
			s := open(t, n, Options{wall: func(at time.Time) int64 { return at.UnixNano() - less.Load() }})
			var rs []Request[int]
			for i, a := range addrs4(n) {
				rs = append(rs, Request[int]{a, 700 * time.Millisecond, i})
			}
			s.Send(time.Now(), rs, s.told)
			less.Store(0)
			delivered(t, n, 20)
			time.Sleep(1200 * time.Millisecond) // the stop itself
			s.finish()
			truth := truthOf(n)
			for i := range 20 {
				s.want(i, c.want)
				least := truth[n.Target(i).Addr4].Due.Sub(truth[n.Target(i).Addr4].Arrived)
				if r := s.got[i][0]; c.want == "reply" && (r.RTT < least || r.RTT > 700*time.Millisecond) {
					t.Errorf("ping %d: RTT %s, truth %s", i, r.RTT, least)
				}
			}
		})
	}
}

// TestLabNowhere: what cannot be is told, with why.
func TestLabNowhere(t *testing.T) {
	n := network(t, lab.Config{Targets: 1, Seed: 1})
	s := open(t, n, Options{})
	s.pingAll(0, time.Second, netip.Addr{}, netip.MustParseAddr("fe80::1%nosuch"), netip.AddrFrom16(n.Target(0).Addr4.As16()))
	s.finish()
	for i := range 2 {
		s.want(i, "unknown")
		if !t.Failed() && (s.got[i][0].Err == nil || !s.got[i][0].Sent.IsZero()) {
			t.Errorf("got %+v, want an error and no time of sending", s.got[i][0])
		}
	}
	s.want(2, "reply") // IPv4 in the clothes of IPv6
	if _, err := Open[int](Options{Do: n.Space().Do, Source4: netip.MustParseAddr("192.0.2.77")}); err == nil {
		t.Error("pings from an address that is not this machine's")
	}
	// Without a socket of its family.
	if err := unix.Close(s.e.socks[v6].fd); err != nil {
		t.Fatal(err)
	}
	s.e.socks[v6] = nil
	s.pingAll(10, time.Second, n.Target(0).Addr6, n.Target(0).Addr4)
	s.finish()
	s.want(10, "unknown")
	s.want(11, "reply")
}

// TestLabRefused: a firewall of this machine.
func TestLabRefused(t *testing.T) {
	lab.Need(t, "nft")
	n := network(t, lab.Config{Targets: 2, Seed: 1})
	s := open(t, n, Options{})
	if out, err := n.Space().Command(t.Context(), "nft", "add table inet t; add chain inet t out { type filter hook output priority 0; }; add rule inet t out ip daddr "+
		n.Target(0).Addr4.String()+" drop").CombinedOutput(); err != nil {
		t.Fatalf("nft: %v %s", err, out)
	}
	s.pingAll(0, time.Second, n.Target(0).Addr4, n.Target(1).Addr4)
	s.finish()
	s.want(0, "unknown")
	if r := s.got[0][0]; !errors.Is(r.Err, unix.EPERM) || !r.Sent.IsZero() {
		t.Errorf("got %+v, want EPERM and no time of sending", r)
	}
	s.want(1, "reply")
}

// TestLabNoRoom: packets to a neighbour that does not say where it is wait in
// the kernel and take up the socket's buffer, until it is given up.
func TestLabNoRoom(t *testing.T) {
	n := network(t, lab.Config{Targets: 1, Seed: 1})
	for _, line := range []string{"link add v0 type veth peer v1", "addr add 198.18.200.1/24 dev v0", "link set v0 up", "link set v1 up"} {
		if out, err := n.Space().Command(t.Context(), "ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v %s", line, err, out)
		}
	}
	s := open(t, n, Options{send: 1})
	mute := netip.MustParseAddr("198.18.200.9")
	const pings = 50
	var rs []Request[int]
	for i := range pings {
		rs = append(rs, Request[int]{mute, 30 * time.Second, i})
	}
	s.Send(time.Now(), rs, s.told)
	if next, ok := s.Next(); !ok || next.After(time.Now().Add(again)) || s.InFlight() != pings || len(s.got) != 0 {
		t.Fatalf("next %v, %v; %d under way; told %v; want that it be tried again soon", next, ok, s.InFlight(), s.tally())
	}
	s.finish()
	got := s.tally()
	if got["unknown"] == 0 || got["unreachable"] == 0 || got["unknown"]+got["unreachable"] != pings {
		t.Errorf("got %v, want some for which there was no room, the rest unreachable", got)
	}
	for i := range pings {
		switch r := s.got[i][0]; r.Outcome {
		case Unreachable: // the kernel itself says that the neighbour is
			if r.From != netip.MustParseAddr("198.18.200.1") {
				t.Errorf("got %+v", r)
			}
		default:
			if !errors.Is(r.Err, unix.EAGAIN) || !r.Sent.IsZero() {
				t.Errorf("got %+v, want EAGAIN and no time of sending", r)
			}
		}
	}
	if st := s.Stats(); st.Sent != uint64(got["unreachable"]) {
		t.Errorf("got %+v", st)
	}
	s.pingAll(100, time.Minute, n.Target(0).Addr4)
	s.finish()
	s.want(100, "reply")
}
