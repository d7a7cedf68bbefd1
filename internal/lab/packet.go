package lab

import "encoding/binary"

// Fields of the headers that the engine reads and writes (RFC 791, RFC 8200, RFC 792, RFC 4443, RFC 768, RFC 9293).
const (
	ipv4Len, ipv6Len = 20, 40
	icmpLen          = 8
	tcpLen           = 20

	protoICMP, protoTCP, protoUDP, protoICMP6 = 1, 6, 17, 58

	echoRequest4, echoReply4, unreachable4, timeExceeded4 = 8, 0, 3, 11
	echoRequest6, echoReply6, unreachable6, timeExceeded6 = 128, 129, 1, 3

	portUnreachable4, portUnreachable6 = 3, 4

	tcpFIN, tcpSYN, tcpRST, tcpPSH, tcpACK = 1, 2, 4, 8, 16
)

// probe is what the engine has to know of a packet it has read.
type probe struct {
	six      bool
	protocol Protocols // 0 is none of ours
	ttl      uint8
	flags    uint8 // of TCP
	headLen  int   // of the IP header
	n        int   // octets of the packet
	id, seq  uint16
	srcPort  uint16
	dstPort  uint16
	first4   uint32 // first four octets behind the IP header, by which routers choose among equal paths
}

// parseResult says what parse found.
type parseResult uint8

const (
	isProbe    parseResult = iota
	isNoise                // what a host sends by itself: multicast, neighbour and router discovery
	isTCPRest              // of a connection that a SYN-ACK has opened
	isFragment             // cannot be answered without the rest
)

// parse reads the headers of pkt into p.
func (p *probe) parse(pkt []byte) parseResult {
	*p = probe{n: len(pkt)}
	var protocol uint8
	switch {
	case len(pkt) >= ipv4Len && pkt[0] == 4<<4|ipv4Len/4:
		p.headLen, p.ttl, protocol = ipv4Len, pkt[8], pkt[9]
		if pkt[16] >= 224 {
			return isNoise
		}
		if binary.BigEndian.Uint16(pkt[6:])&0x3fff != 0 {
			return isFragment
		}
	case len(pkt) >= ipv6Len && pkt[0]>>4 == 6:
		p.six, p.headLen, p.ttl, protocol = true, ipv6Len, pkt[7], pkt[6]
		if pkt[24] == 0xff {
			return isNoise
		}
		if protocol == 44 {
			return isFragment
		}
	default:
		return isNoise // IPv4 options too: no prober sets them
	}
	l4 := pkt[p.headLen:]
	if len(l4) < icmpLen {
		return isNoise
	}
	p.first4 = binary.BigEndian.Uint32(l4)
	a, b := binary.BigEndian.Uint16(l4), binary.BigEndian.Uint16(l4[2:])
	switch {
	case protocol == protoICMP && !p.six && l4[0] == echoRequest4, protocol == protoICMP6 && p.six && l4[0] == echoRequest6:
		p.protocol = ICMP
		p.id, p.seq = binary.BigEndian.Uint16(l4[4:]), binary.BigEndian.Uint16(l4[6:])
	case protocol == protoUDP:
		p.protocol, p.srcPort, p.dstPort = UDP, a, b
	case protocol == protoTCP && len(l4) >= tcpLen:
		p.protocol, p.srcPort, p.dstPort, p.flags = TCP, a, b, l4[13]
		if p.flags&(tcpSYN|tcpACK|tcpRST) != tcpSYN {
			return isTCPRest
		}
	default:
		return isNoise
	}
	return isProbe
}

// sum adds the 16-bit words of b to a ones' complement sum (RFC 1071).
func sum(acc uint32, b []byte) uint32 {
	for len(b) >= 2 {
		acc += uint32(b[0])<<8 | uint32(b[1])
		b = b[2:]
	}
	if len(b) == 1 {
		acc += uint32(b[0]) << 8
	}
	return acc
}

// fold finishes a sum. It holds for sums of up to 65,536 words.
func fold(acc uint32) uint16 {
	acc = acc>>16 + acc&0xffff
	acc += acc >> 16
	return ^uint16(acc)
}

// pseudo is the sum of the pseudo header of an upper-layer message of n octets (RFC 8200 section 8.1, RFC 9293
// section 3.1); addrs are both addresses as they stand in the IP header.
func pseudo(addrs []byte, protocol uint8, n int) uint32 {
	return sum(uint32(protocol)+uint32(n), addrs)
}

// putIPv4 writes a header for an upper-layer message of n octets behind it.
func putIPv4(h []byte, protocol, ttl uint8, src, dst [4]byte, n int) {
	clear(h[:ipv4Len])
	h[0] = 4<<4 | ipv4Len/4
	binary.BigEndian.PutUint16(h[2:], uint16(ipv4Len+n))
	h[8], h[9] = ttl, protocol
	copy(h[12:], src[:])
	copy(h[16:], dst[:])
	sumIPv4(h)
}

// sumIPv4 sets the header checksum anew.
func sumIPv4(h []byte) {
	h[10], h[11] = 0, 0
	binary.BigEndian.PutUint16(h[10:], fold(sum(0, h[:ipv4Len])))
}

// putIPv6 writes a header for an upper-layer message of n octets behind it.
func putIPv6(h []byte, protocol, hopLimit uint8, src, dst [16]byte, n int) {
	clear(h[:8])
	h[0] = 6 << 4
	binary.BigEndian.PutUint16(h[4:], uint16(n))
	h[6], h[7] = protocol, hopLimit
	copy(h[8:], src[:])
	copy(h[24:], dst[:])
}
