package report

import (
	"net/netip"
	"time"

	"github.com/oklog/ulid/v2"
)

// IncidentSchema is the number of the incident format that this package
// writes. Within one number fields are only added.
const IncidentSchema = 1

// An Incident is what the watchdog saw of a loss: one or more targets whose
// losses began together, with what was before, meanwhile and after. The
// traces that were made of it are reports of their own; Member.Reports names
// them.
type Incident struct {
	Schema  int             `json:"schema"`
	ID      ulid.ULID       `json:"id"`
	State   IncidentState   `json:"state"`
	Trigger IncidentTrigger `json:"trigger"` // of the first member
	Node    Node            `json:"node"`
	At      time.Time       `json:"at"` // as of when; while it is open, it is written anew each second
	Times   IncidentTimes   `json:"times"`

	// Episodes are the stretches of trouble: another begins where it comes
	// back within five minutes.
	Episodes []Episode `json:"episodes"`

	Members  []Member     `json:"members"`            // in the order in which their troubles began
	Affected int          `json:"affected"`           // targets; more than Members where those were too many to keep
	Watched  int          `json:"watched"`            // targets watched when it opened
	Clean    int          `json:"clean"`              // of those, answering all the while
	Controls []netip.Addr `json:"controls,omitempty"` // up to three of the clean ones

	Common   *Common  `json:"common,omitempty"` // where the paths of the members meet, and no clean path goes
	Canaries []Canary `json:"canaries"`         // loopback, gateway, anchors
	Host     Host     `json:"host"`
	Verdict  Verdict  `json:"verdict"` // as of writing
	Notes    []string `json:"notes,omitempty"`
	Versions Versions `json:"versions"`
}

// IncidentState is how far an incident has come.
type IncidentState string

const (
	IncidentOpen        IncidentState = "open"        // packets are being lost, or were within the last minute
	IncidentClosed      IncidentState = "closed"      // recovered
	IncidentInterrupted IncidentState = "interrupted" // the watchdog died meanwhile and came back too late to go on
)

// IncidentTrigger is what opened an incident.
type IncidentTrigger string

const (
	TriggerLoss    IncidentTrigger = "loss"        // [watch] open: so many of the last pings
	TriggerSlow    IncidentTrigger = "slow-loss"   // [watch] slow: so many of a longer stretch
	TriggerLatency IncidentTrigger = "latency"     // RTT against the target's own history
	TriggerJitter  IncidentTrigger = "jitter"      // its variation likewise
	TriggerPath    IncidentTrigger = "path-change" // the routers on the way are others than usual
)

// IncidentTimes are when what happened. Nil: it did not, or not yet.
type IncidentTimes struct {
	Began     time.Time  `json:"began"`                 // when the first ping that was lost (or slow) left
	Noticed   time.Time  `json:"noticed"`               // when that was known: its deadline
	Probed    *time.Time `json:"first_probe,omitempty"` // when the first probe of the first trace left
	Opened    time.Time  `json:"opened"`                // when it was confirmed
	LastLoss  *time.Time `json:"last_loss,omitempty"`   // when the last lost ping left
	Recovered *time.Time `json:"recovered,omitempty"`   // when the first ping of the clean end left
	Closed    *time.Time `json:"closed,omitempty"`
}

// Episode is one stretch of trouble; without To it lasts.
type Episode struct {
	From time.Time  `json:"from"`
	To   *time.Time `json:"to,omitempty"` // when the first ping after it that was answered left
}

