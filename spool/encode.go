package spool

import (
	"fmt"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Encode writes the job as DecodeJob reads it, one key a line, absent keys
// left out. It refuses a job that Validate refuses.
func (j Job) Encode() ([]byte, error) {
	if err := j.Validate(); err != nil {
		return nil, err
	}
	data, err := toml.Marshal(j.wire())
	if err != nil {
		return nil, fmt.Errorf("encode job %s: %w", j.ID, err)
	}
	if len(data) > MaxJobBytes {
		return nil, &JobError{Faults: []Fault{{Problem: fmt.Sprintf("is %d bytes long: allowed are %d", len(data), MaxJobBytes)}}}
	}
	return data, nil
}

// request is the job without what mtrq adds: what a stranger may send.
func (j Job) request() Job {
	j.ID, j.Source, j.Accepted, j.By, j.SentAs = Job{}.ID, "", time.Time{}, "", ""
	return j
}

// wireJob fixes order and spelling of the keys.
type wireJob struct {
	Version  int               `toml:"version,omitempty"` // of a batch's table only
	Target   string            `toml:"target,omitempty"`
	Reason   string            `toml:"reason,omitempty"`
	Event    string            `toml:"event,omitempty"`
	Protocol string            `toml:"protocol,omitempty"`
	Port     int               `toml:"port,omitempty"`
	Size     int               `toml:"size,omitempty"`
	TOS      int               `toml:"tos,omitempty"`
	Family   string            `toml:"family,omitempty"`
	Interval string            `toml:"interval,omitempty"`
	Rounds   int               `toml:"rounds,omitempty"`
	MaxTTL   int               `toml:"max_ttl,omitempty"`
	Coalesce *bool             `toml:"coalesce,omitempty"`
	ID       string            `toml:"id,omitempty"`
	Source   string            `toml:"source,omitempty"`
	Accepted time.Time         `toml:"accepted,omitempty"`
	By       string            `toml:"by,omitempty"`
	SentAs   string            `toml:"sent_as,omitempty"`
	Tags     map[string]string `toml:"tags,omitempty,inline"`
}

func (j Job) wire() wireJob {
	w := wireJob{
		Target: j.Target, Reason: j.Reason, Event: j.Event, Protocol: j.Protocol,
		Port: j.Port, Size: j.Size, TOS: j.TOS, Family: j.Family,
		Rounds: j.Rounds, MaxTTL: j.MaxTTL, Tags: j.Tags,
		Source: j.Source, Accepted: j.Accepted, By: j.By, SentAs: j.SentAs,
	}
	if j.Interval != 0 {
		w.Interval = j.Interval.String()
	}
	if j.NoCoalesce {
		w.Coalesce = new(bool)
	}
	if !isZeroID(j.ID) {
		w.ID = j.ID.String()
	}
	return w
}
