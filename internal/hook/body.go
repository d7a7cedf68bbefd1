package hook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/template"
	"time"

	"github.com/mtrq/mtrq/report"
)

const (
	maxTemplate = 1 << 20 // bytes of its file
	maxBody     = 1 << 20 // bytes that it may make
)

// body makes the bytes that a hook gets.
type body struct {
	tmpl *template.Template // nil: the message in JSON
}

// newBody reads a template; an empty path is the default body. It is tried
// on two messages, as a field that is not there shows only when it is used.
// Its faults say file:line.
func newBody(path string) (*body, error) {
	if path == "" {
		return &body{}, nil
	}
	text, err := readTemplate(path)
	if err != nil {
		return nil, err
	}
	// The name stands in its errors: "template: /etc/mtrq/notify.tmpl:3:7: …".
	tmpl, err := template.New(path).Funcs(template.FuncMap{"json": toJSON}).Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	b := &body{tmpl: tmpl}
	for _, m := range samples() {
		if _, _, err := b.of(&m); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func readTemplate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	defer f.Close() // only read from
	text, err := io.ReadAll(io.LimitReader(f, maxTemplate+1))
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("read template: %s is longer than 1 MiB", path)
	}
	return text, nil
}

// of makes the body of a message, and its Content-Type.
func (b *body) of(m *Message) (data []byte, kind string, err error) {
	if b.tmpl == nil {
		data, err := json.Marshal(m)
		if err != nil {
			return nil, "", fmt.Errorf("write message %s: %w", m.ID, err)
		}
		return append(data, '\n'), "application/json", nil
	}
	var w bounded
	if err := b.tmpl.Execute(&w, m); err != nil {
		return nil, "", fmt.Errorf("use template: %w", err)
	}
	if json.Valid(w.buf.Bytes()) {
		return w.buf.Bytes(), "application/json", nil
	}
	return w.buf.Bytes(), "text/plain; charset=utf-8", nil
}

// toJSON is the template's function json: a value as it stands in JSON, quotes
// included.
func toJSON(v any) (string, error) {
	data, err := json.Marshal(v)
	return string(data), err
}

// bounded takes at most maxBody bytes.
type bounded struct{ buf bytes.Buffer }

var errTooLong = errors.New("it makes more than 1 MiB")

func (w *bounded) Write(p []byte) (int, error) {
	if w.buf.Len()+len(p) > maxBody {
		return 0, errTooLong
	}
	return w.buf.Write(p)
}

// samples are an open and a closed incident to try a template on.
func samples() []Message {
	at := time.Date(2026, 11, 23, 6, 5, 32, 0, time.UTC)
	end := at.Add(time.Minute)
	open := Message{
		Schema: MessageSchema, ID: messageID("01JDC000000000000000000000", OnOpen, "0"), Event: OnOpen,
		Incident: "01JDC000000000000000000000", Node: "hk1", Link: "https://mtrq.example.net/incident/01JDC000000000000000000000",
		Class: report.RealLoss, Grade: report.Likely, Sentence: "packets are lost", Targets: []string{"203.0.113.7"}, Affected: 1,
		Began: at, Opened: at.Add(3 * time.Second), Text: "packets are lost\n",
	}
	closed := open
	closed.Event, closed.Recovered, closed.Closed = OnClose, &end, &end
	return []Message{open, closed}
}