// Member is one target of an incident.
type Member struct {
	Target  string            `json:"target"` // as the list of targets has it
	Address netip.Addr        `json:"address,omitzero"`
	Group   string            `json:"group,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"`

	Trigger   IncidentTrigger `json:"trigger"`
	Began     time.Time       `json:"began"`
	Noticed   time.Time       `json:"noticed"`
	Probed    *time.Time      `json:"first_probe,omitempty"`
	Opened    time.Time       `json:"opened"`
	LastLoss  *time.Time      `json:"last_loss,omitempty"`
	Recovered *time.Time      `json:"recovered,omitempty"` // absent while it is in trouble

	Reports []ulid.ULID `json:"reports,omitempty"` // of its traces, the first look's first

	Lost  int      `json:"lost"` // pings of the rhythm since Began, up to Recovered …
	Sent  int      `json:"sent"` // … whose fate is known
	Usual *Usual   `json:"usual,omitempty"`
	Burst *Pings   `json:"burst,omitempty"`   // that confirmed it, through sockets of their own
	Pings Pings    `json:"pings"`             // of the rhythm: before, during, after
	Dense *Pings   `json:"dense,omitempty"`   // of the incident itself, several a second, through sockets of their own
	Meter []Bucket `json:"minutes,omitempty"` // of an outage too long to keep every ping

	Before *Path `json:"path_before,omitempty"` // as the last rounds before it found it
	After  *Path `json:"path_after,omitempty"`  // as one round after recovery found it
}

// Usual is what a target's answers were like before. Nil: too few.
type Usual struct {
	P50US int64 `json:"p50_us"`
	P95US int64 `json:"p95_us"`
	Lost  int   `json:"lost"` // of the last pings before the incident …
	Sent  int   `json:"sent"` // … so many
}

// Pings is one ping a place, in the order of sending: arrays of equal length.
//
//	TxMS[i]   when it left, ms since From
//	RTTUS[i]  round-trip time, µs, of an answer in time or late; nil: none, or nobody kept it
//	Answer    what became of it, a character each: AnswerReply, AnswerLost, AnswerLate, AnswerUnreachable,
//	          AnswerNoRoute; AnswerPending: nobody can say (not yet, or we were kept from listening)
//
// Thinned stretches, in which a silent target was asked less often, show in
// TxMS alone: a ping that was not sent has no place.
type Pings struct {
	From    time.Time `json:"from"`
	TxMS    []int64   `json:"tx_ms"`
	RTTUS   []*int64  `json:"rtt_us"`
	Answer  string    `json:"answer"`
	Skipped int       `json:"skipped,omitempty"` // pings in the middle of a long outage that only Meter has
}

// Bucket is a minute of pings. Loss is never averaged away: it is counted.
type Bucket struct {
	At    time.Time `json:"at"`
	Lost  int       `json:"lost"`
	Sent  int       `json:"sent"`
	MinUS *int64    `json:"min_us,omitempty"`
	MedUS *int64    `json:"med_us,omitempty"`
	MaxUS *int64    `json:"max_us,omitempty"`
}

// Path is the routers on the way to a target, as known at one moment.
type Path struct {
	At   time.Time `json:"at"` // when it was last asked
	Hops []PathHop `json:"hops"`
}

// PathHop is one TTL of a Path. Without addresses it stayed silent.
type PathHop struct {
	TTL   int          `json:"ttl"`
	Addrs []netip.Addr `json:"addrs"`            // usual ones, the most frequent first; several: equal-cost paths
	RTTUS *int64       `json:"rtt_us,omitempty"` // typical
	// Answered of Asked probes, as long as is remembered; a router may answer few of them and forward all.
	Answered int `json:"answered"`
	Asked    int `json:"asked"`
}

// Common is what the paths of lossy targets share and those of clean ones
// do not.
type Common struct {
	// From and To bound the stretch on which the packets are lost: To is the first router behind it, From the last
	// before it. From is absent where it is this machine's own link.
	From netip.Addr `json:"from,omitzero"`
	To   netip.Addr `json:"to,omitzero"`
	// Suspects are all routers that every lossy path has and no clean one, nearest first.
	Suspects []netip.Addr `json:"suspects"`
	Behind   int          `json:"behind"`      // watched targets whose known path goes there
	Lossy    int          `json:"lossy"`       // of those, in trouble
	Loss     float64      `json:"loss"`        // packets lost there, percent, as estimated
	Chance   float64      `json:"probability"` // that it is there, 0 to 1, among all places the paths know
}

