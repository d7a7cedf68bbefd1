package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func encodedIncident(t testing.TB, inc *Incident) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := EncodeIncident(&b, inc); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodedSuspect(t testing.TB, s *Suspect) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := EncodeSuspect(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEncodeDecodeIncident(t *testing.T) {
	for name, s := range incidents(t) {
		t.Run(name, func(t *testing.T) {
			b := encodedIncident(t, s.inc)
			back, err := DecodeIncident(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(b), string(encodedIncident(t, back))); diff != "" {
				t.Errorf("changed by writing and reading:\n%s", diff)
			}
			if diff := cmp.Diff(JudgeIncident(s.inc, s.reports), JudgeIncident(back, s.reports), byValue); diff != "" {
				t.Errorf("judged anew, it says something else:\n%s", diff)
			}
			if diff := cmp.Diff(IncidentText(s.inc, s.reports), IncidentText(back, s.reports)); diff != "" {
				t.Errorf("shown anew, it says something else:\n%s", diff)
			}
		})
	}
}

// TestEncodeIncidentLeavesNoNull: whoever builds an incident may leave
// lists nil; whoever reads it need not ask.
func TestEncodeIncidentLeavesNoNull(t *testing.T) {
	inc := &Incident{Schema: 1, ID: testID, State: IncidentOpen, Trigger: TriggerLoss, At: began, Times: IncidentTimes{Began: began, Noticed: began, Opened: began},
		Members: []Member{{Target: "203.0.113.7", Trigger: TriggerLoss, Began: began, Noticed: began, Opened: began, Pings: Pings{From: began},
			Burst: &Pings{From: began}, Before: &Path{At: began, Hops: []PathHop{{TTL: 1}}}, After: &Path{At: began}}},
		Common: &Common{}, Host: Host{Opened: &HostState{At: began}}, Versions: Versions{Rules: 1},
		Verdict: Verdict{Class: NotProven, Grade: Weak, RulesVersion: 1}}
	b := encodedIncident(t, inc)
	if strings.Contains(string(b), "null") {
		t.Errorf("null in\n%s", b)
	}
	if err := incidentSchema(t)(b); err != nil {
		t.Errorf("%v\n%s", err, b)
	}
	back, err := DecodeIncident(b)
	if err != nil {
		t.Fatal(err)
	}
	if inc.Members[0].Pings.TxMS != nil || inc.Canaries != nil {
		t.Error("writing it changed it")
	}
	if back.Canaries == nil || back.Members[0].Before.Hops[0].Addrs == nil || back.Common.Suspects == nil {
		t.Error("a list is nil after reading")
	}
}

func incidentSchema(t testing.TB) func([]byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(IncidentSchemaJSON))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("incident.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("incident.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(b []byte) error {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			return err
		}
		return schema.Validate(v)
	}
}

func TestIncidentSchema(t *testing.T) {
	validate := incidentSchema(t)
	for name, s := range incidents(t) {
		s.inc.Verdict = JudgeIncident(s.inc, s.reports)
		if err := validate(encodedIncident(t, s.inc)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := string(encodedIncident(t, documented()))
	if err := validate([]byte(good)); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ name, old, with string }{
		{"an unknown field", `"schema": 1,`, `"schema": 1, "extra": 1,`},
		{"another schema", `"schema": 1,`, `"schema": 2,`},
		{"an unknown answer", `"answer": "rrrr`, `"answer": "erre`},
		{"an unknown trigger", `"trigger": "loss"`, `"trigger": "noise"`},
		{"an unknown canary", `"kind":"gateway"`, `"kind":"parrot"`},
		{"no address", `"address": "203.0.113.7"`, `"address": "example.net"`},
		{"a loss of nothing", `"lost":`, `"lost":null,"was":`},
		{"no members", `"members": [`, `"members": [], "others": [`},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := strings.Replace(good, c.old, c.with, 1)
			if bad == good {
				t.Fatalf("nothing to replace: %q\n%s", c.old, good)
			}
			if validate([]byte(bad)) == nil {
				t.Error("valid, want an error")
			}
		})
	}
}

