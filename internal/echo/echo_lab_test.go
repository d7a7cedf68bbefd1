package echo

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// TestLabHealthy: a thousand targets over both families, all well.
func TestLabHealthy(t *testing.T) {
	both(t, func(t *testing.T, opt Options) {
		n := network(t, lab.Config{Targets: 1000, Seed: 1})
		s := open(t, n, opt)
		to := addrs4(n)
		for i := range n.Targets() {
			to = append(to, n.Target(i).Addr6)
		}
		s.pingAll(0, 10*time.Second, to...)
		s.finish()
		whole(t, n)
		truth := truthOf(n)
		near := 0
		for i, a := range to {
			s.want(i, "reply")
			if t.Failed() {
				return
			}
			got, is := s.got[i][0], truth[a]
			size := 64
			if a.Is6() {
				size = 84
			}
			if is.Size != size || is.TTL != 64 || got.From != a || is.Seq > seqMask {
				t.Fatalf("%s: %d octets, TTL %d, sequence %d, answered by %s; want %d, 64, at most %d, the target", a, is.Size, is.TTL, is.Seq, got.From, size, seqMask)
			}
			// The clock starts before the packet is with the lab, and stops
			// when the lab, itself late at times, lets go of its answer.
			least, real := is.Due.Sub(is.Arrived), is.Answered.Sub(got.Sent)
			if got.Sent.After(is.Arrived) || got.RTT < least {
				t.Errorf("%s: sent %s after it arrived, RTT %s, truth %s", a, got.Sent.Sub(is.Arrived), got.RTT, least)
			}
			if (got.RTT - real).Abs() <= 2*time.Millisecond {
				near++
			}
		}
		t.Logf("%d of %d RTTs within 2 ms of the truth; %+v", near, len(to), s.Stats())
		if near < len(to)*9/10 { // between the lab's stamp and the kernel's a processor may be taken away
			t.Errorf("%d of %d RTTs are within 2 ms of the truth", near, len(to))
		}
		st := s.Stats()
		if st.Sent != uint64(len(to)) || st.Answered != st.Sent || st.Foreign+st.Overflows+st.Lost+st.Unknown != 0 {
			t.Errorf("got %+v, want all answered", st)
		}
		if _, ok := s.Next(); ok {
			t.Error("there is something to wait for still")
		}
	})
}

// TestLabLoss: exactly those that the network lost are lost.
func TestLabLoss(t *testing.T) {
	n := network(t, lab.Config{Targets: 1000, Seed: 2})
	n.Loss(n.Target(0).Link(2), lab.Both, 16)
	s := open(t, n, Options{})
	to := addrs4(n)
	s.pingAll(0, 2*time.Second, to...)
	s.finish()
	whole(t, n)
	truth := truthOf(n)
	missed := 0
	for i, a := range to {
		want := "reply"
		if f := truth[a].Fate; f == lab.LostForward || f == lab.LostBackward {
			want = "lost"
			missed++
		}
		s.want(i, want)
	}
	if missed < 200 || missed > 400 {
		t.Errorf("the network lost %d of 1000, want about 300", missed)
	}
	if st := s.Stats(); st.Lost != uint64(missed) || st.Late+st.Unknown+st.Foreign != 0 {
		t.Errorf("got %+v, want %d lost", st, missed)
	}
}

// TestLabLate: answers that take longer than the deadline, told late when
// nobody listened before the answer, too.
func TestLabLate(t *testing.T) {
	both(t, func(t *testing.T, opt Options) {
		n := network(t, lab.Config{Targets: 3, Seed: 1})
		target := n.Target(0)
		n.AddDelay(target.Link(target.TTL()), 150*time.Millisecond)
		s := open(t, n, opt)
		s.pingAll(0, 100*time.Millisecond, target.Addr4, target.Addr6)
		s.await("late answers", func() bool { return s.Stats().Late == 2 })
		// Nobody reads until the answers are there.
		s.Send(time.Now(), []Request[int]{{target.Addr4, 100 * time.Millisecond, 2}, {target.Addr6, 100 * time.Millisecond, 3}}, s.told)
		delivered(t, n, 4)
		s.await("late answers", func() bool { return s.Stats().Late == 4 })
		for i := range 4 {
			s.want(i, "lost, late")
			if !t.Failed() && (s.got[i][1].RTT < 300*time.Millisecond || s.got[i][0].RTT != 0 || s.got[i][0].Sent != s.got[i][1].Sent) {
				t.Errorf("ping %d: %+v, want an RTT of 300 ms or more with the late answer", i, s.got[i])
			}
		}
		if st := s.Stats(); st.Lost != 4 || st.Answered != 0 || s.InFlight() != 0 {
			t.Errorf("got %+v", st)
		}
	})
}

// delivered waits until the lab has given so many answers to the kernel.
func delivered(t testing.TB, n *lab.Net, count int) {
	t.Helper()
	beat := time.NewTicker(5 * time.Millisecond)
	defer beat.Stop()
	end := time.After(longest)
	for {
		given := 0
		for r := range n.Truth().Records() {
			if !r.Answered.IsZero() {
				given++
			}
		}
		if given >= count {
			return
		}
		select {
		case <-beat.C:
		case <-end:
			t.Fatalf("the lab has answered %d of %d", given, count)
		}
	}
}

// TestLabTooLate: what comes more than 2 s after the deadline is nobody's.
func TestLabTooLate(t *testing.T) {
	n := network(t, lab.Config{Targets: 1, Seed: 1})
	target := n.Target(0)
	n.AddDelay(target.Link(target.TTL()), 1200*time.Millisecond)
	s := open(t, n, Options{})
	s.pingAll(0, 50*time.Millisecond, target.Addr4)
	s.await("an answer that is nobody's", func() bool { return s.Stats().Foreign == 1 })
	s.want(0, "lost")
}

