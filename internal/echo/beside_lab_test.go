package echo

import (
	"bytes"
	"context"
	"net/netip"
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

// TestLabClockStep moves the realtime clock by an hour while pings are under
// way, both ways, and while nobody reads.
func TestLabClockStep(t *testing.T) {
	for name, by := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour, "forward a second": time.Second} {
		t.Run(name, func(t *testing.T) {
			n := network(t, lab.Config{Targets: 20, Seed: 1})
			// Reading the clock as by less than the kernel does until the
			// step is the same as a step of the kernel's clock.
			var less atomic.Int64
			less.Store(int64(by))
			s := open(t, n, Options{wall: func(at time.Time) int64 { return at.UnixNano() - less.Load() }})
			var rs []Request[int]
			for i, a := range addrs4(n) {
				rs = append(rs, Request[int]{a, 700 * time.Millisecond, i})
			}
			s.Send(time.Now(), rs, s.told)
			less.Store(0)
			delivered(t, n, 20)
			time.Sleep(1200 * time.Millisecond) // the process is stopped
			s.finish()
			for i := range 20 {
				s.want(i, "reply")
				if !t.Failed() && (s.got[i][0].RTT < n.Target(i).RTT(64) || s.got[i][0].RTT > 700*time.Millisecond) {
					t.Errorf("ping %d: RTT %s, truth %s", i, s.got[i][0].RTT, n.Target(i).RTT(64))
				}
			}
		})
	}
}

// TestLabMany: more pings under way than there are sequence numbers.
func TestLabMany(t *testing.T) {
	const targets, rounds = 3500, 20
	n := network(t, lab.Config{Targets: targets, Seed: 1})
	n.Filter(5, lab.ICMP)
	s := open(t, n, Options{})
	for r := range rounds {
		s.pingAll(r*10000, 3*time.Minute, addrs4(n)...)
	}
	// The silent one's are under way all the time; 70,000 of others came and went. Now hold as many.
	s.await("answers", func() bool { return s.InFlight() == rounds })
	for i := range targets {
		n.Filter(i, lab.ICMP)
	}
	for r := range rounds {
		s.pingAll(1_000_000+r*10000, 3*time.Minute, addrs4(n)...)
	}
	if got := s.InFlight(); got != targets*rounds+rounds {
		t.Fatalf("%d under way, want %d: %v", got, targets*rounds+rounds, s.tally())
	}
	for i := range targets {
		n.Filter(i, 0)
	}
	s.pingAll(2_000_000, time.Minute, addrs4(n)...)
	s.await("answers", func() bool { return s.InFlight() == targets*rounds+rounds })
	// Time passes for all at once.
	s.Poll(time.Now().Add(10*time.Minute), s.told)
	whole(t, n)
	if got := s.tally(); got["reply"] != targets*rounds-rounds+targets || got["lost"] != targets*rounds+rounds {
		t.Errorf("got %v", got)
	}
}

