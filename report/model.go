package report

import (
	"net/netip"
	"time"

	"github.com/oklog/ulid/v2"
)

// Schema is the number of the report format that this package writes.
// Within one number fields are only added and never change their meaning.
const Schema = 1

// A Report is the finished record of a trace: what mtr's own JSON
// holds, and beside it the whole evidence.
type Report struct {
	MTR      MTR      `json:"report"`
	Evidence Evidence `json:"mtrq"`
}

// Evidence is the "mtrq" object of a report: every probe that was sent
// and what became of it, who asked for it and when, and what it shows.
type Evidence struct {
	Schema   int       `json:"schema"`
	ID       ulid.ULID `json:"id"`
	Ended    Ended     `json:"ended"`
	Error    string    `json:"error,omitempty"` // why, where Ended is "failed" or "refused"
	Requests []Request `json:"requests"`
	Node     Node      `json:"node"`
	Target   Target    `json:"target"`
	Times    Times     `json:"times"`
	// Clock is what the kernel said of its clock when the trace began; nil: it
	// was not asked, or may not say.
	Clock *HostClock `json:"clock,omitempty"`

	Addresses []netip.Addr `json:"addresses"` // every address that answered, in order of appearance
	Hops      []Hop        `json:"hops"`      // TTL 1, 2, 3 … without a gap, up to the target or to the last that was asked
	Ping      Series       `json:"ping"`      // probes to the target itself; its rtt_us holds the target's answers only
	// Beyond is probes sent with a TTL beyond the path's end: the target
	// answered them too (or a router turned them back). They are no hops,
	// and being sent within milliseconds of each other they are no fair
	// sample of the target either: kept as evidence, counted nowhere.
	Beyond []Hop `json:"beyond,omitempty"`
	// Watch is what the watchdog's own pings saw shortly before the trace and
	// while its first look ran: the loss that it was made for. It is evidence
	// of how the trace lies to the loss, and counted in no table.
	Watch *Pings `json:"watch,omitempty"`
	// Usual is the path as path memory knew it when the trace began.
	Usual  *Path    `json:"usual,omitempty"`
	Shared []Shared `json:"shared,omitempty"`
	Others []Other  `json:"others,omitempty"`
	Notes  []string `json:"notes,omitempty"`

	Verdict  Verdict  `json:"verdict"`
	Versions Versions `json:"versions"`

	// Foreign is the text that this was made of, where another program traced:
	// counts without times. Nothing writes it.
	Foreign *Foreign `json:"-"`
}

// Ended says why a trace stopped.
type Ended string

const (
	EndedRunning     Ended = "running"      // not yet: the report is made from a live events file
	EndedComplete    Ended = "complete"     // the stop rule was met
	EndedFirstLook   Ended = "first-look"   // waited too long for a slot, target clean: the first look is all
	EndedMaxDuration Ended = "max-duration" // still lossy after [trace] max_duration
	EndedShutdown    Ended = "shutdown"     // mtrq was told to stop
	EndedInterrupted Ended = "interrupted"  // mtrq died; this is what it had written until then
	EndedFailed      Ended = "failed"       // could not be traced: name did not resolve, no mtr-packet, …
	EndedRefused     Ended = "refused"      // the target policy forbids it
)

