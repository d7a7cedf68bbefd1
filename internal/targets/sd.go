package targets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// sdGroup is one element of a file_sd or http_sd list. The parts stay raw:
// a wrong one must not take the others along.
type sdGroup struct {
	Targets []json.RawMessage          `json:"targets"`
	Labels  map[string]json.RawMessage `json:"labels"`
}

// sdOwn is the prefix of labels that are meant for us: __mtrq_group,
// __mtrq_interval, __mtrq_protocol.
const sdOwn = "__mtrq_"

// parseSD reads what Prometheus documents as <file_sd_config> and
// <http_sd_config>:
//
//	[{"targets": ["203.0.113.7:9100"], "labels": {"site": "hk", "__mtrq_interval": "500ms"}}]
//
// Labels become tags, other labels that begin with "__" are passed over, and of
// host:port and URLs the host is taken. An error means that it is no such
// list as a whole, or only the first part of one.
func parseSD(data []byte) (parsed, error) {
	var p parsed
	d := json.NewDecoder(bytes.NewReader(data))
	at := func(offset int64) int {
		offset = max(0, min(offset, int64(len(data))))
		return 1 + bytes.Count(data[:offset], []byte{'\n'})
	}
	first, err := d.Token()
	if err == nil && first != json.Delim('[') {
		return parsed{}, errors.New(`is no list of targets: it begins with [{"targets": ["203.0.113.7"]}`)
	}
	for err == nil && d.More() {
		var raw json.RawMessage
		if err = d.Decode(&raw); err == nil {
			start := d.InputOffset() - int64(len(raw))
			p.sdGroup(raw, func(offset int) func() int {
				return func() int { return at(start + int64(offset)) }
			})
		}
	}
	if err == nil {
		_, err = d.Token() // the ]
	}
	if err != nil {
		return parsed{}, sdError(err, at, d.InputOffset())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return parsed{}, fmt.Errorf("line %d: something follows the list", at(d.InputOffset()))
	}
	return p, nil
}

func sdError(err error, at func(int64) int, offset int64) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("line %d: the list ends before its ]: was it written to the end?", at(1<<62))
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: %s", at(syntax.Offset), clean(err.Error()))
	}
	return fmt.Errorf("line %d: %s", at(offset), clean(err.Error()))
}

// sdGroup takes one element. at gives the line of an offset in raw.
func (p *parsed) sdGroup(raw json.RawMessage, at func(int) func() int) {
	var g sdGroup
	if err := json.Unmarshal(raw, &g); err != nil || g.Targets == nil {
		p.faults.add(at(0), func() string { return `is no {"targets": ["…"], "labels": {"…": "…"}}` })
		return
	}
	var o options
	for _, key := range sortedKeys(g.Labels) { // the same faults every time
		own, ours := strings.CutPrefix(key, sdOwn)
		var value string
		err := json.Unmarshal(g.Labels[key], &value)
		switch {
		case !ours && strings.HasPrefix(key, "__"):
			continue
		case err != nil:
			err = errors.New("is no string: write it in quotes")
		case !ours:
			err = o.setTag(key, value)
		case own == "group" || own == "interval" || own == "protocol":
			err = o.set(own, value)
		default:
			err = fmt.Errorf("is unknown: there are %sgroup, %[1]sinterval, %[1]sprotocol", sdOwn)
		}
		if err != nil {
			p.faults.add(at(0), func() string { return "label " + quoteShort(key) + " " + err.Error() })
		}
	}
	offset := max(0, bytes.Index(raw, []byte(`"targets"`)))
	for _, t := range g.Targets {
		offset += max(0, bytes.Index(raw[offset:], t))
		line := at(offset)
		offset = min(offset+len(t), len(raw))
		var words string
		if err := json.Unmarshal(t, &words); err != nil {
			p.faults.add(line, func() string { return quoteShort(string(t)) + " is no string" })
			continue
		}
		p.add(words, o, line)
	}
}
