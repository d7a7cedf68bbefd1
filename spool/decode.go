package spool

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// DecodeJob reads a job file of mtrq's own. name is used in faults only. The
// error is a *JobError with every fault in the file (only the first where the
// TOML itself is broken); the job is then empty. The target comes out in its
// canonical form; defaults are not filled in.
func DecodeJob(name string, data []byte) (Job, error) {
	d := newDecoding(name, data)
	j := d.job("")
	return d.result(j)
}

// DecodeForeign reads a job file from a stranger. The keys that mtrq adds
// itself are left out of the job, whatever they hold, and named in ignored.
func DecodeForeign(name string, data []byte) (j Job, ignored []string, err error) {
	d := newDecoding(name, data)
	for _, key := range addedKeys() {
		if _, ok := d.table[key]; ok {
			ignored = append(ignored, key)
			delete(d.table, key)
		}
	}
	j, err = d.result(d.job(""))
	if err != nil {
		return Job{}, nil, err
	}
	return j, ignored, nil
}

// addedKeys are the keys that only mtrq writes.
func addedKeys() []string {
	return []string{"id", "source", "accepted", "by", "sent_as"}
}

// decoding is one TOML document on its way to a Job: values from go-toml's
// decoder, which knows what may be defined twice; lines from its parser,
// which alone knows where a key stands.
type decoding struct {
	file   string
	table  map[string]any
	lines  map[string]int // first line of each dotted key
	faults []Fault
}

func newDecoding(file string, data []byte) *decoding {
	d := &decoding{file: file, table: map[string]any{}}
	if len(data) > MaxJobBytes {
		d.faults = append(d.faults, Fault{File: file, Problem: fmt.Sprintf("is %d bytes long: allowed are %d", len(data), MaxJobBytes)})
		return d
	}
	if err := toml.Unmarshal(data, &d.table); err != nil {
		f := Fault{File: file, Problem: "no valid TOML: " + err.Error()}
		var syntax *toml.DecodeError
		if errors.As(err, &syntax) {
			f.Line, _ = syntax.Position()
		}
		d.faults = append(d.faults, f)
		d.table = map[string]any{}
		return d
	}
	d.lines = keyLines(data)
	return d
}

const (
	maxKeyDepth = 2   // parts of the longest key of ours: tags.NAME (batch.tags in a batch)
	maxKeyBytes = 128 // of a key of several parts whose line is kept
)

// keyLines finds the lines of the keys outside arrays: the first two parts of
// each, and the second only where the two are no longer than a key of ours can be. A
// fault further down is told with the line of its table. Without these bounds
// 64 KiB of dots would need 2 GB. Keys come in the order of the document, so lines are
// counted once through.
func keyLines(data []byte) map[string]int {
	lines := map[string]int{}
	line, counted := 1, 0
	at := func(p *unstable.Parser, key []byte) int {
		if off := int(p.Range(key).Offset); off > counted {
			line += bytes.Count(data[counted:off], []byte("\n"))
			counted = off
		}
		return line
	}
	var p unstable.Parser
	p.Reset(data)
	prefix, prefixDepth := "", 0 // of the table that the next keys are in
	for p.NextExpression() {
		e := p.Expression()
		if e.Kind != unstable.KeyValue && e.Kind != unstable.Table && e.Kind != unstable.ArrayTable {
			continue
		}
		path, depth := "", 0
		if e.Kind == unstable.KeyValue {
			path, depth = prefix, prefixDepth
		}
		for it := e.Key(); depth < maxKeyDepth && it.Next(); depth++ {
			n := it.Node()
			if depth > 0 {
				if len(path)+1+len(n.Data) > maxKeyBytes {
					depth = maxKeyDepth
					break
				}
				path += "."
			}
			path += string(n.Data)
			if _, ok := lines[path]; !ok {
				lines[path] = at(&p, p.Raw(n.Raw))
			}
		}
		if e.Kind != unstable.KeyValue {
			prefix, prefixDepth = path, depth
		}
	}
	return lines
}

// result returns the job, or all faults and no job.
func (d *decoding) result(j Job) (Job, error) {
	if len(d.faults) == 0 {
		return j, nil
	}
	slices.SortStableFunc(d.faults, func(a, b Fault) int { return a.Line - b.Line })
	return Job{}, &JobError{Faults: d.faults}
}

func (d *decoding) fault(key, problem string) {
	d.faults = append(d.faults, Fault{File: d.file, Line: d.line(key), Key: key, Problem: problem})
}

// line finds the line of a key, or of the table that holds it.
func (d *decoding) line(key string) int {
	if n, ok := d.lines[key]; ok {
		return n
	}
	table, _, _ := strings.Cut(key, ".")
	return d.lines[table]
}

