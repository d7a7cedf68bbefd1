package report

import (
	"net/netip"
	"time"
)

// An Event is one line of an events file: what a trace saw, appended
// while it runs. A report is a pure function of a trace's requests and
// its events. The zero of every MS is the At of the start event. Which
// fields belong to which type is in docs/formats.md, "Events".
//
//	{"e":"p","n":2,"ttl":2,"ms":0.633,"deadline_ms":1000,"kind":"expired","us":1630,"addr":"198.18.0.5"}
type Event struct {
	E  EventType `json:"e"`
	MS float64   `json:"ms"` // milliseconds since start; of a probe: when it was sent

	// start
	At     time.Time  `json:"at,omitzero"`
	Schema int        `json:"schema,omitempty"`
	Node   string     `json:"node,omitempty"`
	Source netip.Addr `json:"source,omitzero"` // local address that probes leave from
	Target *Target    `json:"target,omitempty"`
	Clock  *HostClock `json:"clock,omitempty"` // of this machine; nil: the kernel does not say

	// p
	N          int        `json:"n,omitempty"`   // number of the probe in this trace, from 0
	TTL        int        `json:"ttl,omitempty"` // 0: to the target itself
	DeadlineMS float64    `json:"deadline_ms,omitempty"`
	Kind       Kind       `json:"kind,omitempty"` // p: empty is "sent, no answer yet"; other: reply or lost
	US         *int64     `json:"us,omitempty"`   // round-trip time, µs
	Addr       netip.Addr `json:"addr,omitzero"`  // p: who answered; shared: the router
	MPLS       []Label    `json:"mpls,omitempty"`

	Phase Phase `json:"phase,omitempty"` // phase

	Request *Request `json:"request,omitempty"` // join

	Pings *Pings `json:"pings,omitempty"` // watch
	Path  *Path  `json:"path,omitempty"`  // usual

	Sent     int `json:"sent,omitempty"`     // shared
	Answered int `json:"answered,omitempty"` // shared

	Protocol string `json:"protocol,omitempty"` // other
	Port     int    `json:"port,omitempty"`     // other

	Ended Ended  `json:"ended,omitempty"` // end
	Error string `json:"error,omitempty"` // end
	Text  string `json:"text,omitempty"`  // note
}

// EventType is the "e" of an event.
type EventType string

const (
	EventStart  EventType = "start"
	EventProbe  EventType = "p"
	EventPhase  EventType = "phase"
	EventShared EventType = "shared"
	EventOther  EventType = "other"
	EventJoin   EventType = "join"  // another request for the same target: this trace serves it, too
	EventWatch  EventType = "watch" // what the watchdog's own pings saw up to now
	EventUsual  EventType = "usual" // the path as it was known before
	EventNote   EventType = "note"
	EventEnd    EventType = "end"
)

// Kind is what became of a probe.
type Kind string

const (
	KindPending     Kind = ""            // sent, no answer yet
	KindReply       Kind = "reply"       // the target answered
	KindExpired     Kind = "expired"     // TTL exceeded at Addr
	KindUnreachable Kind = "unreachable" // Addr says that the target cannot be reached
	KindNoRoute     Kind = "no-route"    // this machine has no route
	KindLost        Kind = "lost"        // no answer within the deadline
	KindLate        Kind = "late"        // an answer after the deadline; replaces lost
	KindUnsent      Kind = "unsent"      // was not sent after all; counts as nothing
)

// Phase is where a trace has got to.
type Phase string

const (
	PhaseFirstLook Phase = "first-look" // the first look is complete
	PhaseWaiting   Phase = "waiting"    // for a slot
	PhaseLongLook  Phase = "long-look"  // begins
)
