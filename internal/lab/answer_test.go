package lab

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestErrorLayout holds ICMP errors with labels to the octets of RFC 4884 and RFC 4950. Probers are lenient: mtr takes
// labels wherever 128 octets end, whatever the length field says.
func TestErrorLayout(t *testing.T) {
	labels := []MPLS{{Label: 16001, TC: 5, TTL: 1}, {Label: 24005, TTL: 254}}
	extension := []byte{
		0x20, 0, 0, 0, // version 2; checksum is compared apart
		0, 12, 1, 1, // length, class MPLS label stack, type incoming
		0x03, 0xe8, 0x1a, 0x01, // 16001, class 5, more below
		0x05, 0xdc, 0x51, 0xfe, // 24005, class 0, bottom of stack
	}
	for name, tt := range map[string]struct {
		six         bool
		size        int // of the probe's ICMP message
		mpls        []MPLS
		lengthAt    int
		length      byte
		total, head int
	}{
		"v4, plain":             {false, 44, nil, 5, 0, 20 + 8 + 64, 20},
		"v4, plain, large":      {false, 1000, nil, 5, 0, 20 + 8 + 128, 20},
		"v4, labels":            {false, 44, labels, 5, 32, 20 + 8 + 128 + 16, 20},
		"v4, labels, large":     {false, 1480, labels, 5, 32, 20 + 8 + 128 + 16, 20},
		"v6, plain":             {true, 44, nil, 4, 0, 40 + 8 + 84, 40},
		"v6, labels":            {true, 44, labels, 4, 16, 40 + 8 + 128 + 16, 40},
		"v6, labels, odd probe": {true, 45, labels, 4, 16, 40 + 8 + 128 + 16, 40},
	} {
		t.Run(name, func(t *testing.T) {
			e, buf := bare(t, 1)
			st := e.state.Load().clone()
			st.routers[4].MPLS = tt.mpls
			e.state.Store(st)
			for i := range buf {
				buf[i] = 0xee // what an earlier packet has left in the slot
			}
			sent := putEcho(buf, tt.six, st.targets[0], 5, tt.size)
			quoted := append([]byte(nil), buf[headroom:headroom+min(sent, quoteLen)]...)
			var s slot
			if !e.receive(e.state.Load(), buf, sent, e.truth.clock.base, 0, &s) {
				t.Fatal("no answer")
			}
			pkt := buf[s.answer.off : s.answer.off+s.answer.n]
			icmp := pkt[tt.head:]
			if len(pkt) != tt.total || icmp[tt.lengthAt] != tt.length {
				t.Errorf("%d octets with length field %d, want %d and %d", len(pkt), icmp[tt.lengthAt], tt.total, tt.length)
			}
			if tt.six {
				if got := fold(sum(pseudo(pkt[8:40], protoICMP6, len(icmp)), icmp)); got != 0 || binary.BigEndian.Uint16(pkt[4:]) != uint16(len(icmp)) {
					t.Errorf("ICMPv6 checksum is off by %#x, payload length %d", got, binary.BigEndian.Uint16(pkt[4:]))
				}
				quoted[7] = 1
			} else {
				if a, b := fold(sum(0, pkt[:20])), fold(sum(0, icmp)); a != 0 || b != 0 || binary.BigEndian.Uint16(pkt[2:]) != uint16(len(pkt)) {
					t.Errorf("checksums are off by %#x and %#x, total length %d", a, b, binary.BigEndian.Uint16(pkt[2:]))
				}
				quoted[8] = 1
				sumIPv4(quoted)
			}
			if diff := cmp.Diff(quoted, icmp[8:8+len(quoted)]); diff != "" {
				t.Errorf("quote (-sent +quoted):\n%s", diff)
			}
			if tt.mpls == nil {
				return
			}
			for i, b := range icmp[8+len(quoted) : 8+quoteLen] {
				if b != 0 {
					t.Fatalf("octet %d of the padding is %#x, want 0", i, b)
				}
			}
			got := append([]byte(nil), icmp[8+quoteLen:]...)
			if off := fold(sum(0, got)); off != 0 {
				t.Errorf("the extension's checksum is off by %#x", off)
			}
			got[2], got[3] = 0, 0
			if diff := cmp.Diff(extension, got); diff != "" {
				t.Errorf("extension (-want +got):\n%s", diff)
			}
		})
	}
}

// putEcho writes an echo request with an ICMP message of size octets and returns the packet's length.
func putEcho(buf []byte, six bool, to TargetSpec, ttl uint8, size int) int {
	src4, _, src6, _ := proberAddrs()
	var icmp []byte
	if six {
		putIPv6(buf[headroom:], protoICMP6, ttl, src6.As16(), to.Addr6.As16(), size)
		icmp = buf[headroom+ipv6Len : headroom+ipv6Len+size]
		icmp[0] = echoRequest6
	} else {
		putIPv4(buf[headroom:], protoICMP, ttl, src4.As4(), to.Addr4.As4(), size)
		icmp = buf[headroom+ipv4Len : headroom+ipv4Len+size]
		icmp[0] = echoRequest4
	}
	for i := range icmp[1:] {
		icmp[1+i] = byte(i * 7)
	}
	icmp[2], icmp[3] = 0, 0
	acc := sum(0, icmp)
	if six {
		acc = sum(pseudo(buf[headroom+8:headroom+40], protoICMP6, size), icmp)
	}
	binary.BigEndian.PutUint16(icmp[2:], fold(acc))
	return len(icmp) + map[bool]int{false: ipv4Len, true: ipv6Len}[six]
}