// rawSocket is a stranger's, with which he sends whatever he likes.
func rawSocket(t *testing.T, n *lab.Net) int {
	t.Helper()
	fd := -1
	if err := n.Space().Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// TestLabHostile sends to the Pinger, from an address of this machine, what
// looks like answers.
func TestLabHostile(t *testing.T) {
	both(t, func(t *testing.T, opt Options) {
		n := network(t, lab.Config{Targets: 1, Seed: 1})
		n.Filter(0, lab.ICMP)
		s := open(t, n, opt)
		home := netip.MustParseAddr("127.0.0.1")
		// Two pings that stay open: one to a silent target, one whose own address the stranger has.
		s.pingAll(0, time.Minute, n.Target(0).Addr4)
		out, _ := n.Space().Command(t.Context(), "sysctl", "-w", "net.ipv4.icmp_echo_ignore_all=1").CombinedOutput()
		s.pingAll(1, time.Minute, home)
		if s.InFlight() != 2 {
			t.Fatalf("%d under way, want 2 (%s)", s.InFlight(), out)
		}
		id := s.e.socks[v4].id
		good := func(tag int) []byte {
			for i := range s.e.cells.list {
				if c := &s.e.cells.list[i]; c.state == waiting && s.tags[i] == tag {
					b := make([]byte, packetLen)
					putRequest(b, v4, id, token{uint32(i), c.nonce}, false)
					b[0] = echoReply4
					return b
				}
			}
			t.Fatalf("ping %d is not under way", tag)
			return nil
		}
		fd := rawSocket(t, n)
		send := func(b []byte, fix bool) {
			t.Helper()
			if fix {
				b[2], b[3] = 0, 0
				sum := checksum(b)
				b[2], b[3] = byte(sum>>8), byte(sum)
			}
			if err := unix.Sendto(fd, b, 0, &unix.SockaddrInet4{Addr: home.As4()}); err != nil {
				t.Fatal(err)
			}
		}
		foreign := uint64(0)
		bad := func(what string, fix bool, b []byte) {
			t.Helper()
			send(b, fix)
			foreign++
			s.await(what+" to be seen", func() bool { return s.Stats().Foreign >= foreign })
			if s.InFlight() != 2 || len(s.got) != 0 {
				t.Errorf("%s was taken for an answer: %v", what, s.tally())
			}
		}
		bad("an answer from another address", true, good(0))
		short := good(1)[:20]
		bad("a short answer", true, short)
		long := append(good(1), 0)
		bad("a long answer", true, long)
		other := good(1)
		other[headLen+tokenLen-1] ^= 1
		bad("another nonce", true, other)
		far := good(1)
		far[headLen+4] = 0xff
		bad("a cell that is not there", true, far)
		bad("only a header", true, []byte{echoReply4, 0, 0, 0, byte(id >> 8), byte(id), 0, 1})
		// The kernel drops a wrong checksum before a datagram socket sees it.
		wrong := good(1)
		wrong[2] ^= 1
		if opt.raw {
			bad("a wrong checksum", false, wrong)
		} else {
			send(wrong, false)
		}
		// Three times the same, which is right.
		for range 3 {
			send(good(1), true)
		}
		foreign += 2
		s.await("the duplicates", func() bool { return s.Stats().Foreign >= foreign })
		s.want(1, "reply")
		if st := s.Stats(); st.Answered != 1 || st.Foreign != foreign || s.InFlight() != 1 {
			t.Errorf("got %+v, want 1 answered, %d foreign", st, foreign)
		}
	})
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

// TestLabNoRoom: the kernel refuses, for lack of room, then because a filter
// says so.
func TestLabNoRoom(t *testing.T) {
	lab.Need(t, "nft")
	n := network(t, lab.Config{Targets: 2, Seed: 1})
	s := open(t, n, Options{})
	if out, err := n.Space().Command(t.Context(), "nft", "add table inet t; add chain inet t out { type filter hook output priority 0; }; add rule inet t out ip daddr "+
		n.Target(0).Addr4.String()+" drop").CombinedOutput(); err != nil {
		t.Fatalf("nft: %v %s", err, out)
	}
	s.pingAll(0, time.Second, n.Target(0).Addr4, n.Target(1).Addr4)
	s.finish()
	s.want(0, "unknown") // EPERM
	if !t.Failed() && s.got[0][0].Err == nil {
		t.Error("no error says why it did not leave")
	}
	s.want(1, "reply")

	// Answers fill no buffer here, so what is sent must: a queue of the
	// device that takes nothing.
	now := time.Now()
	i := s.e.ask(n.Target(1).Addr4, time.Second, now)
	s.tags = append(s.tags, make([]int, len(s.e.cells.list)-len(s.tags))...)
	s.tags[i] = 2
	sock := s.e.socks[v4]
	if got := s.e.giveUp(sock.queue, now.Add(patience-1), unix.ENOBUFS); got != 0 {
		t.Errorf("gave up after less than %s", patience)
	}
	sock.triedAt = now
	if at, ok := s.Next(); !ok || at != now.Add(again) {
		t.Errorf("to be tried again at %v, %v", at, ok)
	}
	if got := s.e.giveUp(sock.queue, now.Add(patience), unix.ENOBUFS); got != 1 {
		t.Errorf("did not give up after %s", patience)
	}
	sock.queue = sock.queue[:0]
	s.tell(s.told)
	s.want(2, "unknown")
	if s.InFlight() != 0 {
		t.Errorf("%d under way", s.InFlight())
	}
}