// job takes every key of the table and checks it; what is left over is
// unknown. under is the dotted name of the table in the document.
func (d *decoding) job(under string) Job {
	if len(d.faults) > 0 {
		return Job{}
	}
	dotted := func(key string) string {
		if under == "" {
			return key
		}
		return under + "." + key
	}
	t := taker{d: d, dotted: dotted}
	j := Job{
		Target:   t.str("target"),
		Reason:   t.str("reason"),
		Event:    t.str("event"),
		Protocol: t.str("protocol"),
		Port:     t.integer("port", 1, 65535),
		Size:     t.integer("size", 28, 9000),
		TOS:      t.integer("tos", 0, 255),
		Family:   t.str("family"),
		Interval: t.duration("interval"),
		Rounds:   t.integer("rounds", 1, 10000),
		MaxTTL:   t.integer("max_ttl", 1, 64),
		Tags:     t.tags(),

		NoCoalesce: !t.boolean("coalesce", true),

		ID:       t.ulid("id"),
		Source:   t.str("source"),
		Accepted: t.time("accepted"),
		By:       t.str("by"),
		SentAs:   t.str("sent_as"),
	}
	for key := range d.table {
		d.fault(dotted(key), "is unknown: "+hintFor(key))
	}
	if canonical, err := ParseTarget(j.Target); err == nil {
		j.Target = canonical
	}
	if under != "" {
		j.Target = placeholder // each line of a batch has its own, checked there
	}
	for _, f := range j.faults() {
		if !t.wrong[f.Key] {
			d.fault(dotted(f.Key), f.Problem)
		}
	}
	if under != "" {
		j.Target = ""
	}
	return j
}

func hintFor(key string) string {
	switch key {
	case "ip", "host", "address":
		return "the key for what to trace is target"
	case "ttl", "maxttl":
		return "did you mean max_ttl?"
	case "count", "packets":
		return "did you mean rounds?"
	}
	return "see the table of job keys in docs/formats.md"
}

// taker takes keys out of the table, remembering those of the wrong type so
// that they get one fault and not two.
type taker struct {
	d      *decoding
	dotted func(string) string
	wrong  map[string]bool
}

func (t *taker) take(key string) (any, bool) {
	v, ok := t.d.table[key]
	delete(t.d.table, key)
	return v, ok
}

func (t *taker) refuse(key, problem string) {
	if t.wrong == nil {
		t.wrong = map[string]bool{}
	}
	t.wrong[key] = true
	t.d.fault(t.dotted(key), problem)
}

func (t *taker) str(key string) string {
	v, ok := t.take(key)
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		t.refuse(key, fmt.Sprintf("is %s: write a string in quotes", kindOf(v)))
		return ""
	}
	// An empty string would silently mean "absent"; where a fixed list of words is
	// allowed, it is none of them.
	if s == "" && slices.Contains([]string{"protocol", "family", "source"}, key) {
		t.refuse(key, "is empty: leave it out, or give a value")
	}
	return s
}

func (t *taker) boolean(key string, absent bool) bool {
	v, ok := t.take(key)
	if !ok {
		return absent
	}
	b, ok := v.(bool)
	if !ok {
		t.refuse(key, fmt.Sprintf("is %s: write true or false, without quotes", kindOf(v)))
		return absent
	}
	return b
}

func (t *taker) integer(key string, low, high int) int {
	v, ok := t.take(key)
	if !ok {
		return 0
	}
	n, ok := v.(int64)
	switch {
	case !ok:
		t.refuse(key, fmt.Sprintf("is %s: write an integer, %d-%d", kindOf(v), low, high))
		return 0
	case n == 0 && low > 0 || n > math.MaxInt32 || n < math.MinInt32:
		t.refuse(key, outOfRange(n, low, high))
		return 0
	}
	return int(n)
}

func (t *taker) duration(key string) time.Duration {
	v, ok := t.take(key)
	if !ok {
		return 0
	}
	s, ok := v.(string)
	if !ok {
		t.refuse(key, fmt.Sprintf(`is %s: write a duration in quotes, "1s"; allowed is 100ms-60s`, kindOf(v)))
		return 0
	}
	dur, err := time.ParseDuration(s)
	if err != nil || dur == 0 {
		t.refuse(key, fmt.Sprintf(`%s is no such duration: write "1s" or "500ms"; allowed is 100ms-60s`, quoteShort(s)))
		return 0
	}
	return dur
}

func (t *taker) tags() map[string]string {
	v, ok := t.take("tags")
	if !ok {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		t.refuse("tags", fmt.Sprintf("is %s: write a table of strings", kindOf(v)))
		return nil
	}
	if len(m) == 0 {
		return nil
	}
	tags := make(map[string]string, len(m))
	for name, v := range m {
		s, ok := v.(string)
		if !ok {
			t.refuse("tags."+name, fmt.Sprintf("is %s: write a string in quotes", kindOf(v)))
		}
		tags[name] = s
	}
	return tags
}

func (t *taker) ulid(key string) ulid.ULID {
	s := t.str(key)
	if s == "" {
		return ulid.ULID{}
	}
	id, ok := parseID(s)
	if !ok {
		t.refuse(key, quoteShort(s)+" is no ULID: 26 characters of Crockford's base 32 in upper case")
	}
	return id
}

func (t *taker) time(key string) time.Time {
	v, ok := t.take(key)
	if !ok {
		return time.Time{}
	}
	at, ok := v.(time.Time)
	if !ok {
		t.refuse(key, fmt.Sprintf("is %s: write a time with an offset, 2026-11-23T14:05:32+08:00", kindOf(v)))
		return time.Time{}
	}
	return at
}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case time.Time:
		return "a time"
	case toml.LocalDate, toml.LocalTime, toml.LocalDateTime:
		return "a time without offset"
	case []any:
		return "an array"
	case map[string]any:
		return "a table"
	}
	return "of the wrong type"
}
