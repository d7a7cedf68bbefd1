package report

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"time"
)

// AppendEvent appends e as one line of an events file, its newline
// included, with only the fields that belong to its type. Lines of
// probes are written by hand: a busy node writes 8,000 a second. The
// caller sees to it that e is within the bounds that ParseEvent checks.
func AppendEvent(dst []byte, e Event) []byte {
	if e.E == EventProbe {
		return appendProbe(dst, e)
	}
	var line any
	ms := round3(finite(e.MS))
	switch e.E {
	case EventStart:
		line = struct {
			E      EventType  `json:"e"`
			At     time.Time  `json:"at"`
			Schema int        `json:"schema"`
			Node   string     `json:"node"`
			Source netip.Addr `json:"source,omitzero"`
			Clock  *HostClock `json:"clock,omitempty"`
			Target *Target    `json:"target,omitempty"`
		}{e.E, e.At, e.Schema, e.Node, e.Source, e.Clock, e.Target}
	case EventPhase:
		line = struct {
			E     EventType `json:"e"`
			MS    float64   `json:"ms"`
			Phase Phase     `json:"phase"`
		}{e.E, ms, e.Phase}
	case EventJoin:
		// The ID comes first: whoever recovers a spool looks for it there.
		var id string
		if e.Request != nil {
			id = e.Request.ID.String()
		}
		line = struct {
			E       EventType `json:"e"`
			ID      string    `json:"id"`
			MS      float64   `json:"ms"`
			Request *Request  `json:"request"`
		}{e.E, id, ms, e.Request}
	case EventShared:
		line = struct {
			E        EventType  `json:"e"`
			MS       float64    `json:"ms"`
			Addr     netip.Addr `json:"addr"`
			Sent     int        `json:"sent"`
			Answered int        `json:"answered"`
		}{e.E, ms, e.Addr, e.Sent, e.Answered}
	case EventOther:
		line = struct {
			E        EventType `json:"e"`
			MS       float64   `json:"ms"`
			Protocol string    `json:"protocol"`
			Port     int       `json:"port,omitempty"`
			Kind     Kind      `json:"kind"`
		}{e.E, ms, e.Protocol, e.Port, e.Kind}
	case EventWatch:
		line = struct {
			E     EventType `json:"e"`
			MS    float64   `json:"ms"`
			Pings *Pings    `json:"pings"`
		}{e.E, ms, e.Pings}
	case EventNote:
		line = struct {
			E    EventType `json:"e"`
			MS   float64   `json:"ms"`
			Text string    `json:"text"`
		}{e.E, ms, e.Text}
	case EventEnd:
		line = struct {
			E     EventType `json:"e"`
			MS    float64   `json:"ms"`
			Ended Ended     `json:"ended"`
			Error string    `json:"error,omitempty"`
		}{e.E, ms, e.Ended, e.Error}
	default:
		e.MS = ms
		line = e
	}
	b, err := json.Marshal(line)
	if err != nil { // a year beyond 9999, a float that is none: broken by the caller
		b, _ = json.Marshal(struct {
			E    EventType `json:"e"`
			MS   float64   `json:"ms"`
			Text string    `json:"text"`
		}{EventNote, ms, "event " + string(e.E) + " could not be written: " + err.Error()})
	}
	return append(append(dst, b...), '\n')
}

func appendProbe(dst []byte, e Event) []byte {
	dst = append(dst, `{"e":"p","n":`...)
	dst = strconv.AppendInt(dst, int64(e.N), 10)
	dst = append(dst, `,"ttl":`...)
	dst = strconv.AppendInt(dst, int64(e.TTL), 10)
	dst = append(dst, `,"ms":`...)
	dst = appendMS(dst, e.MS)
	if e.DeadlineMS > 0 {
		dst = append(dst, `,"deadline_ms":`...)
		dst = appendMS(dst, e.DeadlineMS)
	}
	if e.Kind != KindPending {
		dst = append(dst, `,"kind":`...)
		dst = appendPlain(dst, string(e.Kind))
	}
	if e.US != nil {
		dst = append(dst, `,"us":`...)
		dst = strconv.AppendInt(dst, *e.US, 10)
	}
	if e.Addr.IsValid() {
		dst = append(dst, `,"addr":"`...)
		dst = e.Addr.WithZone("").Unmap().AppendTo(dst)
		dst = append(dst, '"')
	}
	for i, l := range e.MPLS {
		if i == 0 {
			dst = append(dst, `,"mpls":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"label":`...)
		dst = strconv.AppendInt(dst, int64(l.Label), 10)
		dst = append(dst, `,"tc":`...)
		dst = strconv.AppendInt(dst, int64(l.TC), 10)
		dst = append(dst, `,"s":`...)
		dst = strconv.AppendInt(dst, int64(l.S), 10)
		dst = append(dst, `,"ttl":`...)
		dst = strconv.AppendInt(dst, int64(l.TTL), 10)
		dst = append(dst, '}')
	}
	if len(e.MPLS) > 0 {
		dst = append(dst, ']')
	}
	return append(dst, "}\n"...)
}

// appendMS writes milliseconds with up to three decimals.
func appendMS(dst []byte, ms float64) []byte {
	us := int64(finite(ms)*1000 + 0.5)
	dst = strconv.AppendInt(dst, us/1000, 10)
	frac := us % 1000
	if frac <= 0 {
		return dst
	}
	d := [4]byte{'.', byte('0' + frac/100), byte('0' + frac/10%10), byte('0' + frac%10)}
	n := len(d)
	for d[n-1] == '0' {
		n--
	}
	return append(dst, d[:n]...)
}

// appendPlain quotes a word that is one of our constants; anything else
// goes through encoding/json.
func appendPlain(dst []byte, s string) []byte {
	for _, c := range []byte(s) {
		if c < '-' || c > 'z' || c == '\\' || c == '<' || c == '>' {
			b, _ := json.Marshal(s) // a string always can be written
			return append(dst, b...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
