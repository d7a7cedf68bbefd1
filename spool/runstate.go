package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/oklog/ulid/v2"
)

// RunStateFile is the file in state/ that a running node replaces once a
// second.
const RunStateFile = "run.json"

// RunStateStale is the age at which a RunState means that nobody traces.
const RunStateStale = 5 * time.Second

// A RunState is what a running node says of itself, as docs/formats.md
// ("run.json") describes it.
type RunState struct {
	Schema     int       `json:"schema"`
	At         time.Time `json:"at"`
	Started    time.Time `json:"started"`
	PID        int       `json:"pid"`
	Version    string    `json:"version"`
	Node       string    `json:"node"`
	Archive    string    `json:"archive"`
	State      string    `json:"state"` // "running", "draining"
	Jobs       RunJobs   `json:"jobs"`
	Counters   RunCounts `json:"counters"`
	LatenessMS *Lateness `json:"lateness_ms,omitempty"` // nil before the first probe
	Pool       RunPool   `json:"pool"`
	Spool      RunSpool  `json:"spool"`
	Health     []Health  `json:"health"`

	// UnprobedMS is how long the oldest accepted job waits of which no probe was
	// sent, in milliseconds at the time At; nil: there is none.
	UnprobedMS *float64 `json:"unprobed_ms,omitempty"`

	// Served are the jobs that joined the trace of another, whose ID is the
	// value: what was seen for them is in that one's events. At most MaxServed.
	Served map[ulid.ULID]ulid.ULID `json:"served,omitempty"`

	// What Spool.RunState found beside it.
	HeldBy int   `json:"-"` // the process that holds the spool although this is stale or missing
	Unread error `json:"-"` // why the file that is there could not be read
}

// RunLate is the age of a job without a probe from which on a node is late:
// for 5,000 jobs at once the first probes leave within 3 s.
const RunLate = 10 * time.Second

// Late says how long the oldest job without a probe waits, where that is
// longer than RunLate.
func (st RunState) Late() (waits time.Duration, late bool) {
	if st.UnprobedMS == nil {
		return 0, false
	}
	waits = time.Duration(*st.UnprobedMS * float64(time.Millisecond))
	return waits, waits > RunLate
}

// MaxServed keeps run.json short, which is written and read once a second.
const MaxServed = 1000

// RunJobs is how many jobs are where.
type RunJobs struct {
	Limit     int `json:"limit"` // of long looks
	Queued    int `json:"queued"`
	FirstLook int `json:"first_look"`
	Waiting   int `json:"waiting"`
	LongLook  int `json:"long_look"`
	Joined    int `json:"joined"`    // served by the trace of another job
	Unwritten int `json:"unwritten"` // traced; the report could not be written yet
	Lines     int `json:"lines"`     // of claimed batches, that nobody has in hand yet
	Most      int `json:"most"`      // of all but Lines, together
}

// InHand is how many jobs are out of the queue and not reported.
func (j RunJobs) InHand() int {
	return j.Queued + j.FirstLook + j.Waiting + j.LongLook + j.Joined + j.Unwritten
}

// RunCounts count since Started.
type RunCounts struct {
	Claimed        int `json:"claimed"`
	Reported       int `json:"reported"`
	Coalesced      int `json:"coalesced"` // answered by the report of another job
	Interrupted    int `json:"interrupted"`
	Returned       int `json:"returned"`
	Bad            int `json:"bad"`
	ProbesSent     int `json:"probes_sent"`
	ProbesAnswered int `json:"probes_answered"`
	ProbesLate     int `json:"probes_late"`
	ProbesUnsent   int `json:"probes_unsent"`
}

// Lateness is milliseconds from acceptance to first probe over the last
// 1,000 traces.
type Lateness struct {
	Last float64 `json:"last"`
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
}

// RunPool is the mtr-packet processes.
type RunPool struct {
	Processes int      `json:"processes"`
	InFlight  int      `json:"in_flight"`
	Restarts  int      `json:"restarts"`
	Version   string   `json:"version,omitempty"`
	Features  []string `json:"features,omitempty"`
}

// RunSpool is how the spool is.
type RunSpool struct {
	Watching Watching `json:"watching"`
	Soon     string   `json:"soon,omitempty"` // it will be full soon: what to do
}

// HealthProbing is what a node says of its probes: not OK means that it can
// send none.
const HealthProbing = "mtr-packet"

// Health is one thing that is well or not, and what to do.
type Health struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Hint string `json:"hint,omitempty"`
}

// Unable says why a node that runs can send no probe, so that jobs wait;
// empty: it can.
func (st RunState) Unable() string {
	for _, h := range st.Health {
		if h.What == HealthProbing && !h.OK {
			return h.Hint
		}
	}
	return ""
}

// WriteRunState replaces state/run.json. The first time, it removes from
// state/ what writers that were killed have left there.
func (s *Spool) WriteRunState(st RunState) error {
	s.tidied.Do(func() {
		if err := s.tidyState(); err != nil {
			s.note(Note{What: NoteLeft, File: "state/", Text: "could not be tidied: " + err.Error()})
		}
	})
	data, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", RunStateFile, err)
	}
	return s.WriteState(RunStateFile, append(data, '\n'))
}

// RunState reads state/run.json. tracing says whether somebody traces
// now; where nobody does, or nobody can know, why says so in words. A process that
// holds the spool and does not write its state (HeldBy) may trace all the same:
// another one must not be started.
func (s *Spool) RunState(now time.Time) (st RunState, tracing bool, why string) {
	data, err := s.ReadState(RunStateFile)
	if err == nil {
		err = json.Unmarshal(data, &st)
	}
	age := now.Sub(st.At)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if by := s.holder(0); by != 0 {
			return RunState{HeldBy: by}, false, fmt.Sprintf("mtrq run (process %d) holds the spool and has written no state yet%s", by, s.whyUnwritten())
		}
		return RunState{}, false, "no mtrq run has written its state here"
	case err != nil:
		return RunState{Unread: err}, false, "what mtrq run says of itself cannot be read: " + err.Error()
	case age > RunStateStale || age < -RunStateStale:
		// From the future is as dead as from the past: the clock was set
		// back since, and a living run would have written anew, if it could.
		if st.HeldBy = s.holder(st.PID); st.HeldBy != 0 {
			return st, false, fmt.Sprintf("mtrq run (process %d) holds the spool but has written no state since %s%s",
				st.HeldBy, st.At.Format(time.RFC3339), s.whyUnwritten())
		}
		return st, false, "mtrq run last gave a sign at " + st.At.Format(time.RFC3339)
	case st.State != "running":
		return st, false, "mtrq run is ending and takes no more jobs"
	}
	return st, true, ""
}

// whyUnwritten says what may keep a node from writing its state: a new
// file needs a block and an inode.
func (s *Spool) whyUnwritten() string {
	if err := s.checkRoom(Options{ReserveBytes: stateBytes, ReserveInodes: 1}); errors.Is(err, ErrFull) {
		return ": the disk of " + s.dir + " is full"
	}
	return ""
}

// stateBytes is more than any run.json has: some 60 bytes for each of MaxServed.
const stateBytes = 128 << 10
