package archive

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// A Filter selects entries of a day or of a target; the zero value is all of
// them. Conditions are joined by "and".
type Filter struct {
	Target    string             // address, or the name that was asked for, in any case
	Prefix    netip.Prefix       // holds the address traced; invalid: any
	Node      string             // exactly
	LossAbove *float64           // percent; an entry of unknown loss does not match
	Source    string             // "watchdog", "http", "cli", …
	Reason    string             // part of reason or event, in any case
	Verdicts  []report.Class     // any of them; empty: all
	Freshness []report.Freshness // any of them; empty: all
	Tags      map[string]string  // all of them; the value "" asks for the key alone
	From, To  time.Time          // accepted at or after, and before; zero: no bound
}

// SortKey is what entries are ordered by. Those that are equal by it stand
// newest first.
type SortKey string

const (
	SortTime    SortKey = "time" // by ID, which is by time of acceptance; also what "" means
	SortLoss    SortKey = "loss" // unknown loss stands last, whatever the direction
	SortTarget  SortKey = "target"
	SortVerdict SortKey = "verdict"
	SortNode    SortKey = "node"
)

// A View is what is shown of a day or a target.
type View struct {
	Filter    Filter
	Sort      SortKey
	Ascending bool      // default: newest, worst, last of the alphabet first
	Offset    int       // so many are left out; for orders other than time
	Limit     int       // at most so many; 0: all
	Before    ulid.ULID // for SortTime: only those that come after this one in the order; zero: from its beginning
}

// HourCount is an hour of a day that matches, whatever From and To say: those
// choose among the hours. Reports are counted, each once, at the first of its
// requests that match; one from beyond midnight that joined counts in the
// nearest hour.
type HourCount struct {
	Start    time.Time // in the archive's zone
	Reports  int
	Lossy    int // of them with a lost probe to the target
	RealLoss int // of them with the verdict real-loss
}

// DayView is a day, or a part of it.
type DayView struct {
	Day       Date
	Total     int // requests of the day
	Matching  int // requests that the filter selects, on all pages
	Entries   []Entry
	Hours     []HourCount     // 24; where the clock changes, 23 or 25
	Incidents []IncidentEntry // all that opened on the day and are over, newest first
	Tag       string          // changes when the day does; fit for an ETag
}

// DayCount is a day of the calendar.
type DayCount struct {
	Day       Date
	Known     bool // false: not counted yet, or written by a newer mtrq; the counts say nothing
	Reports   int
	Lossy     int // of them with a lost probe to the target
	RealLoss  int // of them with the verdict real-loss
	Incidents int
	WorstLoss *float64 // percent; nil: unknown. A target that filters probes does not count
}

// TargetView is what the archive holds of a target.
type TargetView struct {
	Target    string    // as it is written here: "2001:db8::7", "edge.example.net"
	Entries   []Entry   // newest first unless the view says otherwise
	Total     int       // requests between from and to
	Matching  int       // of them those that the filter selects
	Buckets   []Bucket  // of those that match
	First     time.Time // of all its requests, whatever from and to say; zero: there are none
	Last      time.Time
	Incidents []IncidentEntry // all between from and to that are over, newest first
	Tag       string          // changes when the view does; fit for an ETag
}

// A Bucket is a stretch of a target's history. Its figures are those of
// reports, each counted once.
type Bucket struct {
	Start     time.Time
	Length    time.Duration
	Reports   int
	Lost      int // probes to the target, of …
	Sent      int // … so many, in reports that know it
	Unknown   int // reports that do not
	WorstLoss *float64
	// The smallest, the median and the greatest RTT of the reports; nil where
	// none knows it.
	RTTMin, RTTMedian, RTTMax *time.Duration
}

// HitKind is what a search has found.
type HitKind string

const (
	HitTarget   HitKind = "target"
	HitReport   HitKind = "report"
	HitIncident HitKind = "incident"
	HitNode     HitKind = "node"
	HitTag      HitKind = "tag"
)

// A Hit is one thing found. What does not apply is empty.
type Hit struct {
	Kind   HitKind
	Text   string    // what was found: a target, an ID, a node, "key=value"
	Detail string    // the name under which a target is known, a report's verdict, an incident's sentence
	Target string    // to go to /target/…
	ID     ulid.ULID // of a report's request or an incident
	Day    Date      // the newest day known to have it
}

func matchTags(want, have map[string]string) bool {
	for k, v := range want {
		if got, ok := have[k]; !ok || v != "" && v != got {
			return false
		}
	}
	return true
}

// tagsOf reads a table's form of tags.
func tagsOf(raw []byte) map[string]string {
	var m map[string]string
	if len(raw) == 0 || json.Unmarshal(raw, &m) != nil {
		return nil
	}
	return m
}
