package echo

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestRoundTrip(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	for name, c := range map[string]struct {
		stamp                   time.Duration // of the answer, after that of sending; -1: none
		elapsed, step, deadline time.Duration
		rtt                     time.Duration
		ok                      bool
	}{
		"in time":                                  {20 * ms, 25 * ms, 0, 500 * ms, 20 * ms, true},
		"in time, read late":                       {20 * ms, 30 * s, 0, 500 * ms, 20 * ms, true},
		"late":                                     {700 * ms, 705 * ms, 0, 500 * ms, 700 * ms, true},
		"at once":                                  {0, 5 * ms, 0, 500 * ms, 1, true},
		"slewed clock":                             {20*ms + 5*time.Microsecond, 20 * ms, 0, 500 * ms, 20 * ms, true},
		"no stamp, read in time":                   {-1, 25 * ms, 0, 500 * ms, 25 * ms, true},
		"no stamp, read late":                      {-1, 3 * s, 0, 500 * ms, 3 * s, false},
		"stepped forward, then answered":           {20*ms + time.Hour, 25 * ms, time.Hour, 500 * ms, 20 * ms, true},
		"answered, then stepped forward":           {20 * ms, 3 * s, time.Hour, 500 * ms, 20 * ms, true},
		"stepped back, then answered":              {20*ms - time.Hour, 3 * s, -time.Hour, 500 * ms, 20 * ms, true},
		"answered, then stepped back":              {20 * ms, 25 * ms, -time.Hour, 500 * ms, 20 * ms, true},
		"stepped, either way in time":              {30 * ms, 10 * s, 20 * ms, 500 * ms, 10 * ms, true},
		"stepped, either way late":                 {3 * s, 10 * s, 1 * s, 500 * ms, 2 * s, true},
		"stepped, in time or late":                 {1020 * ms, 10 * s, 1 * s, 500 * ms, 20 * ms, false},
		"stepped, in time or late, read in time":   {30 * ms, 40 * ms, 20 * ms, 500 * ms, 10 * ms, true},
		"stepped to and fro, read in time":         {time.Hour, 40 * ms, 0, 500 * ms, 40 * ms, true},
		"stepped to and fro, read late":            {time.Hour, 3 * s, 0, 500 * ms, 3 * s, false},
		"before it was sent, and no step is known": {-3 * s, 10 * ms, 0, 500 * ms, 10 * ms, true},
	} {
		t.Run(name, func(t *testing.T) {
			sent := time.Now().UnixNano()
			stamp := sent + int64(c.stamp)
			if c.stamp == -1 {
				stamp = 0
			}
			if rtt, ok := roundTrip(sent, stamp, c.elapsed, c.step, c.deadline); rtt != c.rtt || ok != c.ok {
				t.Errorf("got %s, %v; want %s, %v", rtt, ok, c.rtt, c.ok)
			}
		})
	}
}

// TestWheel drives a wheel beside a plain list.
func TestWheel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	base := time.Now()
	table := cells{first: -1, last: -1}
	w := newWheel(&table, base)
	due, added := map[int32]time.Time{}, map[int32]time.Time{}
	now := base
	for range 20000 {
		switch rng.IntN(4) {
		case 0, 1:
			i := table.take()
			if _, ok := due[i]; ok || table.list[i].state != free {
				t.Fatalf("cell %d was given out twice", i)
			}
			table.list[i].state = waiting
			due[i] = now.Add(time.Duration(rng.Int64N(int64(10 * time.Second))))
			w.add(i, due[i])
			added[i] = now
		case 2:
			for i := range due {
				w.remove(i)
				delete(due, i)
				table.give(i)
				break
			}
		case 3:
			now = now.Add(time.Duration(rng.Int64N(int64(30 * time.Millisecond))))
			for _, i := range slices.Clone(w.advance(now)) {
				at, ok := due[i]
				if !ok {
					t.Fatalf("cell %d came up, which is not in", i)
				}
				if now.Before(at) {
					if in := now.Sub(added[i]); in < 4*time.Second {
						t.Fatalf("came up %s too soon, after %s", at.Sub(now), in)
					}
					w.add(i, at)
					added[i] = now
					continue
				}
				delete(due, i)
				table.give(i)
			}
			next, ok := w.next()
			for i, at := range due {
				if now.Sub(at) >= wheelTick {
					t.Fatalf("cell %d is %s overdue", i, now.Sub(at))
				}
				if !ok || at.Add(wheelTick).Before(next) {
					t.Fatalf("next %s, %v: after cell %d", next.Sub(now), ok, i)
				}
			}
		}
	}
	if len(due) == 0 || len(table.list) < len(due) {
		t.Errorf("%d left of %d", len(due), len(table.list))
	}
}

