package lab

import (
	"encoding/binary"
	"slices"
	"time"
)

// walk is one packet's way through the network.
type walk struct {
	links   [maxStages + 1]LinkID // taken forward, walked back by the answer
	taken   int
	delayNs int64
	lost    LinkID
}

// receive decides what becomes of the packet of n octets at buf[headroom:], logs it, and fills s if there is an
// answer to write.
func (e *engine) receive(st *state, buf []byte, n int, now time.Time, nowNs int64, s *slot) bool {
	pkt := buf[headroom : headroom+n]
	p, w := &e.p, &e.walk
	what := p.parse(pkt)
	if what == isNoise {
		e.truth.noise.Add(1)
		return false
	}
	to := st.find(pkt, p)
	if what == isTCPRest {
		e.truth.noise.Add(1)
		return e.closeTCP(st, to, buf, s, nowNs)
	}
	r := e.truth.next()
	fillRecord(r, pkt, p, to, now, nowNs)
	var out span
	if what == isFragment {
		r.fate = Fragmented
	} else {
		r.fate, out = e.decide(st, to, buf, r)
	}
	if r.fate == Answered {
		s.dueNs = nowNs + w.delayNs
		s.answer, s.rec = out, r
		r.dueNs = s.dueNs
	}
	e.truth.publish()
	return r.fate == Answered
}

// refuse logs a probe for which there was no slot.
func (e *engine) refuse(st *state, pkt []byte, now time.Time, nowNs int64) {
	e.truth.overload.Add(1)
	if what := e.p.parse(pkt); what != isProbe {
		return
	}
	r := e.truth.next()
	fillRecord(r, pkt, &e.p, st.find(pkt, &e.p), now, nowNs)
	r.fate = Overloaded
	e.truth.publish()
}

func fillRecord(r *record, pkt []byte, p *probe, to place, now time.Time, nowNs int64) {
	r.arrivedNs, r.wallNs = nowNs, now.UnixNano()
	r.six, r.protocol, r.ttl, r.size = p.six, p.protocol, p.ttl, uint16(p.n)
	r.id, r.seq, r.srcPort, r.dstPort = p.id, p.seq, p.srcPort, p.dstPort
	if p.six {
		copy(r.dst[:], pkt[24:40])
	} else {
		copy(r.dst[:], pkt[16:20])
	}
	r.target, r.router, r.link = to.target, -1, -1
}

// find says what stands behind the destination.
func (s *state) find(pkt []byte, p *probe) place {
	var to place
	var ok bool
	if p.six {
		to, ok = s.to6[[16]byte(pkt[24:40])]
	} else {
		to, ok = s.to4[[4]byte(pkt[16:20])]
	}
	if !ok {
		return place{-1, -1}
	}
	return to
}

// decide walks the probe and, where it is answered, its answer, which is then written into buf.
func (e *engine) decide(st *state, to place, buf []byte, r *record) (Fate, span) {
	fate, out := e.forward(st, to, buf, r)
	if fate != Answered {
		if fate == LostForward {
			r.link, r.router = int32(e.walk.lost), -1
		}
		return fate, out
	}
	if !e.backward(st) {
		r.link = int32(e.walk.lost)
		return LostBackward, out
	}
	return Answered, out
}

// forward takes the probe to where it ends and makes the answer.
func (e *engine) forward(st *state, to place, buf []byte, r *record) (Fate, span) {
	p, w := &e.p, &e.walk
	w.taken, w.delayNs = 0, 0
	stages := st.stages(to)
	if len(stages) == 0 {
		// Toward nobody: as far as the gateway, which has no route.
		stages = st.targets[0].Path.Stages[:1]
		to = place{-1, -1} // a router that no path leads to any more
	}
	hash := flowHash(buf[headroom:headroom+p.n], p)
	var at *Router
	for i := range stages {
		m := e.choose(&stages[i], hash, i)
		r.hop = uint8(i + 1)
		if !e.cross(st, m.Link, Forward) {
			return LostForward, span{}
		}
		at = &st.routers[m.Router]
		r.router = int32(m.Router)
		last := i == len(stages)-1
		if to.router >= 0 && last {
			return e.atRouter(at, buf, r)
		}
		if int(p.ttl) == i+1 {
			return e.fail(at, buf, r, TTLExpired, timeExceeded(p.six), 0)
		}
		if at.BlackHole {
			return BlackHoled, span{}
		}
		if to.target < 0 && last {
			return e.fail(at, buf, r, UnreachableByRouter, unreachable(p.six), unreachableCode(NetUnreachable, p.six))
		}
		if at.Unreachable != Forwards {
			return e.fail(at, buf, r, UnreachableByRouter, unreachable(p.six), unreachableCode(at.Unreachable, p.six))
		}
	}
	t := &st.targets[to.target]
	r.router = -1
	r.hop = uint8(len(stages) + 1)
	if !e.cross(st, t.Path.Last, Forward) {
		return LostForward, span{}
	}
	return e.atTarget(t, buf, r)
}

// stages are the routers on the way to a place; none if nobody is there.
func (s *state) stages(to place) []Stage {
	switch {
	case to.target >= 0:
		return s.targets[to.target].Path.Stages
	case to.router >= 0:
		return s.toRouter[to.router]
	}
	return nil
}

// cross takes a packet over a link, unless it is lost there.
func (e *engine) cross(st *state, id LinkID, d Direction) bool {
	w, l := &e.walk, &st.links[id]
	loss := l.forward
	if d == Backward {
		loss = l.backward
	} else {
		w.links[w.taken] = id
		w.taken++
	}
	if loss > 0 && e.random32() < loss {
		w.lost = id
		return false
	}
	w.delayNs += l.delayNs
	if l.jitterNs > 0 {
		w.delayNs += int64(e.random32() * uint64(l.jitterNs) >> 32)
	}
	if l.spike > 0 && d == Forward && e.random32() < l.spike {
		w.delayNs += l.spikeNs + int64(e.random32()*uint64(l.spreadNs)>>32)
	}
	return true
}

