package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// Schema is the number of the index format that this package writes.
const Schema = 1

// Entry is one line of an index: a request, and what its report shows.
//
//	{"id":"01KAR1ABTB5H2ZJ0Q4V7W8X9YZ","at":"2026-11-23T14:05:32.123456+08:00","node":"hk1", …
//
// What is unknown is nil or empty.
type Entry struct {
	ID                ulid.ULID         `json:"id"` // of the request; the report's own is in File
	At                time.Time         `json:"at"` // acceptance of the request
	Node              string            `json:"node"`
	Target            netip.Addr        `json:"target,omitzero"` // the address traced
	Asked             string            `json:"asked"`           // by this request; older mtrqs wrote what its trace was made for
	Protocol          string            `json:"protocol"`
	Source            string            `json:"source"`
	Reason            string            `json:"reason,omitempty"`
	Event             string            `json:"event,omitempty"`
	Tags              map[string]string `json:"tags,omitempty"`
	State             report.State      `json:"state,omitempty"`
	Ended             report.Ended      `json:"ended"`
	TTL               *int              `json:"ttl,omitempty"`
	Lost              *int              `json:"lost,omitempty"`
	Sent              *int              `json:"sent,omitempty"`
	AvgUS             *int64            `json:"avg_us,omitempty"`    // µs, of the target's answers
	MinUS             *int64            `json:"min_us,omitempty"`    // the same
	MedianUS          *int64            `json:"median_us,omitempty"` // the same
	MaxUS             *int64            `json:"max_us,omitempty"`    // the same
	Verdict           report.Class      `json:"verdict,omitempty"`
	Grade             report.Grade      `json:"grade,omitempty"`
	Freshness         report.Freshness  `json:"freshness,omitempty"`
	AskedToFirstProbe *float64          `json:"asked_to_first_probe_ms,omitempty"`
	File              string            `json:"file"` // below the day's directory, without ending

	// Day is the directory that File is in: that of the report. It is not
	// always the day of At, which is the request's.
	Day Date `json:"-"`
}

// Loss is the lost part of the probes to the target in percent; nil when
// it is unknown.
func (e Entry) Loss() *float64 {
	if e.Lost == nil || e.Sent == nil || *e.Sent == 0 {
		return nil
	}
	l := 100 * float64(*e.Lost) / float64(*e.Sent)
	return &l
}

// sane drops figures that cannot be: what nobody can know is unknown.
func (e *Entry) sane() {
	if e.Lost == nil || e.Sent == nil || *e.Lost < 0 || *e.Lost > *e.Sent || *e.Sent > maxFigure {
		e.Lost, e.Sent = nil, nil
	}
	if e.TTL != nil && (*e.TTL < 0 || *e.TTL > maxFigure) {
		e.TTL = nil
	}
	for _, us := range []**int64{&e.AvgUS, &e.MinUS, &e.MedianUS, &e.MaxUS} {
		if *us != nil && (**us < 0 || **us > maxFigure) {
			*us = nil
		}
	}
}

// maxFigure bounds figures of a line: nine digits, 16 minutes of µs.
const maxFigure = 999_999_999

// entriesOf makes the lines of a report: one for each request.
func entriesOf(r *report.Report, day Date, file string, loc *time.Location) []Entry {
	ev := &r.Evidence
	base := Entry{
		Node:     ev.Node.Name,
		Target:   ev.Target.Address,
		Asked:    ev.Target.Asked,
		Protocol: ev.Target.Protocol,
		State:    ev.Target.State,
		Ended:    ev.Ended,
		TTL:      ev.Target.TTL,
		Verdict:  ev.Verdict.Class,
		Grade:    ev.Verdict.Grade,
		File:     file,
		Day:      day,
	}
	base.targetFigures(ev)
	out := make([]Entry, 0, len(ev.Requests))
	for _, q := range ev.Requests {
		e := base
		e.ID, e.At, e.Source = q.ID, q.Accepted.In(loc), q.Source
		e.Reason, e.Event, e.Tags = q.Reason, q.Event, q.Tags
		e.Freshness, e.AskedToFirstProbe = q.Freshness, q.AskedToFirstProbe
		// Without an address the report's name is that of the target's directory,
		// where all its lines belong.
		if q.Asked != "" && e.Target.IsValid() {
			e.Asked = q.Asked
		}
		out = append(out, e)
	}
	return out
}

// appendLine adds an entry as a line. prefix goes before File: the day, in
// a target's file.
func appendLine(dst []byte, e Entry, prefix string) ([]byte, error) {
	e.File = prefix + e.File
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return dst, fmt.Errorf("encode index line of %s: %w", e.ID, err)
	}
	return append(dst, buf.Bytes()...), nil
}

// header is the first line of an index.
type header struct {
	Schema     int    `json:"schema"`
	Generation string `json:"generation"`
	Day        string `json:"day,omitempty"`    // of a day's index
	Target     string `json:"target,omitempty"` // of a target's: an address or a name
	Month      string `json:"month,omitempty"`
}
