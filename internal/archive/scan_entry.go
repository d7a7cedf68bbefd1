package archive

import (
	"encoding/json"
	"strconv"

	"github.com/mtrq/mtrq/report"
)

// entry decodes a line that was taken apart, all but Day. false: let
// encoding/json say what it is.
func (s *scanned) entry() (Entry, bool) {
	e := Entry{
		ID:        s.id,
		Node:      s.text(s.node),
		Asked:     s.text(s.asked),
		Protocol:  s.text(s.protocol),
		Source:    s.text(s.source),
		Reason:    s.text(s.reason),
		Event:     s.text(s.event),
		State:     report.State(s.text(s.state)),
		Ended:     report.Ended(s.text(s.ended)),
		Verdict:   report.Class(s.text(s.verdict)),
		Grade:     report.Grade(s.text(s.grade)),
		Freshness: report.Freshness(s.text(s.fresh)),
		TTL:       count(s.ttl),
		Lost:      count(s.lost),
		Sent:      count(s.sent),
		AvgUS:     micros(s.avg),
		MinUS:     micros(s.min),
		MedianUS:  micros(s.median),
		MaxUS:     micros(s.max),
		File:      string(s.file),
	}
	if e.At.UnmarshalText(s.atText) != nil {
		return Entry{}, false
	}
	if s.target != nil && e.Target.UnmarshalText(s.target) != nil {
		return Entry{}, false
	}
	if s.tags != nil && json.Unmarshal(s.tags, &e.Tags) != nil {
		return Entry{}, false
	}
	if s.first != nil {
		ms, err := strconv.ParseFloat(string(s.first), 64)
		if err != nil {
			return Entry{}, false
		}
		e.AskedToFirstProbe = &ms
	}
	e.sane()
	return e, true
}

func (s *scanned) text(b []byte) string {
	if s.escaped {
		b = appendUnquoted(nil, b)
	}
	return string(b)
}

func count(v int32) *int {
	if v < 0 {
		return nil
	}
	n := int(v)
	return &n
}

func micros(v int32) *int64 {
	if v < 0 {
		return nil
	}
	n := int64(v)
	return &n
}