// TestChecksum: what raw sockets of IPv4 fill in and check themselves.
func TestChecksum(t *testing.T) {
	// RFC 1071 section 3.
	if got := checksum([]byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}); got != ^uint16(0xddf2) {
		t.Errorf("got %#x", got)
	}
	b := make([]byte, packetLen)
	putRequest(b, v4, 7, token{40000, 1 << 60}, true)
	if checksum(b) != 0 {
		t.Errorf("the checksum of %x is wrong", b)
	}
}

// controlMessage is one control message as the kernel lays it out.
func controlMessage(level, kind int32, data []byte) []byte {
	b := make([]byte, unix.CmsgSpace(len(data)))
	n := binary.NativeEndian.AppendUint64(nil, uint64(unix.CmsgLen(len(data))))
	if unix.SizeofPtr == 4 {
		n = binary.NativeEndian.AppendUint32(nil, uint32(unix.CmsgLen(len(data))))
	}
	n = binary.NativeEndian.AppendUint32(n, uint32(level))
	copy(b, binary.NativeEndian.AppendUint32(n, uint32(kind)))
	copy(b[unix.CmsgLen(0):], data)
	return b
}

// someControl is a stamp and an ICMP error of a router, as IPv4 and IPv6 have it.
func someControl() (stamp, err4, err6 []byte) {
	data := binary.NativeEndian.AppendUint64(nil, 1790000000)
	data = binary.NativeEndian.AppendUint64(data, 123456789)
	ee := []byte{4: unix.SO_EE_ORIGIN_ICMP, 5: unreach4, 6: 13, 15: 0}
	sa := binary.NativeEndian.AppendUint16(nil, unix.AF_INET)
	sa = append(sa, 0, 0, 192, 0, 2, 254, 0, 0, 0, 0, 0, 0, 0, 0)
	ee6 := bytes.Clone(ee)
	ee6[4], ee6[5], ee6[6] = unix.SO_EE_ORIGIN_ICMP6, exceeded6, 0
	sa6 := append(binary.NativeEndian.AppendUint16(nil, unix.AF_INET6), 0, 0, 0, 0, 0, 0)
	a := netip.MustParseAddr("2001:db8::fe").As16()
	sa6 = append(append(sa6, a[:]...), 0, 0, 0, 0)
	return controlMessage(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, data),
		controlMessage(unix.SOL_IP, unix.IP_RECVERR, append(ee, sa...)),
		controlMessage(unix.SOL_IPV6, unix.IPV6_RECVERR, append(ee6, sa6...))
}