// backward takes the answer back over the links that the probe came by.
func (e *engine) backward(st *state) bool {
	for i := e.walk.taken - 1; i >= 0; i-- {
		if !e.cross(st, e.walk.links[i], Backward) {
			return false
		}
	}
	return true
}

// choose picks the member of a stage that a packet goes through.
func (e *engine) choose(s *Stage, hash [2]uint64, stage int) Member {
	n := uint64(len(s.Members))
	if n == 1 {
		return s.Members[0]
	}
	h := hash[0]
	switch s.Mode {
	case PerPacket:
		h = e.rng.Uint64()
	case PerDestination:
		h = hash[1]
	}
	return s.Members[mix(h+uint64(stage))%n]
}

// flowHash is over the flow, and over the addresses alone.
func flowHash(pkt []byte, p *probe) [2]uint64 {
	addrs := pkt[12:20]
	if p.six {
		addrs = pkt[8:40]
	}
	var h uint64
	for ; len(addrs) >= 8; addrs = addrs[8:] {
		h = mix(h ^ binary.BigEndian.Uint64(addrs))
	}
	return [2]uint64{mix(h ^ uint64(p.protocol)<<32 ^ uint64(p.first4)), h}
}

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func timeExceeded(six bool) uint8 {
	if six {
		return timeExceeded6
	}
	return timeExceeded4
}

func unreachable(six bool) uint8 {
	if six {
		return unreachable6
	}
	return unreachable4
}

// fail lets a router send an ICMP error about the probe, if it answers and its limit allows.
func (e *engine) fail(at *Router, buf []byte, r *record, kind Answer, icmpType, code uint8) (Fate, span) {
	r.answer = kind
	if at.Silent || e.p.six && !at.Addr6.IsValid() || !e.p.six && !at.Addr4.IsValid() {
		return Silent, span{}
	}
	for len(e.buckets) <= int(r.router) {
		e.buckets = append(e.buckets, bucket{})
	}
	if !e.buckets[r.router].take(at.Limit, r.arrivedNs+e.walk.delayNs) {
		return Limited, span{}
	}
	e.walk.delayNs += int64(at.Slow)
	msg := icmpError{kind: icmpType, code: code, ttl: 255 - (r.hop - 1), quoteTTL: max(1, e.p.ttl-(r.hop-1))}
	if kind == TTLExpired {
		msg.mpls = at.MPLS
	}
	if e.p.six {
		msg.from6 = at.Addr6.As16()
		r.from = msg.from6
	} else {
		msg.from4 = at.Addr4.As4()
		copy(r.from[:], msg.from4[:])
	}
	return Answered, answerError(buf, &e.p, &msg)
}

// atRouter answers a probe to a router's own address: echo, and closed ports.
func (e *engine) atRouter(at *Router, buf []byte, r *record) (Fate, span) {
	if at.Silent {
		return Silent, span{}
	}
	e.walk.delayNs += int64(at.Slow)
	return Answered, e.atHost(nil, buf, r, 255)
}

// atTarget answers as the target does.
func (e *engine) atTarget(t *TargetSpec, buf []byte, r *record) (Fate, span) {
	if t.Filter&e.p.protocol != 0 {
		return Filtered, span{}
	}
	return Answered, e.atHost(t.OpenTCP, buf, r, 64)
}

// atHost makes the answer of a host with these TCP ports open, whose packets begin with the given TTL.
func (e *engine) atHost(open []uint16, buf []byte, r *record, ttl uint8) span {
	p := &e.p
	ttl -= r.hop - 1
	r.from = r.dst
	switch {
	case p.protocol == ICMP:
		r.answer = EchoReply
		return answerEcho(buf, p, ttl)
	case p.protocol == TCP && slices.Contains(open, p.dstPort):
		r.answer = SynAck
		return answerTCP(buf, p, tcpSYN|tcpACK, ttl, uint32(e.random32()))
	case p.protocol == TCP:
		r.answer = Reset
		return answerTCP(buf, p, tcpRST|tcpACK, ttl, 0)
	}
	r.answer = PortUnreachable
	msg := icmpError{kind: unreachable4, code: portUnreachable4, ttl: ttl, quoteTTL: max(1, p.ttl-(r.hop-1))}
	if p.six {
		msg.kind, msg.code = unreachable6, portUnreachable6
		msg.from6 = r.dst
	} else {
		msg.from4 = [4]byte(r.dst[:4])
	}
	return answerError(buf, p, &msg)
}

// closeTCP answers what follows a SYN-ACK, without loss: it is no probe, and a prober's kernel should not have to
// repeat it. Data is reset, an end is returned, a bare acknowledgement gets nothing.
func (e *engine) closeTCP(st *state, to place, buf []byte, s *slot, nowNs int64) bool {
	p := &e.p
	l4 := buf[headroom+p.headLen : headroom+p.n]
	payload := len(l4) - int(l4[12]>>4)*4
	if to.target < 0 || p.flags&tcpRST != 0 || payload <= 0 && p.flags&tcpFIN == 0 {
		return false
	}
	path := st.targets[to.target].Path
	s.dueNs, s.rec = nowNs+int64(st.roundTrip(path, len(path.Stages)+1)), nil
	flags := uint8(tcpFIN | tcpACK)
	if payload > 0 {
		flags = tcpRST | tcpACK
	}
	s.answer = answerTCP(buf, p, flags, 64, 0)
	return true
}