// Canary is an address whose silence says that the trouble is near this
// machine: loopback, gateway, or an anchor far away.
type Canary struct {
	Kind   CanaryKind `json:"kind"`
	Target string     `json:"target"`
	Addr   netip.Addr `json:"address,omitzero"`
	Known  bool       `json:"known_to_answer"` // one that never answered tells nothing
	Lost   int        `json:"lost"`            // pings since the incident began …
	Sent   int        `json:"sent"`            // … whose fate is known
}

// CanaryKind is what a canary stands for.
type CanaryKind string

const (
	CanaryLoopback CanaryKind = "loopback" // this machine
	CanaryGateway  CanaryKind = "gateway"  // its own network
	CanaryAnchor   CanaryKind = "anchor"   // its way out
)

// Host is the machine's own state.
type Host struct {
	Opened  *HostState `json:"opened,omitempty"`
	Closed  *HostState `json:"closed,omitempty"`
	Changed []string   `json:"changed,omitempty"` // in words: what differs between the two, and counters of faults that grew
	Stalls  []Stall    `json:"stalls,omitempty"`  // when the watchdog itself was kept from running
}

// Stall is a time in which the watchdog did not run. Pings under way then
// were not listened to; they count as nothing.
type Stall struct {
	At time.Time `json:"at"` // its end
	MS int64     `json:"ms"`
}

// HostState is a snapshot of the machine's network and clock.
type HostState struct {
	At         time.Time   `json:"at"`
	Links      []HostLink  `json:"links"`
	Routes     []string    `json:"routes"`     // default routes, as "default via 192.0.2.254 dev eth0 metric 100"
	Neighbours []string    `json:"neighbours"` // of gateways, as "192.0.2.254 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE"
	Resolvers  []string    `json:"resolvers"`  // addresses
	Clock      HostClock   `json:"clock"`
	Load1      *float64    `json:"load1,omitempty"`            // run queue, mean of a minute
	CPUs       *int        `json:"processors,omitempty"`       // that are online
	CPUStall   *float64    `json:"cpu_pressure_pct,omitempty"` // share of time that something waited for a processor, mean of 10 s (PSI)
	Drops      []HostCount `json:"counters,omitempty"`         // counters of faults that are not zero
}

// HostLink is a network interface.
type HostLink struct {
	Name      string `json:"name"`
	Up        bool   `json:"up"`
	Carrier   *bool  `json:"carrier,omitempty"`
	SpeedMbps *int   `json:"speed_mbps,omitempty"`
	MTU       int    `json:"mtu"`
	RxErrors  uint64 `json:"rx_errors"`
	RxDropped uint64 `json:"rx_dropped"`
	TxErrors  uint64 `json:"tx_errors"`
	TxDropped uint64 `json:"tx_dropped"`
	Flaps     *int   `json:"carrier_changes,omitempty"`
}

// HostClock is what the kernel says of its clock (adjtimex(2)).
type HostClock struct {
	Synced   bool   `json:"synchronised"`
	OffsetUS *int64 `json:"offset_us,omitempty"` // of the last adjustment
	ErrorUS  *int64 `json:"max_error_us,omitempty"`
}

// HostCount is one counter, such as {"Udp RcvbufErrors", 3}.
type HostCount struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
}

// A Suspect is a target that missed a ping and was not confirmed to lose
// packets: one line of a day's suspects.jsonl.
type Suspect struct {
	ID      ulid.ULID  `json:"id"` // of the look that was made of it
	At      time.Time  `json:"at"` // when the lost ping left
	Target  string     `json:"target"`
	Address netip.Addr `json:"address,omitzero"`
	Lost    int        `json:"lost"` // of the window in which it had to be confirmed
	Sent    int        `json:"sent"`
	Strip   string     `json:"strip"` // its pings around that time, a character each (see Pings)
	Path    []string   `json:"path"`  // what its first look saw: an address a TTL, "" where none answered
	PathOK  *bool      `json:"path_complete,omitempty"`
}
