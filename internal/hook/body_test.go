package hook

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func tmpl(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify.tmpl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTemplate(t *testing.T) {
	r := &receiver{}
	srv := httptest.NewServer(r)
	defer srv.Close()
	for name, tt := range map[string]struct{ text, want, kind string }{
		"JSON":  {`{"text": {{json .Sentence}}, "to": {{json .Targets}}{{if .Closed}}, "end": true{{end}}}`, `{"text": "lost \"3\" \u003cb\u003e", "to": ["a\"b"]}`, "application/json"},
		"plain": {"{{.Event}}: {{.Sentence}}\n?q={{urlquery .Sentence}}", "incident-open: lost \"3\" <b>\n?q=lost+%223%22+%3Cb%3E", "text/plain; charset=utf-8"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := sender("", Hook{On: both(), URL: srv.URL + "/" + name, Template: tmpl(t, tt.text)})
			start(t, s)
			inc := incident(1, `a"b`)
			inc.Verdict.Sentence = `lost "3" <b>`
			s.Send(OnOpen, inc)
			eventually(t, "the message", func() bool { return s.Stats().Delivered == 1 })
			all := r.requests()
			if g := all[len(all)-1]; g.body != tt.want || g.kind != tt.kind {
				t.Errorf("got %q as %s, want %q as %s", g.body, g.kind, tt.want, tt.kind)
			}
		})
	}
}

func TestTemplateFaults(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"syntax":         {"{{.Event}}\n{{if}}\n", ".tmpl:2: missing value for if"},
		"no such field":  {"a\nb\n  {{.Verdict}}", ".tmpl:3:4: executing"},
		"of the close":   {"a\n{{if .Closed}}{{.Nothing}}{{end}}", ".tmpl:2:"},
		"no function":    {"{{shell .Event}}", `.tmpl:1: function "shell" not defined`},
		"makes too much": {"{{range 200000}}0123456789{{end}}", "it makes more than 1 MiB"},
		"too long":       {strings.Repeat("a", maxTemplate+1), "longer than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			h := Hook{On: both(), URL: "http://127.0.0.1:1/", Template: tmpl(t, tt.text)}
			s, _ := sender("", h)
			if err := s.Run(context.Background()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// Whatever an incident holds, a message stays within its bounds and its
// file can be read back.
func TestMessageBounds(t *testing.T) {
	inc := incident(1)
	for range 500 {
		inc.Members = append(inc.Members, incident(1, strings.Repeat("ä<", 5000)).Members...)
	}
	inc.Affected = 700
	inc.Verdict.Sentence = strings.Repeat("\xff<\u2028", 100_000)
	s, _ := sender("", Hook{On: both(), URL: "http://127.0.0.1:1/"})
	m := s.message(OnOpen, inc)
	if len(m.Targets) != maxTargets || m.Affected != 700 || len(m.Targets[0]) > maxName || len(m.Sentence) > maxSentence || !utf8.ValidString(m.Targets[0]) {
		t.Errorf("%d targets of %d bytes, %d affected, sentence of %d bytes", len(m.Targets), len(m.Targets[0]), m.Affected, len(m.Sentence))
	}
	text := cleanText(strings.Repeat("<\x00", 100_000))
	if len(text) > maxText+10 || !strings.HasSuffix(text, "\n…\n") || strings.ContainsRune(text, 0) {
		t.Errorf("text of %d bytes ends in %q", len(text), text[len(text)-10:])
	}
	m.Text = text
	data, err := json.Marshal(stored{storedSchema, "0", inc.Times.Began, m})
	if err != nil || len(data) > maxFile {
		t.Errorf("file of %d bytes: %v", len(data), err)
	}
	var size int
	for _, v := range m.environment() {
		size += len(v)
	}
	if size > 16<<10 {
		t.Errorf("environment of %d bytes", size)
	}
}

func TestHookKeys(t *testing.T) {
	a, b := Hook{URL: "https://hooks.example.net/a"}, Hook{Command: []string{"/bin/true", "a"}}
	before := hookKeys([]Hook{a, b, a})
	a.Timeout, a.Template, a.On = 1, "/t", both()
	after := hookKeys([]Hook{b, a, a})
	if before[0] != after[1] || before[1] != after[0] || before[2] != after[2] || before[0] == before[2] || before[0] == before[1] {
		t.Errorf("before %v, after %v", before, after)
	}
}
