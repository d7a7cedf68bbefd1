package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// IncidentSchemaJSON is the JSON Schema (2020-12) of what EncodeIncident
// writes.
//
//go:embed incident.schema.json
var IncidentSchemaJSON []byte

// EncodeIncident writes an incident as JSON, laid out as reports are.
// Lists that are nil are written as empty ones, and addresses as files
// have them; inc itself stays as it is.
func EncodeIncident(w io.Writer, inc *Incident) error {
	var compact bytes.Buffer
	enc := json.NewEncoder(&compact)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(inc.whole()); err != nil {
		return fmt.Errorf("encode incident %s: %w", inc.ID, err)
	}
	if _, err := w.Write(layout(compact.Bytes())); err != nil {
		return fmt.Errorf("write incident %s: %w", inc.ID, err)
	}
	return nil
}

// DecodeIncident reads an incident and checks that it holds together:
// what it returns can be shown and judged without further care, and has
// no list that is nil where an empty one says the same. It gives
// ErrNewerSchema for one from the future, and ErrInvalid for anything
// that is none, also for what is longer than MaxBytes. Fields that it
// does not know are skipped.
func DecodeIncident(b []byte) (*Incident, error) {
	if len(b) > MaxBytes {
		return nil, noIncident(fmt.Errorf("longer than %d bytes", MaxBytes))
	}
	var head struct {
		Schema *int `json:"schema"`
	}
	// A wrong type elsewhere does not hide a newer schema.
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, noIncident(err)
	}
	switch {
	case head.Schema == nil:
		return nil, noIncident(errors.New("it has no schema"))
	case *head.Schema > IncidentSchema:
		return nil, fmt.Errorf("%w (this incident has %d, this reads up to %d)", ErrNewerSchema, *head.Schema, IncidentSchema)
	}
	var inc Incident
	if err := json.Unmarshal(b, &inc); err != nil {
		return nil, noIncident(err)
	}
	out := inc.whole()
	if err := out.check(); err != nil {
		return nil, noIncident(err)
	}
	return out, nil
}

// EncodeSuspect writes a suspect as one line of JSON.
func EncodeSuspect(w io.Writer, s *Suspect) error {
	out := *s
	out.Address = plain(s.Address)
	out.Path = list(s.Path)
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&out); err != nil {
		return fmt.Errorf("encode suspect %s: %w", s.ID, err)
	}
	if _, err := w.Write(line.Bytes()); err != nil {
		return fmt.Errorf("write suspect %s: %w", s.ID, err)
	}
	return nil
}

// DecodeSuspect reads one line of a suspects.jsonl, with or without its
// newline, and checks it. It gives ErrInvalid for anything that is none,
// also for a line longer than 64 KiB.
func DecodeSuspect(line []byte) (*Suspect, error) {
	if len(line) > maxLine {
		return nil, notA{"a suspect", fmt.Errorf("line of %d bytes, at most %d are read", len(line), maxLine)}
	}
	var s Suspect
	if err := json.Unmarshal(line, &s); err != nil {
		return nil, notA{"a suspect", err}
	}
	s.Address = plain(s.Address)
	s.Path = list(s.Path)
	if err := s.check(); err != nil {
		return nil, notA{"a suspect", err}
	}
	return &s, nil
}

// notA is ErrInvalid in the words of what was read, which is no report.
type notA struct {
	what string
	why  error
}

func noIncident(why error) error { return notA{"an incident", why} }

func (e notA) Error() string        { return "not " + e.what + ": " + e.why.Error() }
func (e notA) Is(target error) bool { return target == ErrInvalid }
func (e notA) Unwrap() error        { return e.why }

// list is a list that is written as [] where there is nothing in it.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