func TestReadControl(t *testing.T) {
	stamp, err4, err6 := someControl()
	const at = 1790000000*1e9 + 123456789
	from4, from6 := netip.MustParseAddr("192.0.2.254"), netip.MustParseAddr("2001:db8::fe")
	local := bytes.Clone(err4)
	local[unix.CmsgLen(0)+4] = unix.SO_EE_ORIGIN_LOCAL
	for name, c := range map[string]struct {
		in   []byte
		want control
	}{
		"nothing":               {nil, control{}},
		"stamp":                 {stamp, control{stamp: at}},
		"error":                 {slices.Concat(stamp, err4), control{stamp: at, isErr: true, err: icmpError{unreach4, 13, from4}}},
		"error, IPv6":           {slices.Concat(err6, stamp), control{stamp: at, isErr: true, err: icmpError{exceeded6, 0, from6}}},
		"of this machine":       {slices.Concat(local, stamp), control{stamp: at}},
		"others":                {slices.Concat(controlMessage(unix.SOL_SOCKET, unix.SO_RXQ_OVFL, []byte{1, 0, 0, 0}), stamp), control{stamp: at}},
		"cut off":               {slices.Concat(stamp, err4[:40]), control{stamp: at}},
		"shorter than its head": {slices.Concat(stamp, make([]byte, 32)), control{stamp: at}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := readControl(c.in); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func FuzzReadControl(f *testing.F) {
	stamp, err4, err6 := someControl()
	f.Add(slices.Concat(stamp, err4))
	f.Add(slices.Concat(err6, stamp))
	f.Add(bytes.Repeat([]byte{0xff}, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := readControl(b)
		if !c.isErr && c.err != (icmpError{}) {
			t.Errorf("no error, but %+v", c.err)
		}
		if again := readControl(b); again != c {
			t.Errorf("read %+v, then %+v", c, again)
		}
	})
}

// FuzzPacket: whatever arrives, only a packet with the very token is an
// answer or an error of the ping.
func FuzzPacket(f *testing.F) {
	tok := token{cell: 70000, nonce: 0x0123456789abcdef}
	const id = 4711
	ping4, ping6 := make([]byte, packetLen), make([]byte, packetLen)
	putRequest(ping4, v4, id, tok, true)
	putRequest(ping6, v6, id, tok, false)
	reply6 := bytes.Clone(ping6)
	reply6[0] = echoReply6
	ip4 := append([]byte{0x45, 0, 0, 64, 0, 0, 0, 0, 64, protoICMP4, 0, 0}, 192, 0, 2, 1, 198, 51, 100, 7)
	ip6 := make([]byte, head6)
	ip6[0], ip6[6] = 0x60, protoICMP6
	fixed := func(b []byte) []byte {
		binary.BigEndian.PutUint16(b[2:], 0)
		binary.BigEndian.PutUint16(b[2:], checksum(b))
		return b
	}
	reply4 := bytes.Clone(ping4)
	reply4[0] = echoReply4
	f.Add(slices.Concat(ip4, fixed(reply4)), false, true)
	f.Add(reply4, false, false)
	f.Add(reply6, true, false)
	f.Add(slices.Concat(ip4, fixed(slices.Concat([]byte{unreach4, 1, 0, 0, 0, 0, 0, 0}, ip4, ping4))), false, true)
	f.Add(slices.Concat(ip4, fixed(slices.Concat([]byte{exceeded4, 0, 0, 0, 0, 0, 0, 0}, ip4, ping4[:8]))), false, true)
	f.Add(slices.Concat([]byte{unreach6, 0, 0, 0, 0, 0, 0, 0}, ip6, ping6), true, true)
	f.Fuzz(func(t *testing.T, b []byte, six, raw bool) {
		fam := v4
		if six {
			fam = v6
		}
		m, ok := readMessage(b, fam, raw)
		if !ok {
			return
		}
		if got, ok := m.reply(fam, id); ok {
			want := make([]byte, packetLen)
			putRequest(want, fam, id, got, false)
			if !bytes.Equal(want[headLen:headLen+tokenLen], m.body[headLen:headLen+tokenLen]) || binary.BigEndian.Uint16(m.body[4:]) != id {
				t.Errorf("%x is no answer to %+v", b, got)
			}
		}
		if !isRefusal(fam, m.kind, m.code) {
			return
		}
		to, icmp, ok := m.quoted(fam)
		if !ok {
			return
		}
		if (fam == v4) != netip.AddrFrom16(to).Is4In6() && fam == v4 {
			t.Errorf("%x went to %x", b, to)
		}
		if q, ok := readQuote(icmp, fam, id); ok && q.full && uint16(q.token.cell)&seqMask != q.seq {
			t.Errorf("%x quotes %+v", b, q)
		}
	})
}

// TestReadPacket holds the readers against what was written.
func TestReadPacket(t *testing.T) {
	tok := token{cell: 70000, nonce: 0x0123456789abcdef}
	for fam := range families {
		ping := make([]byte, packetLen)
		putRequest(ping, fam, 7, tok, false)
		for _, n := range []int{headLen - 1, headLen, headLen + 8, headLen + tokenLen, packetLen} {
			q, ok := readQuote(ping[:n], fam, 7)
			if ok != (n >= headLen) || ok && (q.seq != 70000&seqMask || q.full != (n >= headLen+tokenLen) || q.full && q.token != tok) {
				t.Errorf("%s, %d octets: got %+v, %v", fam, n, q, ok)
			}
		}
		if _, ok := readQuote(ping, fam, 8); ok {
			t.Errorf("%s: another's identifier", fam)
		}
		if m, _ := readMessage(ping, fam, false); m.kind == 0 {
			t.Errorf("%s: %+v", fam, m)
		} else if _, ok := m.reply(fam, 7); ok {
			t.Errorf("%s: a request is taken for a reply", fam)
		}
	}
}

// runFilter is what a program says of a packet, by the rules of bpf(4).
func runFilter(t *testing.T, prog []unix.SockFilter, pkt []byte) bool {
	t.Helper()
	var a, x uint32
	for pc := 0; ; pc++ {
		in := prog[pc]
		load := func(at, n uint32) (v uint32, ok bool) {
			if uint64(at)+uint64(n) > uint64(len(pkt)) {
				return 0, false
			}
			for _, b := range pkt[at : at+n] {
				v = v<<8 | uint32(b)
			}
			return v, true
		}
		ok := true
		switch in.Code {
		case unix.BPF_LDX | unix.BPF_IMM:
			x = in.K
		case unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH:
			x, ok = load(in.K, 1)
			x = x & 0xf * 4
		case unix.BPF_LD | unix.BPF_B | unix.BPF_IND:
			a, ok = load(x+in.K, 1)
		case unix.BPF_LD | unix.BPF_H | unix.BPF_IND:
			a, ok = load(x+in.K, 2)
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= in.K
		case unix.BPF_ALU | unix.BPF_LSH | unix.BPF_K:
			a <<= in.K
		case unix.BPF_ALU | unix.BPF_ADD | unix.BPF_X:
			a += x
		case unix.BPF_MISC | unix.BPF_TAX:
			x = a
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			if a == in.K {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		case unix.BPF_RET | unix.BPF_K:
			return in.K > 0
		default:
			t.Fatalf("instruction %#x", in.Code)
		}
		if !ok {
			return false // a load past the end drops the packet
		}
	}
}

func TestIdentifierFilter(t *testing.T) {
	ip4 := func(options int) []byte {
		b := make([]byte, 20+options)
		b[0], b[9] = byte(0x40|(5+options/4)), protoICMP4
		return b
	}
	icmp := func(kind byte, id uint16) []byte { return []byte{kind, 0, 0, 0, byte(id >> 8), byte(id), 0, 1} }
	about := func(kind byte) []byte { return []byte{kind, 0, 0, 0, 0, 0, 0, 0} }
	head := make([]byte, head6)
	for _, c := range []struct {
		f    family
		pkt  []byte
		want bool
	}{
		{v4, slices.Concat(ip4(0), icmp(echoReply4, 77)), true},
		{v4, slices.Concat(ip4(24), icmp(echoReply4, 77)), true},
		{v4, slices.Concat(ip4(0), icmp(echoReply4, 78)), false},
		{v4, slices.Concat(ip4(0), icmp(echoRequest4, 77)), false},
		{v4, ip4(0), false},
		{v4, slices.Concat(ip4(0), about(unreach4), ip4(0), icmp(echoRequest4, 77)), true},
		{v4, slices.Concat(ip4(8), about(exceeded4), ip4(40), icmp(echoRequest4, 77)), true},
		{v4, slices.Concat(ip4(0), about(exceeded4), ip4(0), icmp(echoRequest4, 78)), false},
		{v4, slices.Concat(ip4(0), about(unreach4), ip4(0)), false},
		{v4, slices.Concat(ip4(0), about(5), ip4(0), icmp(echoRequest4, 77)), false},
		{v6, icmp(echoReply6, 77), true},
		{v6, icmp(echoReply6, 78), false},
		{v6, icmp(echoRequest6, 77), false},
		{v6, slices.Concat(about(unreach6), head, icmp(echoRequest6, 77)), true},
		{v6, slices.Concat(about(exceeded6), head, icmp(echoRequest6, 77)), true},
		{v6, slices.Concat(about(exceeded6), head, icmp(echoRequest6, 78)), false},
		{v6, slices.Concat(about(2), head, icmp(echoRequest6, 77)), false},
	} {
		t.Run(fmt.Sprintf("%s %x", c.f, c.pkt), func(t *testing.T) {
			if got := runFilter(t, identifierFilter(c.f, 77), c.pkt); got != c.want {
				t.Errorf("let through: %v, want %v", got, c.want)
			}
		})
	}
}
