package probe

import (
	"net/netip"
	"time"
)

// Protocol is what a probe is made of.
type Protocol string

const (
	ICMP Protocol = "icmp"
	UDP  Protocol = "udp"
	TCP  Protocol = "tcp"
)

// A Spec is one packet to send.
type Spec struct {
	Addr     netip.Addr // where to
	TTL      uint8
	Protocol Protocol
	Port     int        // destination, UDP and TCP
	Size     int        // whole IP packet, bytes; 0: mtr-packet's default
	TOS      uint8      // IPv4 TOS, IPv6 traffic class
	Source   netip.Addr // local address; invalid: the kernel's choice
}

// Class is the order in which probes leave when the budget is short:
// every probe of a lower class before any of a higher.
type Class uint8

const (
	Watch    Class = iota // rhythm pings: the clock of the loss, own budget
	FirstOwn              // first look: the target's own probe, all waves' first
	Wave1                 // first look, by TTL
	Wave2                 //
	Wave3                 //
	LongLook              // fair between traces: all slow down evenly
	Baseline              //
)

// calm says of a class that nobody waits for its answers: they may be taken
// in some milliseconds late, many at once.
func (c Class) calm() bool { return c == Watch || c == Baseline }

// A Request asks the scheduler to send one probe when its turn comes.
type Request struct {
	Spec
	Class Class

	// Trace groups the requests of one trace: a wave leaves trace by
	// trace, long looks take turns trace by trace.
	Trace uint64

	// Router is who is expected to answer. Where it is valid, a LongLook
	// or Baseline probe waits for its turn in the one paced stream to
	// that router; other classes never wait.
	Router RouterKey

	// Deadline is how long an answer may take before the probe counts
	// as lost: (0, 1 s].
	Deadline time.Duration

	// OnSent, where set, is told when the probe was handed to
	// mtr-packet, before any Done: a trace writes that down at once, so
	// that silence is evidence even after a crash. It must not block.
	OnSent func(at time.Time)

	// Done is told what became of the probe: first Lost and later Late
	// where an answer came after the deadline, else exactly once. It
	// is called from the scheduler and must not block.
	Done func(Result)
}

// RouterKey names the stream of probes that a router sees from all traces
// together. With Gap 0 it is the router Addr. With a Gap it is whoever sits
// that many TTLs after Addr, where nobody knows who that is; Addr is then the
// unspecified address (0.0.0.0, ::) for this machine. The zero key is none.
type RouterKey struct {
	Addr netip.Addr
	Gap  uint8
}

// IsValid says whether the key names a stream.
func (k RouterKey) IsValid() bool { return k.Addr.IsValid() }

// Outcome is what became of a probe.
type Outcome uint8

const (
	Reply       Outcome = iota + 1 // the target answered
	Expired                        // TTL exceeded at From
	Unreachable                    // From says that the target cannot be reached
	NoRoute                        // this machine has no route, or its network is down
	Lost                           // no answer within the deadline
	Late                           // an answer after it; follows Lost
	Unsent                         // never left, or nobody can say: Err has why
)

// A Result is what became of one probe.
type Result struct {
	Outcome Outcome
	Sent    time.Time     // when it was handed to mtr-packet; zero where it never was
	RTT     time.Duration // as mtr-packet measured it; only where something answered
	From    netip.Addr    // who answered; where Unsent with ErrForeign, who said something unusable
	MPLS    []Label
	Err     error // Unsent: wraps one of the sentinel errors of this package
}

// Label is one MPLS label stack entry (RFC 4950 section 5).
type Label struct {
	Label uint32 // 20 bits
	TC    uint8  // 3 bits
	S     bool   // bottom of stack
	TTL   uint8
}
