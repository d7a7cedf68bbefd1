package echo

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// control is what the kernel says beside a packet (cmsg(3)).
type control struct {
	stamp int64 // when it arrived, realtime clock, ns since 1970; 0: not said
	err   icmpError
	isErr bool // it is one
}

// icmpError is a struct sock_extended_err (ip(7), IP_RECVERR) of an ICMP error.
type icmpError struct {
	kind, code uint8
	from       netip.Addr // who says so; invalid: not known
}

// controlSpace is more than the kernel has to say: a stamp takes 32 octets, an
// error of IPv6 64.
const controlSpace = 160

// word is a native long.
func word(b []byte) uint64 {
	if unix.SizeofPtr == 4 {
		return uint64(binary.NativeEndian.Uint32(b))
	}
	return binary.NativeEndian.Uint64(b)
}

// readControl reads control messages. What is not understood, or cut off, is
// passed over. (unix.ParseSocketControlMessage allocates for each.)
func readControl(b []byte) (c control) {
	for len(b) >= unix.SizeofCmsghdr {
		n := word(b)
		if n < unix.SizeofCmsghdr || n > uint64(len(b)) {
			return c
		}
		level := int32(binary.NativeEndian.Uint32(b[unix.SizeofPtr:]))
		kind := int32(binary.NativeEndian.Uint32(b[unix.SizeofPtr+4:]))
		data := b[unix.SizeofCmsghdr:n]
		switch {
		case level == unix.SOL_SOCKET && kind == unix.SO_TIMESTAMPNS && len(data) >= 2*unix.SizeofPtr:
			c.stamp = int64(word(data))*1e9 + int64(word(data[unix.SizeofPtr:]))
		case level == unix.SOL_IP && kind == unix.IP_RECVERR, level == unix.SOL_IPV6 && kind == unix.IPV6_RECVERR:
			c.readError(data)
		}
		n = (n + unix.SizeofPtr - 1) &^ (unix.SizeofPtr - 1)
		b = b[min(n, uint64(len(b))):]
	}
	return c
}

// readError reads errno (4 octets), origin, type, code, a pad, info and data
// (4 each), then the socket address of the offender.
func (c *control) readError(b []byte) {
	if len(b) < 16 || b[4] != unix.SO_EE_ORIGIN_ICMP && b[4] != unix.SO_EE_ORIGIN_ICMP6 {
		return
	}
	c.isErr = true
	c.err = icmpError{kind: b[5], code: b[6]}
	if a, ok := readSockaddr(b[16:]); ok {
		c.err.from = netip.AddrFrom16(a).Unmap()
	}
}

// readSockaddr is the address in a struct sockaddr_in or sockaddr_in6, as
// netip.Addr.As16 has it.
func readSockaddr(b []byte) (a [16]byte, ok bool) {
	if len(b) < 2 {
		return a, false
	}
	switch binary.NativeEndian.Uint16(b) {
	case unix.AF_INET:
		if len(b) < 8 {
			return a, false
		}
		return mapped4([4]byte(b[4:8])), true
	case unix.AF_INET6:
		if len(b) < 24 {
			return a, false
		}
		return [16]byte(b[8:24]), true
	}
	return a, false
}
