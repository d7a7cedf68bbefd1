package echo

import (
	"bytes"
	"encoding/binary"
)

// What follows the ICMP header (RFC 792, RFC 4443 section 4.1):
//
//	0   "mtrq"
//	4   cell
//	8   nonce
//	16  zero, up to 36 octets: an IPv4 packet has 64 then
const (
	headLen    = 8
	payloadLen = 36
	packetLen  = headLen + payloadLen
	tokenLen   = 16
	magic      = "mtrq"
)

const (
	echoReply4, echoRequest4 = 0, 8
	unreach4, exceeded4      = 3, 11
	tooBig4                  = 4 // code of unreach4: says nothing of a way
	echoRequest6, echoReply6 = 128, 129
	unreach6, exceeded6      = 1, 3
	protoICMP4, protoICMP6   = 1, 58
	head6                    = 40
)

// seqMask keeps clear of the sequence numbers of mtr-packet, from 33,000 on.
const seqMask = 1<<15 - 1

// token is what an answer has to repeat.
type token struct {
	cell  uint32
	nonce uint64
}

// putRequest writes an echo request into b, of which packetLen octets are
// used. Identifier and checksum are the kernel's to fill in, except of raw
// IPv4 sockets: there sum is set.
func putRequest(b []byte, f family, id uint16, t token, sum bool) {
	b[0], b[1] = echoRequest4, 0
	if f == v6 {
		b[0] = echoRequest6
	}
	binary.BigEndian.PutUint16(b[2:], 0)
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], uint16(t.cell)&seqMask)
	copy(b[headLen:], magic)
	binary.BigEndian.PutUint32(b[headLen+4:], t.cell)
	binary.BigEndian.PutUint64(b[headLen+8:], t.nonce)
	if sum {
		binary.BigEndian.PutUint16(b[2:], checksum(b[:packetLen]))
	}
}

// checksum is the Internet checksum (RFC 1071): 0 of what holds its own.
func checksum(b []byte) uint16 {
	var s uint32
	for ; len(b) > 1; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// message is an ICMP message, of which a packet may be one.
type message struct {
	kind, code uint8
	body       []byte // from the ICMP header on
}

// readMessage finds the ICMP message in what a socket gave. Raw sockets of
// IPv4 give the IP header too, and what the kernel has not checked yet.
func readMessage(b []byte, f family, raw bool) (m message, ok bool) {
	if raw && f == v4 {
		if b, ok = skipIPv4(b); !ok || checksum(b) != 0 {
			return message{}, false
		}
	}
	if len(b) < headLen {
		return message{}, false
	}
	return message{kind: b[0], code: b[1], body: b}, true
}

// skipIPv4 is what an IPv4 packet of ICMP carries.
func skipIPv4(b []byte) ([]byte, bool) {
	if len(b) < 20 || b[0]>>4 != 4 || b[9] != protoICMP4 {
		return nil, false
	}
	n := int(b[0]&0xf) * 4
	if n < 20 || n > len(b) {
		return nil, false
	}
	return b[n:], true
}

// reply is the token of an echo reply.
func (m message) reply(f family, id uint16) (t token, ok bool) {
	want := uint8(echoReply4)
	if f == v6 {
		want = echoReply6
	}
	if m.kind != want || m.code != 0 || len(m.body) != packetLen || binary.BigEndian.Uint16(m.body[4:]) != id {
		return token{}, false
	}
	return readToken(m.body[headLen:])
}

func readToken(b []byte) (t token, ok bool) {
	if len(b) < tokenLen || !bytes.Equal(b[:len(magic)], []byte(magic)) {
		return token{}, false
	}
	return token{cell: binary.BigEndian.Uint32(b[4:]), nonce: binary.BigEndian.Uint64(b[8:])}, true
}

// isRefusal says of an ICMP error that the packet did not get where it should.
func isRefusal(f family, kind, code uint8) bool {
	if f == v6 {
		return kind == unreach6 || kind == exceeded6
	}
	return kind == unreach4 && code != tooBig4 || kind == exceeded4
}

// quote is the ping that an ICMP error is about. A router need not quote more
// than the ICMP header (RFC 792); then there is no token.
type quote struct {
	token token
	full  bool
	seq   uint16
}

// readQuote reads what an ICMP error quotes, from the ICMP header of the ping
// on.
func readQuote(b []byte, f family, id uint16) (q quote, ok bool) {
	kind := uint8(echoRequest4)
	if f == v6 {
		kind = echoRequest6
	}
	if len(b) < headLen || b[0] != kind || b[1] != 0 || binary.BigEndian.Uint16(b[4:]) != id {
		return quote{}, false
	}
	q.seq = binary.BigEndian.Uint16(b[6:])
	if rest := b[headLen:]; len(rest) >= tokenLen {
		if q.token, q.full = readToken(rest); !q.full || uint16(q.token.cell)&seqMask != q.seq {
			return quote{}, false
		}
	}
	return q, true
}

// quoted is what an ICMP error of a raw socket quotes: to whom the packet
// went, and its ICMP message as far as it is there.
func (m message) quoted(f family) (to [16]byte, icmp []byte, ok bool) {
	b := m.body[headLen:]
	if f == v6 {
		if len(b) < head6 || b[0]>>4 != 6 || b[6] != protoICMP6 {
			return to, nil, false
		}
		return [16]byte(b[24:40]), b[head6:], true
	}
	if icmp, ok = skipIPv4(b); !ok {
		return to, nil, false
	}
	return mapped4([4]byte(b[16:20])), icmp, true
}

// mapped4 is netip.Addr.As16 of an IPv4 address.
func mapped4(a [4]byte) [16]byte {
	return [16]byte{10: 0xff, 11: 0xff, 12: a[0], 13: a[1], 14: a[2], 15: a[3]}
}
