package echo

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/lab"
)

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
		silent := n.Target(0).Addr4
		// Two pings that stay open: one to a silent target, one whose own address the stranger has.
		s.pingAll(0, time.Minute, silent)
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
		// ICMP errors, as a router sends them that quotes no more than it must.
		quoting := func(to netip.Addr, what []byte) []byte {
			b := append([]byte{unreach4, 1, 0, 0, 0, 0, 0, 0}, 0x45, 0, 0, 64, 0, 0, 0, 0, 63, protoICMP4, 0, 0, 127, 0, 0, 1)
			b = append(b, to.AsSlice()...)
			b = append(b, what...)
			b[8+20] = echoRequest4
			return b
		}
		bad = func(what string, fix bool, b []byte) {
			t.Helper()
			send(b, fix)
			foreign++
			s.await(what+" to be seen", func() bool { return s.Stats().Foreign >= foreign })
			if s.InFlight() != 1 {
				t.Errorf("%s was taken for an error: %v", what, s.tally())
			}
		}
		bad("an error about another address", true, quoting(home, good(0)[:headLen]))
		forged := good(0)
		forged[headLen+tokenLen-1] ^= 1
		bad("an error with another nonce", true, quoting(silent, forged))
		other = good(0)
		other[7] ^= 1
		bad("an error with another sequence number", true, quoting(silent, other[:headLen]))
		send(quoting(silent, good(0)[:headLen]), true)
		s.finish()
		s.want(0, "unreachable")
		if st := s.Stats(); st.Answered != 1 || st.Foreign != foreign || st.Unreachable != 1 {
			t.Errorf("got %+v, want 1 answered, %d foreign", st, foreign)
		}
	})
}