func TestDecodeIncidentRejects(t *testing.T) {
	good := string(encodedIncident(t, documented()))
	for _, c := range []struct {
		name, old, with string
		want            error
	}{
		{"newer", `"schema": 1,`, `"schema": 2,`, ErrNewerSchema},
		{"newer, and nothing else as it is", good, `{"schema": 7, "members": "none"}`, ErrNewerSchema},
		{"no schema", `"schema": 1,`, ``, ErrInvalid},
		{"torn", good[len(good)/2:], ``, ErrInvalid},
		{"empty", good, ``, ErrInvalid},
		{"null", good, `null`, ErrInvalid},
		{"a report", good, string(encoded(t, samples(t)["example"])), ErrInvalid},
		{"a state that is none", `"state": "closed"`, `"state": "half"`, ErrInvalid},
		{"a trigger that is none", `"trigger": "loss"`, `"trigger": "noise"`, ErrInvalid},
		{"no members", `"members": [`, `"members": [], "was": [`, ErrInvalid},
		{"unequal arrays", `"tx_ms": [0,`, `"tx_ms": [`, ErrInvalid},
		{"unknown answer", `"answer": "rrrr`, `"answer": "erre`, ErrInvalid},
		{"time backwards", `"tx_ms": [0,`, `"tx_ms": [1000000,`, ErrInvalid},
		{"time before the zero", `"tx_ms": [0,`, `"tx_ms": [-1,`, ErrInvalid},
		{"a negative round-trip time", `"rtt_us": [9`, `"rtt_us": [-9`, ErrInvalid},
		{"more lost than sent", `"lost": 190,`, `"lost": 191,`, ErrInvalid},
		{"a time that nobody knows", `"noticed": "2026`, `"noticed": "0001`, ErrInvalid},
		{"a canary that is none", `"kind":"gateway"`, `"kind":"parrot"`, ErrInvalid},
		{"a probability of 2", `"probability":0.`, `"probability":2.`, ErrInvalid},
		{"hops that go down", `{"ttl":2,`, `{"ttl":1,`, ErrInvalid},
		{"a hop that is nobody", `"addrs":["198.18.0.5"]`, `"addrs":[""]`, ErrInvalid},
		{"not an address", `"address": "203.0.113.7"`, `"address": "x"`, ErrInvalid},
		{"a name without end", `"target": "203.0.113.7"`, `"target": "` + strings.Repeat("x", maxText+1) + `"`, ErrInvalid},
		{"a stall of -1 ms", `"ms":1350`, `"ms":-1`, ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := strings.Replace(good, c.old, c.with, 1)
			if bad == good {
				t.Fatalf("nothing to replace: %q\n%s", c.old, good)
			}
			inc, err := DecodeIncident([]byte(bad))
			if !errors.Is(err, c.want) || inc != nil {
				t.Fatalf("got %v, %v, want %v", inc, err, c.want)
			}
			if strings.Contains(err.Error(), "not a report") {
				t.Errorf("it speaks of a report: %v", err)
			}
		})
	}
	inc, err := DecodeIncident([]byte(strings.Replace(good, `"schema": 1,`, `"schema": 1, "of_the_future": {"x":[1]},`, 1)))
	if err != nil || inc == nil {
		t.Errorf("unknown field: got %v, want it skipped", err)
	}
	if _, err := DecodeIncident(bytes.Repeat([]byte(" "), MaxBytes+1)); !errors.Is(err, ErrInvalid) {
		t.Errorf("too long: got %v, want %v", err, ErrInvalid)
	}
	// A gateway with a zone is written as files have it.
	if inc, err := DecodeIncident([]byte(strings.Replace(good, `"address":"192.0.2.254"`, `"address":"fe80::1%eth0"`, 1))); err != nil || inc.Canaries[1].Addr.Zone() != "" {
		t.Errorf("a link-local gateway: %v", err)
	}
}

func TestSuspect(t *testing.T) {
	for line := range strings.Lines(fenced(t, "jsonl suspects")) {
		s, err := DecodeSuspect([]byte(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if got := string(encodedSuspect(t, s)); got != line {
			t.Errorf("got  %swant %s", got, line)
		}
	}
	good := fenced(t, "jsonl suspects")
	good = good[:strings.IndexByte(good, '\n')]
	for _, c := range []struct{ name, old, with string }{
		{"torn", good[len(good)/2:], ``},
		{"empty", good, ``},
		{"null", good, `null`},
		{"two of them", `}`, `}{}`},
		{"no target", `"target":"203.0.113.9"`, `"target":""`},
		{"more lost than sent", `"lost":1,`, `"lost":99,`},
		{"a strip of something else", `"strip":"r`, `"strip":"e`},
		{"a path through a name", `"198.18.0.1"`, `"gateway"`},
		{"no time", `"at":"2026`, `"at":"0026`},
		{"a long line", good, good + strings.Repeat(" ", maxLine)},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := strings.Replace(good, c.old, c.with, 1)
			if bad == good {
				t.Fatalf("nothing to replace: %q\n%s", c.old, good)
			}
			if s, err := DecodeSuspect([]byte(bad)); !errors.Is(err, ErrInvalid) || s != nil {
				t.Errorf("got %v, %v, want %v", s, err, ErrInvalid)
			}
		})
	}
	if b := encodedSuspect(t, &Suspect{Target: "x"}); bytes.Contains(b, []byte("null")) || bytes.Count(b, []byte("\n")) != 1 {
		t.Errorf("got %q, want one line without null", b)
	}
}

