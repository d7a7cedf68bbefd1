package drill

import (
	"encoding/json"
	"fmt"
	"io"
)

// MarshalJSON writes a Milestone with its time in milliseconds:
//
//	{"name": "noticed", "source": "watchdog", "state": "ok", "at_ms": 812.4, "text": "203.0.113.7 did not answer in time"}
//
// at_ms counts from the beginning of the loss and is absent where there is
// no moment.
func (m Milestone) MarshalJSON() ([]byte, error) {
	out := struct {
		Name   Name     `json:"name"`
		Source Source   `json:"source"`
		State  State    `json:"state"`
		AtMS   *float64 `json:"at_ms,omitempty"`
		Text   string   `json:"text,omitempty"`
	}{Name: m.Name, Source: m.Source, State: m.State, Text: m.Text}
	if m.At != nil {
		ms := millis(*m.At)
		out.AtMS = &ms
	}
	return json.Marshal(out)
}

// WriteJSON writes the result as one JSON object.
func (r *Result) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}