// TestLabUnreachable: the router that refuses is named.
func TestLabUnreachable(t *testing.T) {
	both(t, func(t *testing.T, opt Options) {
		n := network(t, lab.Config{Targets: 20, Seed: 1})
		target := n.Target(3)
		n.Unreachable(target.Router(3), lab.AdminProhibited)
		s := open(t, n, opt)
		to := append(addrs4(n), target.Addr6)
		s.pingAll(0, 10*time.Second, to...)
		s.finish()
		// All paths share the third router.
		for i, a := range to {
			s.want(i, "unreachable")
			from := target.Hops()[2][0]
			if a.Is6() {
				from = target.Hops6()[2][0]
			}
			if !t.Failed() && (s.got[i][0].From != from || s.got[i][0].RTT <= 0) {
				t.Errorf("%s: got %+v, want unreachable by %s", a, s.got[i][0], from)
			}
		}
		if st := s.Stats(); st.Unreachable != 21 || st.Foreign != 0 {
			t.Errorf("got %+v", st)
		}
	})
}

// TestLabNoRoute: a ping that cannot leave is told at once, others leave as if
// nothing was, though the kernel tells of ICMP errors by refusing pings too.
func TestLabNoRoute(t *testing.T) {
	both(t, func(t *testing.T, opt Options) {
		n := network(t, lab.Config{Targets: 40, Seed: 1})
		ip := func(args ...string) {
			t.Helper()
			if out, err := n.Space().Command(t.Context(), "ip", args...).CombinedOutput(); err != nil {
				t.Fatalf("ip %v: %v %s", args, err, out)
			}
		}
		ip("route", "add", "unreachable", "198.19.1.0/24")
		ip("route", "add", "prohibit", "198.19.2.0/24")
		ip("route", "add", "blackhole", "198.19.3.0/24")
		ip("-6", "route", "add", "unreachable", "2001:db8:bad::/48")
		s := open(t, n, opt)
		nowhere := []netip.Addr{
			netip.MustParseAddr("198.19.1.1"), netip.MustParseAddr("198.19.2.1"), netip.MustParseAddr("198.19.3.1"), netip.MustParseAddr("2001:db8:bad::1"),
		}
		refused := netip.MustParseAddr("203.0.113.250") // the gateway says so
		// More and more ICMP errors wait while others are sent.
		const rounds = 10
		for round := range rounds {
			var rs []Request[int]
			for i := range n.Targets() {
				a := n.Target(i).Addr4
				switch i % 4 {
				case 1:
					a = nowhere[i/4%4]
				case 2:
					a = refused
				}
				rs = append(rs, Request[int]{a, 10 * time.Second, round*100 + i})
			}
			s.Send(time.Now(), rs, s.told)
			for i := range n.Targets() {
				if tag := round*100 + i; i%4 == 1 {
					s.want(tag, "no-route")
					if !t.Failed() && (s.got[tag][0].Sent.IsZero() || s.got[tag][0].Err != nil) {
						t.Errorf("no route: %+v", s.got[tag][0])
					}
				}
			}
		}
		s.finish()
		for round := range rounds {
			for i := range n.Targets() {
				switch i % 4 {
				case 0, 3:
					s.want(round*100+i, "reply")
				case 2:
					s.want(round*100+i, "unreachable")
				}
			}
		}
	})
}

// TestLabStopped: nobody reads for 3 s. What arrived meanwhile arrived in time.
func TestLabStopped(t *testing.T) {
	both(t, func(t *testing.T, opt Options) {
		n := network(t, lab.Config{Targets: 500, Seed: 1})
		s := open(t, n, opt)
		n.Filter(7, lab.ICMP)
		var rs []Request[int]
		for i, a := range addrs4(n) {
			rs = append(rs, Request[int]{a, 2 * time.Second, i})
		}
		s.Send(time.Now(), rs, s.told)
		delivered(t, n, 499)
		time.Sleep(3 * time.Second) // the stop itself
		s.Poll(time.Now(), s.told)
		whole(t, n)
		if got := s.tally(); got["reply"] != 499 || got["lost"] != 1 {
			t.Errorf("got %v, want 499 replies and the loss of one that filters", got)
		}
		s.want(7, "lost")
	})
}

// TestLabOverflow: a buffer for a few answers only. Those that found no room
// are not lost, those that never came neither: nobody can tell them apart.
func TestLabOverflow(t *testing.T) {
	both(t, func(t *testing.T, opt Options) {
		n := network(t, lab.Config{Targets: 300, Seed: 1})
		opt.receive = 1
		s := open(t, n, opt)
		n.Filter(7, lab.ICMP)
		var rs []Request[int]
		for i, a := range addrs4(n) {
			rs = append(rs, Request[int]{a, time.Second, i})
		}
		s.Send(time.Now(), rs, s.told)
		delivered(t, n, 299)
		// The drops are noticed before the deadline, and count at it.
		s.finish()
		got := s.tally()
		if got["unknown"] < 200 || got["reply"] == 0 || got["unknown"]+got["reply"] != 300 {
			t.Errorf("got %v, want some replies, and the rest unknown", got)
		}
		if st := s.Stats(); st.Overflows < 200 || st.Unknown != uint64(got["unknown"]) {
			t.Errorf("got %+v", st)
		}
		// Afterwards all is as ever.
		s.pingAll(1000, 300*time.Millisecond, n.Target(7).Addr4, n.Target(8).Addr4)
		s.finish()
		s.want(1000, "lost")
		s.want(1001, "reply")
	})
}
