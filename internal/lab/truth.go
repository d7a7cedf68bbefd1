package lab

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Truth is the log of everything that happened in a Net: every probe with what was done to it, and every change of
// the network. It may be read while the network runs.
type Truth struct {
	clock clock
	limit int // chunks kept

	mu      sync.Mutex // guards the slices themselves
	chunks  []*chunk
	changes []change

	// first is the number of records that are gone from the beginning, written the number ever written. The reading
	// thread alone writes them.
	first, written atomic.Int64

	overload, noise atomic.Int64
}

// clock ties the nanoseconds since the network began to both of the machine's clocks.
type clock struct {
	base   time.Time // with a monotonic reading
	monoNs int64     // CLOCK_MONOTONIC at base, for comparison with other processes
}

func (c clock) nowNs() int64          { return int64(time.Since(c.base)) }
func (c clock) at(ns int64) time.Time { return c.base.Add(time.Duration(ns)) }

// Fate is what became of a probe.
type Fate uint8

// Fates. An answered probe's answer may still be on its way (Record.Answered is zero then).
const (
	Answered     Fate = iota
	LostForward       // on Record.Link, toward the target
	LostBackward      // on Record.Link, its answer
	Limited           // Record.Router had no token left for an ICMP error
	Silent            // Record.Router does not answer
	BlackHoled        // Record.Router does not forward
	Filtered          // the target does not answer this protocol
	Fragmented        // could not be answered without the rest of the packet
	Overloaded        // the lab itself had no slot left: a fault of the lab, not of the network
	fates
)

func (f Fate) String() string {
	return [...]string{"answered", "lost-forward", "lost-backward", "limited", "silent", "black-holed", "filtered",
		"fragmented", "overloaded"}[f]
}

// Answer is the kind of answer that a probe got, or would have got where it was lost, limited or silent.
type Answer uint8

// Answers.
const (
	NoAnswer Answer = iota
	EchoReply
	TTLExpired
	PortUnreachable
	UnreachableByRouter
	SynAck
	Reset
)

func (a Answer) String() string {
	return [...]string{"", "echo-reply", "ttl-expired", "port-unreachable", "unreachable", "syn-ack", "reset"}[a]
}

// Record is one probe. Times carry a monotonic reading and are comparable with time.Now.
type Record struct {
	Arrived  time.Time // when the engine read it from the kernel
	WallNs   int64     // the wall clock at that moment, Unix nanoseconds
	Due      time.Time // when the answer is to arrive at the prober; zero: none
	Answered time.Time // when it was given to the kernel; zero: not yet, or never

	Dst      netip.Addr
	Target   int // -1: a router's own address, or nobody's (the gateway has no route there)
	Protocol Protocols
	TTL      uint8
	ID, Seq  uint16 // of ICMP
	SrcPort  uint16 // of UDP and TCP
	DstPort  uint16
	Size     int // octets, IP header included

	Fate   Fate
	Answer Answer
	Hop    int      // how far it came: 1 is the gateway, len(Stages)+1 the target
	Router RouterID // the router at that hop that answered, or did not; -1: the target, or none
	Link   LinkID   // where it was lost; -1: it was not
	From   netip.Addr
}

// Event is a change of the network.
type Event struct {
	At   time.Time
	Text string
}

// record is a Record without pointers, so that the collector never scans the log.
type record struct {
	arrivedNs, wallNs, dueNs int64
	answeredNs               atomic.Int64 // set by the writing thread
	dst                      [16]byte
	from                     [16]byte
	target, router, link     int32
	id, seq                  uint16
	srcPort, dstPort         uint16
	size                     uint16
	protocol                 Protocols
	ttl, hop                 uint8
	fate                     Fate
	answer                   Answer
	six                      bool
}

const chunkLen = 4096

type chunk [chunkLen]record

// next returns the place for the next record. The reading thread fills it and then calls publish.
func (t *Truth) next() *record {
	n := t.written.Load()
	if n%chunkLen == 0 {
		t.mu.Lock()
		t.chunks = append(t.chunks, new(chunk))
		if len(t.chunks) > t.limit {
			t.chunks = slices.Delete(t.chunks, 0, 1)
			t.first.Add(chunkLen)
		}
		t.mu.Unlock()
	}
	// Only this thread appends, so it may look at the slice without the lock.
	return &t.chunks[len(t.chunks)-1][n%chunkLen]
}

func (t *Truth) publish() { t.written.Add(1) }

// change is an Event as it is kept. It was in force at toldNs, and before that if a packet met it at seenNs: whoever
// makes a change may be held up before the change is noted.
type change struct {
	toldNs int64
	seenNs *atomic.Int64 // 0: no packet yet
	text   string
}

// note logs a change of the network that is in force.
func (t *Truth) note(seenNs *atomic.Int64, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes = append(t.changes, change{t.clock.nowNs(), seenNs, text})
}

// Events are the changes so far.
func (t *Truth) Events() []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	events := make([]Event, len(t.changes))
	for i, c := range t.changes {
		at := c.toldNs
		if seen := c.seenNs.Load(); seen != 0 {
			at = min(at, seen)
		}
		events[i] = Event{At: t.clock.at(at), Text: c.text}
	}
	return events
}

// Overload counts probes that the lab itself dropped. A test whose result depends on loss checks that it is 0.
func (t *Truth) Overload() int64 { return t.overload.Load() }

// Noise counts packets that are no probes: neighbour and router discovery, the rest of TCP connections.
func (t *Truth) Noise() int64 { return t.noise.Load() }

// Forgotten counts the oldest records that made way for new ones (Config.TruthRecords).
func (t *Truth) Forgotten() int64 { return t.first.Load() }

// open makes a Record of what was logged.
func (t *Truth) open(r *record) Record {
	out := Record{
		Arrived: t.clock.at(r.arrivedNs), WallNs: r.wallNs, Dst: addrOf(r.dst, r.six), From: addrOf(r.from, r.six),
		Target: int(r.target), Protocol: r.protocol, TTL: r.ttl, ID: r.id, Seq: r.seq, SrcPort: r.srcPort,
		DstPort: r.dstPort, Size: int(r.size), Fate: r.fate, Answer: r.answer, Hop: int(r.hop),
		Router: RouterID(r.router), Link: LinkID(r.link),
	}
	if r.dueNs != 0 {
		out.Due = t.clock.at(r.dueNs)
	}
	if ns := r.answeredNs.Load(); ns != 0 {
		out.Answered = t.clock.at(ns)
	}
	return out
}

// addrOf reads an address as records keep it: IPv4 in the first four octets. All zero is none.
func addrOf(b [16]byte, six bool) netip.Addr {
	switch {
	case b == [16]byte{}:
		return netip.Addr{}
	case six:
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

func (p Protocols) String() string {
	var names []string
	for i, name := range [...]string{"icmp", "udp", "tcp"} {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "+")
}