// FuzzDecodeIncident reads anything as an incident: no panic, no value
// beside an error, and what could be read can be judged, shown, drawn and
// written.
func FuzzDecodeIncident(f *testing.F) {
	for _, s := range incidents(f) {
		if b := encodedIncident(f, s.inc); len(b) < 100<<10 {
			f.Add(b)
		}
	}
	f.Add(encodedIncident(f, documented()))
	f.Add([]byte(`{"schema":1,"state":"open","trigger":"jitter","at":"9999-01-01T00:00:00Z","times":{"began":"1970-01-01T00:00:00Z","noticed":"1970-01-01T00:00:00Z","opened":"1970-01-01T00:00:00Z"},"members":[{"target":"x","trigger":"loss","began":"1970-01-01T00:00:00Z","noticed":"9970-01-01T00:00:00Z","opened":"1970-01-01T00:00:00Z"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		inc, err := DecodeIncident(b)
		if err != nil {
			if inc != nil {
				t.Fatal("a value beside an error")
			}
			return
		}
		text := IncidentText(inc, nil)
		safeText(t, text)
		narrow(t, text)
		sound(t, IncidentSVG(inc, nil))
		out := encodedIncident(t, inc)
		back, err := DecodeIncident(out)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, out)
		}
		if again := encodedIncident(t, back); !bytes.Equal(out, again) {
			t.Fatalf("write, read, write is not stable:\n%s", cmp.Diff(string(out), string(again)))
		}
	})
}

func FuzzDecodeSuspect(f *testing.F) {
	for line := range strings.Lines(fenced(f, "jsonl suspects")) {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeSuspect(b)
		if err != nil {
			if s != nil {
				t.Fatal("a value beside an error")
			}
			return
		}
		out := encodedSuspect(t, s)
		back, err := DecodeSuspect(out)
		if err != nil {
			if len(out) > maxLine { // what JSON escapes may grow beyond a line
				return
			}
			t.Fatalf("what was written cannot be read: %v\n%s", err, out)
		}
		if again := encodedSuspect(t, back); !bytes.Equal(out, again) {
			t.Fatalf("write, read, write is not stable:\n%s\n%s", out, again)
		}
	})
}

// narrow checks that no line of a text is longer than 100 characters.
func narrow(t testing.TB, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > textWidth {
			t.Fatalf("a line of %d characters: %q", n, line)
		}
	}
}

// sound checks that a picture is well-formed XML that a strict policy lets
// through, and not too long.
func sound(t testing.TB, svg []byte) {
	t.Helper()
	if len(svg) > 200_000 {
		t.Fatalf("a picture of %d bytes, want at most 200 kB", len(svg))
	}
	allowed := map[string]bool{"svg": true, "title": true, "desc": true, "rect": true, "path": true, "text": true, "g": true}
	dec := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		el, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !allowed[el.Name.Local] {
			t.Fatalf("element %s", el.Name.Local)
		}
		for _, a := range el.Attr {
			if n := a.Name.Local; n == "style" || n == "class" || strings.HasPrefix(n, "on") || strings.Contains(n, "href") {
				t.Fatalf("attribute %s of %s", n, el.Name.Local)
			}
			if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") || strings.Contains(a.Value, "url(") {
				t.Fatalf("attribute %s of %s is %q", a.Name.Local, el.Name.Local, a.Value)
			}
		}
	}
}

// TestDocumentedIncident holds the example in docs/formats.md and the code
// equal: -update writes it anew. Every field of the schema is in it.
func TestDocumentedIncident(t *testing.T) {
	const file = "../docs/formats.md"
	inc := documented()
	b := encodedIncident(t, inc)
	for fence, want := range map[string]string{"json incident": string(b), "text incident": IncidentText(inc, nil)} {
		got := fenced(t, fence)
		if got == want {
			continue
		}
		if !*update {
			t.Errorf("%s, ```%s: got +, want - (-update rewrites it):\n%s", file, fence, cmp.Diff(want, got))
			continue
		}
		doc, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		open := "\n```" + fence + "\n"
		if err := os.WriteFile(file, []byte(strings.Replace(string(doc), open+got, open+want, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var schema, example any
	if err := errors.Join(json.Unmarshal(IncidentSchemaJSON, &schema), json.Unmarshal(b, &example)); err != nil {
		t.Fatal(err)
	}
	shown := make(map[string]bool)
	walkJSON(example, func(key string, _ any) { shown[key] = true })
	walkJSON(schema, func(key string, v any) {
		if key != "properties" {
			return
		}
		for name := range v.(map[string]any) {
			// Of the likeliest link speaks only a verdict whose stretch has several.
			if !shown[name] && name != "likeliest" && name != "chance" {
				t.Errorf("the example shows no %q", name)
			}
		}
	})
}

func walkJSON(v any, visit func(key string, v any)) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			visit(k, x)
			walkJSON(x, visit)
		}
	case []any:
		for _, x := range v {
			walkJSON(x, visit)
		}
	}
}