// A Request is one job that this report answers.
type Request struct {
	ID       ulid.ULID         `json:"id"`
	Accepted time.Time         `json:"accepted"`
	Source   string            `json:"source"`
	By       string            `json:"by,omitempty"`
	Reason   string            `json:"reason,omitempty"`
	Event    string            `json:"event,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
	SentAs   string            `json:"sent_as,omitempty"`
	// Asked is what a request that joined another's trace asked for, where
	// that differs from Target.Asked: a name and its address, say.
	Asked string `json:"asked,omitempty"`

	// AskedToFirstProbe is milliseconds from acceptance to the first
	// probe; nil when none was sent.
	AskedToFirstProbe *float64  `json:"asked_to_first_probe_ms,omitempty"`
	Freshness         Freshness `json:"freshness"`
}

// Freshness says how a request's first look lies to the loss.
type Freshness string

const (
	InEvent          Freshness = "in-event" // loss at the target within the first 2 s
	Tail             Freshness = "tail"     // the loss seen ended there
	Later            Freshness = "later"    // loss began after the first look
	After            Freshness = "after"    // none seen in at least 20 probes to the target
	FreshnessUnknown Freshness = "unknown"  // fewer, or a target not known to answer
)

// Node is who traced.
type Node struct {
	Name    string     `json:"name"`
	Place   string     `json:"place,omitempty"`
	Address netip.Addr `json:"address,omitzero"` // public address, from the configuration
	Source  netip.Addr `json:"source,omitzero"`  // local address that the probes left from
}

// Target is what was traced, and how.
type Target struct {
	Asked    string     `json:"asked"`                     // as the request had it
	Address  netip.Addr `json:"address,omitzero"`          // what it was pinned to; absent when it did not resolve
	Resolved *float64   `json:"resolved_ms,omitempty"`     // how long the name took; absent for an address
	Protocol string     `json:"protocol"`                  // icmp, udp, tcp
	Port     int        `json:"port,omitempty"`            // udp and tcp
	Size     int        `json:"size"`                      // whole IP packet, bytes
	TOS      int        `json:"tos"`                       // IPv4 TOS, IPv6 traffic class
	Source   netip.Addr `json:"source_address,omitzero"`   // address asked for by the configuration
	Interval float64    `json:"interval_ms"`               // between rounds
	Rounds   int        `json:"rounds,omitempty"`          // exactly so many were asked for
	MaxTTL   int        `json:"max_ttl"`                   //
	TTL      *int       `json:"ttl,omitempty"`             // length of the path: the lowest TTL at which the target answered
	State    State      `json:"state,omitempty"`           // how the target showed itself
	Known    bool       `json:"known_to_answer,omitempty"` // it answered an earlier trace
	KnownTTL int        `json:"remembered_ttl,omitempty"`  // the length that an earlier trace found
}

// State is how a target showed itself over the whole trace.
type State string

const (
	Reached     State = "reached"     // it answered at least once
	Filtered    State = "filtered"    // silent, but the hop before it or another protocol answers: it filters, or is down
	Silent      State = "silent"      // silent, and the path to it too from some hop on
	Unreachable State = "unreachable" // a router said that it cannot be reached
	NoRoute     State = "no-route"    // this machine has no route to it
	Unresolved  State = "unresolved"  // the name gave no address
	Forbidden   State = "refused"     // the target policy forbids it
	Unprobed    State = "unprobed"    // no probe was sent
)

// Times are the trace's own. Started is the zero of every tx_ms.
type Times struct {
	Accepted   time.Time  `json:"accepted"`
	Started    time.Time  `json:"started"`
	FirstProbe *time.Time `json:"first_probe,omitempty"`
	FirstLook  *time.Time `json:"first_look,omitempty"` // when the first look was complete
	LongLook   *time.Time `json:"long_look,omitempty"`  // when the long look began
	Ended      *time.Time `json:"ended,omitempty"`
}

// A Series is probes in the order of sending: arrays of equal length.
//
//	TxMS[i]    when it was sent, ms since Times.Started
//	RTTUS[i]   round-trip time, µs; nil: no answer within the deadline (or not yet)
//	LateUS[i]  round-trip time of an answer after the deadline, µs: late, but not lost
//	Addr[i]    index into Evidence.Addresses of who answered; nil when nobody did
//	Answer[i]  what became of it: one character a probe, see the Answer constants
type Series struct {
	TxMS   []float64 `json:"tx_ms"`
	RTTUS  []*int64  `json:"rtt_us"`
	LateUS []*int64  `json:"late_us"`
	Addr   []*int    `json:"addr"`
	Answer string    `json:"answer"`
}

// What became of a probe, a character each in Series.Answer.
const (
	AnswerReply       = 'r' // the target answered
	AnswerExpired     = 'e' // a router answered: TTL exceeded
	AnswerUnreachable = 'u' // a router answered: unreachable
	AnswerNoRoute     = 'n' // this machine had no route
	AnswerLost        = '-' // none within the deadline
	AnswerLate        = 'l' // one after the deadline
	AnswerPending     = '?' // none when the trace was cut short, the deadline not yet over
)

// A Hop is one TTL of the path.
type Hop struct {
	TTL int `json:"ttl"`
	Series
	MPLS []MPLS `json:"mpls,omitempty"` // each distinct label stack seen, in order of appearance
	// Limited says that this hop's losses are its own limit on
	// answers: later hops, the target included, lose less (rules R3, R4).
	Limited bool `json:"limited,omitempty"`
}

// MPLS is a label stack that a router quoted (RFC 4950).
type MPLS struct {
	Addr   int     `json:"addr"` // index into Evidence.Addresses
	Labels []Label `json:"labels"`
}

// Label is one MPLS label stack entry (RFC 4950 section 5, RFC 3032 section 2.1).
type Label struct {
	Label int `json:"label"` // 20 bits
	TC    int `json:"tc"`    // traffic class, 3 bits (once "experimental")
	S     int `json:"s"`     // 1 at the bottom of the stack
	TTL   int `json:"ttl"`   // 8 bits
}

// Shared is what the one paced stream of all traces to a router saw
// while this trace ran. It explains a router's limit on answers and is
// never evidence for or against loss.
type Shared struct {
	Addr     netip.Addr `json:"addr"`
	Sent     int        `json:"sent"`
	Answered int        `json:"answered"`
}

// Other is one probe of another protocol, tried because the target
// never answered.
type Other struct {
	Protocol string `json:"protocol"`
	Port     int    `json:"port,omitempty"`
	Answered bool   `json:"answered"`
}

// Versions is what made the report.
type Versions struct {
	MTRQ      string `json:"mtrq"`
	MTRPacket string `json:"mtr_packet,omitempty"`
	Rules     int    `json:"rules"` // of the verdict: RulesVersion
}
