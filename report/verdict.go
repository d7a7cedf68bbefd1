package report

import "net/netip"

// RulesVersion is the number of the rule set that Judge applies.
const RulesVersion = 1

// A Verdict is one sentence that says what a report shows, how sure
// that is, and why.
type Verdict struct {
	Class    Class    `json:"class"`
	Grade    Grade    `json:"grade"`
	Rules    []string `json:"rules"`          // "R1" … that led to it
	Link     *Link    `json:"link,omitempty"` // where the loss begins, where one link can be named
	Loss     *Loss    `json:"loss,omitempty"` // at the target; absent when no probe went there
	Sentence string   `json:"sentence"`       // in English
	Settle   string   `json:"settle,omitempty"`

	RulesVersion int `json:"rules_version"`
}

// Class is what a verdict says.
type Class string

const (
	Clean            Class = "clean"
	RealLoss         Class = "real-loss"
	Latency          Class = "latency"
	PathChanged      Class = "path-changed"
	RateLimitOnly    Class = "rate-limit-only"
	TargetFilters    Class = "target-filters" // filters ICMP or is down
	OwnNetwork       Class = "own-network"
	UplinkCut        Class = "uplink-cut"
	RoutingLoop      Class = "routing-loop"
	Recovered        Class = "recovered" // before the trace began
	NotProven        Class = "not-proven"
	MeasurementFault Class = "measurement-fault"
)

// Grade is how sure a verdict is.
type Grade string

const (
	Certain Grade = "certain"
	Likely  Grade = "likely"
	Weak    Grade = "weak"
)

// Link is the stretch between two hops on which the loss begins. A side
// without an address stayed silent.
type Link struct {
	From LinkEnd `json:"from"`
	To   LinkEnd `json:"to"`
}

// LinkEnd is one side of a Link; TTL 0 is this machine.
type LinkEnd struct {
	TTL  int        `json:"ttl"`
	Addr netip.Addr `json:"addr,omitzero"`
}

// Loss is lost of sent with the 95 % confidence interval of the ratio,
// Low and High in percent (Wilson score interval).
type Loss struct {
	Lost int     `json:"lost"`
	Sent int     `json:"sent"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}
