package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"
)

// Records are the probes so far in the order in which they were read, from the oldest that is still known.
func (t *Truth) Records() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		t.mu.Lock()
		chunks, first, written := slices.Clone(t.chunks), t.first.Load(), t.written.Load()
		t.mu.Unlock()
		for i := range written - first {
			if !yield(t.open(&chunks[i/chunkLen][i%chunkLen])) {
				return
			}
		}
	}
}

// Window is a span of arrival times, To not included. A zero time leaves its end open.
type Window struct{ From, To time.Time }

func (w Window) holds(at time.Time) bool {
	return (w.From.IsZero() || !at.Before(w.From)) && (w.To.IsZero() || at.Before(w.To))
}

// Tally counts probes by fate.
type Tally struct {
	Probes int
	by     [fates]int
}

// Of is the number of probes with one of the fates.
func (c Tally) Of(which ...Fate) int {
	n := 0
	for _, f := range which {
		n += c.by[f]
	}
	return n
}

func (c Tally) String() string {
	s := fmt.Sprintf("%d probes", c.Probes)
	for f, n := range c.by {
		if n > 0 {
			s += fmt.Sprintf(", %d %s", n, Fate(f))
		}
	}
	return s
}

// Count tallies the probes that match.
func (t *Truth) Count(w Window, match func(*Record) bool) Tally {
	var c Tally
	for r := range t.Records() {
		if w.holds(r.Arrived) && match(&r) {
			c.Probes++
			c.by[r.Fate]++
		}
	}
	return c
}

// Toward tallies the probes to a target, whatever their TTL.
func (t *Truth) Toward(target int, w Window) Tally {
	return t.Count(w, func(r *Record) bool { return r.Target == target })
}

// Reaching tallies the probes to a target whose TTL was enough to reach it.
func (t *Truth) Reaching(target int, stages int, w Window) Tally {
	return t.Count(w, func(r *Record) bool { return r.Target == target && int(r.TTL) > stages })
}

// AtRouter tallies the probes that came to an end at a router: expired there, or were addressed to it.
func (t *Truth) AtRouter(id RouterID, w Window) Tally {
	return t.Count(w, func(r *Record) bool { return r.Router == id })
}

// PerSecond counts, for each second since from, the probes that ended at a router and the answers among them.
func (t *Truth) PerSecond(id RouterID, from time.Time) (asked, answered []int) {
	for r := range t.Records() {
		if r.Router != id || r.Arrived.Before(from) {
			continue
		}
		s := int(r.Arrived.Sub(from) / time.Second)
		for len(asked) <= s {
			asked, answered = append(asked, 0), append(answered, 0)
		}
		asked[s]++
		if r.Fate == Answered {
			answered[s]++
		}
	}
	return asked, answered
}

// First is the arrival of the first probe to each target since from. Targets without one are absent.
func (t *Truth) First(from time.Time) map[int]time.Time {
	first := map[int]time.Time{}
	for r := range t.Records() {
		if r.Target < 0 || r.Arrived.Before(from) {
			continue
		}
		if _, ok := first[r.Target]; !ok {
			first[r.Target] = r.Arrived
		}
	}
	return first
}

// Wait blocks until n probes match, among those logged since the network began.
func (t *Truth) Wait(ctx context.Context, n int, match func(*Record) bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		c := t.Count(Window{}, match)
		if c.Probes >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %d probes, have %d: %w", n, c.Probes, ctx.Err())
		case <-tick.C:
		}
	}
}

// jsonTime is both clocks at one moment. mono_ns is CLOCK_MONOTONIC of the machine.
type jsonTime struct {
	MonoNs int64  `json:"mono_ns"`
	Wall   string `json:"wall"`
}

type jsonRecord struct {
	jsonTime
	Target     *int     `json:"target,omitempty"`
	Dst        string   `json:"dst"`
	Family     int      `json:"family"`
	Protocol   string   `json:"protocol"`
	TTL        uint8    `json:"ttl"`
	ID         *uint16  `json:"id,omitempty"`
	Seq        *uint16  `json:"seq,omitempty"`
	SrcPort    *uint16  `json:"src_port,omitempty"`
	DstPort    *uint16  `json:"dst_port,omitempty"`
	SizeBytes  int      `json:"size_bytes"`
	Fate       string   `json:"fate"`
	Answer     string   `json:"answer,omitempty"`
	From       string   `json:"from,omitempty"`
	Hop        int      `json:"hop"`
	Router     *int32   `json:"router,omitempty"`
	Link       *int32   `json:"link,omitempty"`
	DueMs      *float64 `json:"due_ms,omitempty"`      // after arrival
	AnsweredMs *float64 `json:"answered_ms,omitempty"` // after arrival
}

type jsonEvent struct {
	jsonTime
	Event string `json:"event"`
}

// WriteJSONL writes events and probes in order of time, one JSON object a line. An event has the key "event".
func (t *Truth) WriteJSONL(w io.Writer) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	events := t.Events()
	var errs error
	write := func(v any) { errs = errors.Join(errs, enc.Encode(v)) }
	writeEvents := func(until time.Time) {
		for len(events) > 0 && (until.IsZero() || !events[0].At.After(until)) {
			write(jsonEvent{t.jsonTime(events[0].At, events[0].At.UnixNano()), events[0].Text})
			events = events[1:]
		}
	}
	for r := range t.Records() {
		writeEvents(r.Arrived)
		write(t.jsonRecord(&r))
		if errs != nil {
			break
		}
	}
	writeEvents(time.Time{})
	if err := errors.Join(errs, out.Flush()); err != nil {
		return fmt.Errorf("write the truth: %w", err)
	}
	return nil
}

func (t *Truth) jsonTime(at time.Time, wallNs int64) jsonTime {
	return jsonTime{t.clock.monoNs + int64(at.Sub(t.clock.base)), time.Unix(0, wallNs).UTC().Format(time.RFC3339Nano)}
}

func (t *Truth) jsonRecord(r *Record) jsonRecord {
	j := jsonRecord{
		jsonTime: t.jsonTime(r.Arrived, r.WallNs), Dst: r.Dst.String(), Family: 4, Protocol: r.Protocol.String(),
		TTL: r.TTL, SizeBytes: r.Size, Fate: r.Fate.String(), Answer: r.Answer.String(), Hop: r.Hop,
	}
	if r.Dst.Is6() {
		j.Family = 6
	}
	if r.Target >= 0 {
		j.Target = &r.Target
	}
	if r.Protocol == ICMP {
		j.ID, j.Seq = &r.ID, &r.Seq
	} else {
		j.SrcPort, j.DstPort = &r.SrcPort, &r.DstPort
	}
	if r.From.IsValid() {
		j.From = r.From.String()
	}
	if r.Router >= 0 {
		j.Router = (*int32)(&r.Router)
	}
	if r.Link >= 0 {
		j.Link = (*int32)(&r.Link)
	}
	ms := func(at time.Time) *float64 {
		if at.IsZero() {
			return nil
		}
		v := float64(at.Sub(r.Arrived)) / 1e6
		return &v
	}
	j.DueMs, j.AnsweredMs = ms(r.Due), ms(r.Answered)
	return j
}
