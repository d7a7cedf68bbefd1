package report

import (
	"net/netip"
	"time"
)

// RulesVersion is the number of the rule set that Judge applies.
const RulesVersion = 4

// A Verdict is one sentence that says what a report shows, how sure
// that is, and why.
type Verdict struct {
	Class     Class      `json:"class"`
	Grade     Grade      `json:"grade"`
	Rules     []string   `json:"rules"`               // "R1" … that led to it
	Link      *Link      `json:"link,omitempty"`      // where the loss begins, where one link can be named
	Likeliest *Likeliest `json:"likeliest,omitempty"` // where Link goes over several links: the one of them that it most likely is
	Loss      *Loss      `json:"loss,omitempty"`      // at the target; absent when no probe went there
	Spells    []Spell    `json:"spells,omitempty"`
	Numbers   []Number   `json:"numbers,omitempty"`
	Sentence  string     `json:"sentence"` // in English, unless another language was asked for
	Settle    string     `json:"settle,omitempty"`

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

// Likeliest is the one link of a stretch on which the loss most likely begins,
// and the probability that it does (0 to 1), no link being more likely than
// another before anything was sent. It says nothing of links between hops that
// stay silent: those cannot be told apart.
type Likeliest struct {
	From   LinkEnd `json:"from"`
	To     LinkEnd `json:"to"`
	Chance float64 `json:"chance"`
}

// Loss is lost of sent with the 95 % confidence interval of the ratio,
// Low and High in percent (the exact one, of Clopper and Pearson, rounded
// outward to a tenth).
type Loss struct {
	Lost int     `json:"lost"`
	Sent int     `json:"sent"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Spell is a stretch in which the target was losing packets, as far as the
// probes bracket it.
type Spell struct {
	From Edge `json:"from"`
	To   Edge `json:"to"`
}

// Edge is a moment between two probes. Of a beginning, After is when the
// last answered probe left and By when the first lost one did; of an end,
// After is the last lost one and By the first answered. Nil: there was no
// such probe, so it may have been earlier, or later.
type Edge struct {
	After *time.Time `json:"after,omitempty"`
	By    *time.Time `json:"by,omitempty"`
}

// Number is one comparison that a rule rests on: Lost of Sent at a TTL
// against Lost of Sent elsewhere, and how likely chance alone makes it at
// least so much worse (Fisher's exact test, one-sided; it knows the sample
// sizes).
type Number struct {
	Rule string `json:"rule"`
	TTL  int    `json:"ttl"` // whose figures Lost and Sent are; 0: the target's
	Lost int    `json:"lost"`
	Sent int    `json:"sent"`

	Against     Against `json:"against"`
	AgainstTTL  int     `json:"against_ttl"` // of another hop; 0: the target, or the same hop
	AgainstLost int     `json:"against_lost"`
	AgainstSent int     `json:"against_sent"`
	P           float64 `json:"p"` // 0 to 1
}

// Against is what a Number's figures are compared with.
type Against string

const (
	AgainstHop    Against = "hop"    // another hop, or the target, in the same time
	AgainstBehind Against = "behind" // all that lies behind it, the target included, without hops that limit their answers
	AgainstUsual  Against = "usual"  // the same hop, as path memory knows it
	AgainstMember Against = "member" // the other routers of this TTL, while the target was clean
	// AgainstRest is of targets, not of probes: those in trouble of those whose path goes there, against the rest of
	// what is watched.
	AgainstRest Against = "rest"
)
