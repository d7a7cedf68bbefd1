package echo

import "golang.org/x/sys/unix"

// identifierFilter is a classic BPF program that lets through what a raw
// socket wants of all that comes to this machine: echo replies with our
// identifier, and ICMP errors that quote it. Without it every answer to
// anybody here would be copied to us. Raw sockets of IPv4 see packets from
// the IP header on, those of IPv6 from the ICMP header on.
func identifierFilter(f family, id uint16) []unix.SockFilter {
	const (
		ldByte  = unix.BPF_LD | unix.BPF_B | unix.BPF_IND
		ldHalf  = unix.BPF_LD | unix.BPF_H | unix.BPF_IND
		jumpEq  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		toX     = unix.BPF_MISC | unix.BPF_TAX
		ret     = unix.BPF_RET | unix.BPF_K
		allowed = 1 << 16
	)
	if f == v6 {
		return []unix.SockFilter{
			{Code: unix.BPF_LDX | unix.BPF_IMM, K: 0},
			{Code: ldByte, K: 0}, // type
			{Code: jumpEq, K: echoReply6, Jt: 0, Jf: 2},
			{Code: ldHalf, K: 4}, // identifier
			{Code: jumpEq, K: uint32(id), Jt: 5, Jf: 4},
			{Code: jumpEq, K: unreach6, Jt: 1, Jf: 0},
			{Code: jumpEq, K: exceeded6, Jt: 0, Jf: 2},
			{Code: ldHalf, K: headLen + head6 + 4}, // of the packet that it quotes
			{Code: jumpEq, K: uint32(id), Jt: 1, Jf: 0},
			{Code: ret, K: 0},
			{Code: ret, K: allowed},
		}
	}
	return []unix.SockFilter{
		{Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: 0}, // X: length of the IP header
		{Code: ldByte, K: 0}, // type
		{Code: jumpEq, K: echoReply4, Jt: 0, Jf: 2},
		{Code: ldHalf, K: 4}, // identifier
		{Code: jumpEq, K: uint32(id), Jt: 10, Jf: 9},
		{Code: jumpEq, K: unreach4, Jt: 1, Jf: 0},
		{Code: jumpEq, K: exceeded4, Jt: 0, Jf: 7},
		{Code: ldByte, K: headLen}, // version and length of the quoted IP header
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xf},
		{Code: unix.BPF_ALU | unix.BPF_LSH | unix.BPF_K, K: 2},
		{Code: unix.BPF_ALU | unix.BPF_ADD | unix.BPF_X},
		{Code: toX},
		{Code: ldHalf, K: headLen + 4}, // X: up to the quoted IP header's end, less our own ICMP header
		{Code: jumpEq, K: uint32(id), Jt: 1, Jf: 0},
		{Code: ret, K: 0},
		{Code: ret, K: allowed},
	}
}

// setTypes lets the kernel drop other types of ICMP before it copies them
// (raw(7), RFC 3542 section 3.2).
func setTypes(fd int, f family) error {
	if f == v6 {
		var t unix.ICMPv6Filter
		for i := range t.Data {
			t.Data[i] = ^uint32(0) // a bit that is set blocks
		}
		for _, kind := range [...]int{echoReply6, unreach6, exceeded6} {
			t.Data[kind>>5] &^= 1 << (kind & 31)
		}
		return unix.SetsockoptICMPv6Filter(fd, unix.SOL_ICMPV6, unix.ICMPV6_FILTER, &t)
	}
	blocked := ^uint32(1<<echoReply4 | 1<<unreach4 | 1<<exceeded4)
	return unix.SetsockoptInt(fd, unix.SOL_RAW, unix.ICMP_FILTER, int(int32(blocked)))
}

func setFilter(fd int, f family, id uint16) error {
	prog := identifierFilter(f, id)
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]})
}
