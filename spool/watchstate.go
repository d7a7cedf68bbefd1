package spool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"
)

// WatchStateFile is the file in state/ in which a running watchdog says how
// its targets are.
const WatchStateFile = "targets.json"

// A WatchState is what the watchdog knows of its targets, as
// docs/formats.md ("targets.json") describes it. It is replaced once a
// second, and less often the more targets there are (every 5 s for 10,000
// and more).
type WatchState struct {
	Schema   int           `json:"schema"`
	At       time.Time     `json:"at"`
	Node     string        `json:"node"`
	Totals   WatchTotals   `json:"totals"`
	Canaries []WatchTarget `json:"canaries"`
	Targets  []WatchTarget `json:"targets"`
	Sources  []WatchSource `json:"sources"`
}

// WatchTotals counts targets by state, and what was done since the start.
type WatchTotals struct {
	Targets    int `json:"targets"`
	OK         int `json:"ok"`
	Suspect    int `json:"suspect"`
	Lossy      int `json:"lossy"`
	Slow       int `json:"slow"`
	Silent     int `json:"silent"`
	New        int `json:"new"`
	Paused     int `json:"paused"`
	Unresolved int `json:"unresolved"`
	Thinned    int `json:"thinned"` // silent ones that are asked every 5 s only

	PingsSent    int `json:"pings_sent"`
	PingsLost    int `json:"pings_lost"`
	PingsLate    int `json:"pings_late"`
	PingsUnknown int `json:"pings_unknown"` // nobody listened: a stall, a process that died
	Suspects     int `json:"suspects"`
	Opened       int `json:"incidents_opened"`
	Closed       int `json:"incidents_closed"`
	Open         int `json:"incidents_open"` // now
}

// TargetState is how a watched target is.
type TargetState string

const (
	TargetNew        TargetState = "new"        // not asked yet, or not long enough to tell
	TargetOK         TargetState = "ok"         // answers
	TargetSuspect    TargetState = "suspect"    // missed a ping; being confirmed
	TargetLossy      TargetState = "lossy"      // in an incident: loses packets
	TargetSlow       TargetState = "slow"       // in an incident: latency, jitter or another path
	TargetSilent     TargetState = "silent"     // never answered since it is watched: it may filter, and no incident is made of it
	TargetPaused     TargetState = "paused"     // acknowledged maintenance: asked, but nothing is made of it
	TargetUnresolved TargetState = "unresolved" // its name has no address yet
)

// WatchTarget is one target.
type WatchTarget struct {
	Target   string            `json:"target"` // as its list has it
	Address  netip.Addr        `json:"address,omitzero"`
	Group    string            `json:"group,omitempty"`
	Source   string            `json:"source,omitempty"` // "config", a file, a URL; of a canary its kind
	Tags     map[string]string `json:"tags,omitempty"`
	Interval int64             `json:"interval_ms"`
	State    TargetState       `json:"state"`
	Since    time.Time         `json:"since"`              // of that state
	Incident string            `json:"incident,omitempty"` // ID
	Until    *time.Time        `json:"paused_until,omitempty"`
	LastUS   *int64            `json:"last_us,omitempty"` // RTT of the last answer
	P50US    *int64            `json:"p50_us,omitempty"`  // over the last 300 s
	P95US    *int64            `json:"p95_us,omitempty"`
	Lost     int               `json:"lost"`           // of the last 300 s
	Sent     int               `json:"sent"`           // whose fate is known
	Strip    string            `json:"strip"`          // the last 60 pings, newest last: r reply, - lost, l late, u unreachable, n no route, ? nobody can say
	Note     string            `json:"note,omitempty"` // what is wrong with it: "does not resolve since …"
}

// WatchSource is one list of targets.
type WatchSource struct {
	Source  string     `json:"source"` // "config", a file, a URL
	Targets int        `json:"targets"`
	At      *time.Time `json:"at,omitempty"`    // when it was last read well
	Err     string     `json:"error,omitempty"` // why the last good list is used
	Note    string     `json:"note,omitempty"`  // what is no fault: targets that are named before
}

// WriteWatchState replaces state/targets.json.
func (s *Spool) WriteWatchState(st *WatchState) error {
	data, err := st.encode()
	if err != nil {
		return fmt.Errorf("write %s: %w", WatchStateFile, err)
	}
	return s.WriteState(WatchStateFile, append(data, '\n'))
}

// encode gives what json.Marshal would, one target after the other:
// encoding/json needs five times the memory for 10,000 of them at once.
func (st *WatchState) encode() ([]byte, error) {
	const perTarget = 420 // bytes, about
	rest := *st
	rest.Targets = []WatchTarget{}
	data, err := json.Marshal(rest)
	if err != nil || len(st.Targets) == 0 {
		return data, err
	}
	const empty = `"targets":[]`
	at := bytes.LastIndex(data, []byte(empty)) + len(empty) - 1 // sources, which come after it, have no such key with a list
	out := make([]byte, 0, len(data)+perTarget*len(st.Targets))
	out = append(out, data[:at]...)
	for i := range st.Targets {
		one, err := json.Marshal(&st.Targets[i])
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, one...)
	}
	return append(out, data[at:]...), nil
}

// WatchState reads state/targets.json. The error wraps fs.ErrNotExist where
// no watchdog has written it.
func (s *Spool) WatchState() (*WatchState, error) {
	data, err := s.ReadState(WatchStateFile)
	if err != nil {
		return nil, err
	}
	st := &WatchState{}
	if err := json.Unmarshal(data, st); err != nil {
		return nil, fmt.Errorf("read %s: %w", WatchStateFile, err)
	}
	return st, nil
}
