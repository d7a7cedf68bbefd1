package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
)

// Bounds of what is believed of an events file. Nothing that mtrq writes
// comes near them.
const (
	maxLine     = 64 << 10  // bytes
	maxProbes   = 10000000  // n of a probe is below this
	maxMS       = 7 * 864e5 // a week
	maxRTTUS    = 600000000 // ten minutes
	maxLabels   = 16        // of a stack
	maxText     = 4096      // bytes of a note, an error, a name
	maxCounter  = 1 << 40   // of shared
	maxWaitMS   = 60000     // deadline of a probe
	maxPort     = 65535
	maxByte     = 255
	maxMPLSLbl  = 1<<20 - 1 // RFC 3032: 20 bits
	maxTC       = 7         // 3 bits
	defaultWait = 1000      // ms; deadline of a probe whose line does not say
)

// ErrEvent is what every error about a line of an events file wraps.
var ErrEvent = errors.New("not an event")

// ParseEvent reads one line of an events file. An event of a type that
// this version does not know is returned as it is: Builder skips it.
func ParseEvent(line []byte) (Event, error) {
	if len(line) > maxLine {
		return Event{}, fmt.Errorf("%w: line of %d bytes, at most %d are read", ErrEvent, len(line), maxLine)
	}
	var e Event
	if err := json.Unmarshal(line, &e); err != nil {
		return Event{}, fmt.Errorf("%w: %v", ErrEvent, err)
	}
	if what := e.outOfBounds(); what != "" {
		return Event{}, fmt.Errorf("%w: %s out of bounds", ErrEvent, what)
	}
	e.Addr, e.Source = plain(e.Addr), plain(e.Source)
	if t := e.Target; t != nil {
		t.Address, t.Source = plain(t.Address), plain(t.Source)
	}
	return e, nil
}

// outOfBounds names the first field that cannot be true; "": none.
func (e *Event) outOfBounds() string {
	in := func(x, most int) bool { return x >= 0 && x <= most }
	switch {
	case e.E == "":
		return "e"
	case !(e.MS >= 0 && e.MS <= maxMS):
		return "ms"
	case !in(e.N, maxProbes-1):
		return "n"
	case !in(e.TTL, maxByte):
		return "ttl"
	case !(e.DeadlineMS >= 0 && e.DeadlineMS <= maxWaitMS):
		return "deadline_ms"
	case e.US != nil && (*e.US < 0 || *e.US > maxRTTUS):
		return "us"
	case len(e.MPLS) > maxLabels:
		return "mpls"
	case !in(e.Port, maxPort):
		return "port"
	case !in(e.Sent, maxCounter) || !in(e.Answered, e.Sent):
		return "sent, answered"
	case len(e.Text) > maxText:
		return "text"
	case len(e.Error) > maxText:
		return "error"
	case len(e.Node) > maxText:
		return "node"
	}
	for _, l := range e.MPLS {
		if !l.valid() {
			return "mpls"
		}
	}
	switch e.E {
	case EventProbe:
		return e.badProbe()
	case EventStart:
		if e.At.IsZero() {
			return "at"
		}
		if y := e.At.Year(); y < 1970 || y > 9999 {
			return "at"
		}
		if e.Target != nil && e.Target.outOfBounds() {
			return "target"
		}
	case EventJoin:
		if e.Request == nil || e.Request.outOfBounds() {
			return "request"
		}
	case EventWatch:
		if e.Pings == nil || e.Pings.check() != nil {
			return "pings"
		}
	case EventUsual:
		if e.Path == nil || e.Path.check() != nil {
			return "path"
		}
	case EventEnd:
		if e.Ended == EndedRunning || !e.Ended.valid() {
			return "ended"
		}
	}
	return ""
}

func (r *Request) outOfBounds() bool {
	y := r.Accepted.Year()
	long := max(len(r.Source), len(r.By), len(r.Reason), len(r.Event), len(r.SentAs), len(r.Asked)) > maxText
	return r.ID.IsZero() || y < 1970 || y > 9999 || long || len(r.Tags) > maxByte
}

func (e Ended) valid() bool {
	switch e {
	case EndedRunning, EndedComplete, EndedFirstLook, EndedMaxDuration, EndedShutdown, EndedInterrupted, EndedFailed, EndedRefused:
		return true
	}
	return false
}

func (e *Event) badProbe() string {
	switch e.Kind {
	case KindPending, KindLost, KindUnsent, KindNoRoute:
		return ""
	case KindReply, KindExpired, KindUnreachable, KindLate:
		if e.US == nil {
			return "us"
		}
		return ""
	}
	return "kind"
}

func (l Label) valid() bool {
	in := func(x, most int) bool { return x >= 0 && x <= most }
	return in(l.Label, maxMPLSLbl) && in(l.TC, maxTC) && in(l.S, 1) && in(l.TTL, maxByte)
}

func (t *Target) outOfBounds() bool {
	in := func(x, most int) bool { return x >= 0 && x <= most }
	return len(t.Asked) > maxText || len(t.Protocol) > 16 || !in(t.Port, maxPort) || !in(t.Size, 65535) || !in(t.TOS, maxByte) ||
		!in(t.MaxTTL, maxByte) || !in(t.KnownTTL, maxByte) || !in(t.Rounds, maxProbes) ||
		!(t.Interval >= 0 && t.Interval <= maxMS) ||
		t.Resolved != nil && !(*t.Resolved >= 0 && *t.Resolved <= maxMS) ||
		t.TTL != nil && !in(*t.TTL, maxByte)
}

// plain is an address as files have it: no zone, never IPv4 in IPv6.
func plain(a netip.Addr) netip.Addr { return a.WithZone("").Unmap() }

// ReadEvents reads an events file to its end and hands each event to
// add. Lines that are none are counted and skipped, so that whatever a
// crash or a stranger left behind costs no more than itself; a torn last
// line is not even counted. The error is r's own.
func ReadEvents(r io.Reader, add func(Event)) (garbage int, err error) {
	br := bufio.NewReaderSize(r, maxLine+1)
	for {
		line, err := br.ReadSlice('\n')
		long := err == bufio.ErrBufferFull
		for err == bufio.ErrBufferFull {
			_, err = br.ReadSlice('\n')
		}
		torn := err == io.EOF
		if err != nil && !torn {
			return garbage, fmt.Errorf("read events: %w", err)
		}
		line = bytes.TrimSpace(line)
		switch e, bad := ParseEvent(line); {
		case long && !torn:
			garbage++
		case long || len(line) == 0:
		case bad == nil:
			add(e)
		case !torn:
			garbage++
		}
		if torn {
			return garbage, nil
		}
	}
}
