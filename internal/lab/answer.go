package lab

import "encoding/binary"

// headroom is the space before a packet that has been read, for the headers of an ICMP error about it.
const headroom = 64

// quoteLen is how much of a packet an ICMP error quotes at most. With an extension behind it the quote is padded to
// exactly that (RFC 4884 section 3).
const quoteLen = 128

// span is where an answer stands in its slot.
type span struct{ off, n int }

// answerEcho turns an echo request at buf[headroom:] into its reply, in place.
func answerEcho(buf []byte, p *probe, ttl uint8) span {
	pkt := buf[headroom : headroom+p.n]
	swapAddrs(pkt, p, ttl)
	l4 := pkt[p.headLen:]
	// The reply differs in its type alone, so the checksum is adjusted by it (RFC 1624).
	from, to := uint32(echoRequest4)<<8, uint32(echoReply4)<<8
	if p.six {
		from, to = echoRequest6<<8, echoReply6<<8
	}
	old := uint32(binary.BigEndian.Uint16(l4[2:]))
	binary.BigEndian.PutUint16(l4[2:], fold((old^0xffff)+(from^0xffff)+to))
	l4[0] = byte(to >> 8)
	return span{headroom, p.n}
}

// swapAddrs sends a packet back to where it came from.
func swapAddrs(pkt []byte, p *probe, ttl uint8) {
	if p.six {
		var src [16]byte
		copy(src[:], pkt[8:])
		copy(pkt[8:24], pkt[24:40])
		copy(pkt[24:], src[:])
		pkt[7] = ttl
		return
	}
	var src [4]byte
	copy(src[:], pkt[12:])
	copy(pkt[12:16], pkt[16:20])
	copy(pkt[16:], src[:])
	pkt[8] = ttl
	sumIPv4(pkt)
}

// answerTCP turns a segment into the bare segment that answers it: SYN gets SYN-ACK or RST, FIN is acknowledged
// and returned, anything else is reset.
func answerTCP(buf []byte, p *probe, flags, ttl uint8, seq uint32) span {
	pkt := buf[headroom : headroom+p.n]
	l4 := pkt[p.headLen:]
	payload := uint32(max(0, len(l4)-int(l4[12]>>4)*4))
	theirs, ack := binary.BigEndian.Uint32(l4[4:]), binary.BigEndian.Uint32(l4[8:])
	if p.flags&(tcpSYN|tcpFIN) != 0 {
		payload++
	}
	if p.flags&tcpACK != 0 {
		seq = ack
	}
	n := p.headLen + tcpLen
	if p.six {
		binary.BigEndian.PutUint16(pkt[4:], tcpLen)
	} else {
		binary.BigEndian.PutUint16(pkt[2:], uint16(n))
	}
	swapAddrs(pkt, p, ttl)
	clear(l4[:tcpLen])
	binary.BigEndian.PutUint16(l4, p.dstPort)
	binary.BigEndian.PutUint16(l4[2:], p.srcPort)
	binary.BigEndian.PutUint32(l4[4:], seq)
	binary.BigEndian.PutUint32(l4[8:], theirs+payload)
	l4[12], l4[13] = tcpLen/4<<4, flags
	binary.BigEndian.PutUint16(l4[14:], 0xffff)
	addrs := pkt[12:20]
	if p.six {
		addrs = pkt[8:40]
	}
	binary.BigEndian.PutUint16(l4[16:], fold(sum(pseudo(addrs, protoTCP, tcpLen), l4[:tcpLen])))
	return span{headroom, n}
}

// icmpError is a message about a packet: who sends it, and why.
type icmpError struct {
	from4      [4]byte
	from6      [16]byte
	kind, code uint8
	ttl        uint8  // of the message
	quoteTTL   uint8  // of the packet when it was dropped
	mpls       []MPLS // quoted in an extension
}

// answerError writes an ICMP error around the packet at buf[headroom:], which it shortens to the quote.
func answerError(buf []byte, p *probe, e *icmpError) span {
	n := min(p.n, quoteLen)
	pkt := buf[headroom:]
	if p.six {
		pkt[7] = e.quoteTTL
	} else {
		pkt[8] = e.quoteTTL
		sumIPv4(pkt)
	}
	lengthField := uint8(0)
	if len(e.mpls) > 0 {
		clear(pkt[n:quoteLen])
		n = quoteLen + putMPLS(pkt[quoteLen:], e.mpls)
		lengthField = quoteLen / 4
		if p.six {
			lengthField = quoteLen / 8
		}
	}
	icmp := buf[headroom-icmpLen : headroom+n]
	clear(icmp[:icmpLen])
	icmp[0], icmp[1] = e.kind, e.code
	if !p.six {
		icmp[5] = lengthField // RFC 4884 section 4.1, in 32-bit words
		var dst [4]byte
		copy(dst[:], pkt[12:])
		binary.BigEndian.PutUint16(icmp[2:], fold(sum(0, icmp)))
		off := headroom - icmpLen - ipv4Len
		putIPv4(buf[off:], protoICMP, e.ttl, e.from4, dst, len(icmp))
		return span{off, ipv4Len + len(icmp)}
	}
	icmp[4] = lengthField // RFC 4884 section 4.4, in 64-bit words
	var dst [16]byte
	copy(dst[:], pkt[8:])
	off := headroom - icmpLen - ipv6Len
	putIPv6(buf[off:], protoICMP6, e.ttl, e.from6, dst, len(icmp))
	addrs := buf[off+8 : off+40]
	binary.BigEndian.PutUint16(icmp[2:], fold(sum(pseudo(addrs, protoICMP6, len(icmp)), icmp)))
	return span{off, ipv6Len + len(icmp)}
}

// putMPLS writes an extension with one label stack object (RFC 4884 section 7, RFC 4950 section 3) and returns its
// length.
func putMPLS(b []byte, labels []MPLS) int {
	n := 8 + 4*len(labels)
	b = b[:n]
	clear(b)
	b[0] = 2 << 4 // version
	binary.BigEndian.PutUint16(b[4:], uint16(n-4))
	b[6], b[7] = 1, 1 // class and type: incoming label stack
	for i, l := range labels {
		entry := l.Label<<12 | uint32(l.TC&7)<<9 | uint32(l.TTL)
		if i == len(labels)-1 {
			entry |= 1 << 8
		}
		binary.BigEndian.PutUint32(b[8+4*i:], entry)
	}
	binary.BigEndian.PutUint16(b[2:], fold(sum(0, b)))
	return n
}

// unreachableCode is the code in ICMP and ICMPv6.
func unreachableCode(u Unreachable, six bool) uint8 {
	switch u {
	case HostUnreachable:
		if six {
			return 3
		}
		return 1
	case AdminProhibited:
		if six {
			return 1
		}
		return 13
	}
	return 0
}
