package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func encoded(t testing.TB, r *Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Encode(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEncodeDecode(t *testing.T) {
	for name, r := range samples(t) {
		t.Run(name, func(t *testing.T) {
			b := encoded(t, r)
			back, err := Decode(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(b), string(encoded(t, back))); diff != "" {
				t.Errorf("changed by writing and reading:\n%s", diff)
			}
			if diff := cmp.Diff(r.Evidence.Verdict, Judge(&back.Evidence), byValue); diff != "" {
				t.Errorf("judged anew, it says something else:\n%s", diff)
			}
			if diff := cmp.Diff(Text(r), Text(back)); diff != "" {
				t.Errorf("shown anew, it says something else:\n%s", diff)
			}
		})
	}
}

func TestSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(SchemaJSON))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("report.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	validate := func(b []byte) error {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			return err
		}
		return schema.Validate(v)
	}
	for name, r := range samples(t) {
		t.Run(name, func(t *testing.T) {
			if err := validate(encoded(t, r)); err != nil {
				t.Errorf("%v\n%s", err, encoded(t, r))
			}
		})
	}
	good := string(encoded(t, samples(t)["example"]))
	for _, c := range []struct{ name, old, with string }{
		{"an unknown field", `"schema": 1,`, `"schema": 1, "extra": 1,`},
		{"another schema", `"schema": 1,`, `"schema": 2,`},
		{"an unknown answer", `"eeeeee"`, `"xeeeee"`},
		{"an unknown class", `"class": "`, `"class": "un`},
		{"no address", `"address": "203.0.113.7"`, `"address": "example.net"`},
		{"an ID that is none", `"id": "01KAR1`, `"id": "91KAR1`},
		{"a clock that knows more", `{"synchronised":true,`, `{"synchronised":true,"source":"ntp",`},
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

func TestDecodeRejects(t *testing.T) {
	good := string(encoded(t, samples(t)["example"]))
	for _, c := range []struct {
		name, old, with string
		want            error
	}{
		{"newer", `"schema": 1,`, `"schema": 2,`, ErrNewerSchema},
		{"no schema", `"schema": 1,`, ``, ErrInvalid},
		{"torn", good[len(good)/2:], ``, ErrInvalid},
		{"empty", good, ``, ErrInvalid},
		{"null", good, `null`, ErrInvalid},
		{"mtr's own", `"mtrq": {`, `"mtrx": {`, ErrInvalid},
		{"unequal arrays", `"eeeeee"`, `"eeeee"`, ErrInvalid},
		{"unknown answer", `"eeeeee"`, `"xeeeee"`, ErrInvalid},
		{"address out of range", `"addr": [2,`, `"addr": [99,`, ErrInvalid},
		{"negative address", `"addr": [2,`, `"addr": [-1,`, ErrInvalid},
		{"TTL of a hop", `"ttl": 1,`, `"ttl": 2,`, ErrInvalid},
		{"TTL of the target", `"ttl": 4,`, `"ttl": 5,`, ErrInvalid},
		{"not an address", `"address": "203.0.113.7"`, `"address": "x"`, ErrInvalid},
		{"time backwards", `"tx_ms": [0.212,`, `"tx_ms": [1000000,`, ErrInvalid},
		{"a state of the trace that is none", `"ended": "shutdown"`, `"ended": "soon"`, ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := strings.Replace(good, c.old, c.with, 1)
			if bad == good {
				t.Fatalf("nothing to replace: %q\n%s", c.old, good)
			}
			r, err := Decode(strings.NewReader(bad))
			if !errors.Is(err, c.want) || r != nil {
				t.Errorf("got %v, %v, want %v", r, err, c.want)
			}
		})
	}
	r, err := Decode(strings.NewReader(strings.Replace(good, `"schema": 1,`, `"schema": 1, "of_the_future": {"x":[1]},`, 1)))
	if err != nil || r == nil {
		t.Errorf("unknown field: got %v, want it skipped", err)
	}
}

func TestDecodeIsBounded(t *testing.T) {
	if _, err := Decode(endless{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v, want %v", err, ErrInvalid)
	}
	if _, err := Decode(strings.NewReader(strings.Repeat("[", 1<<20))); !errors.Is(err, ErrInvalid) {
		t.Errorf("deep: got %v, want %v", err, ErrInvalid)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestLayout(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"scalar", `1`, "1\n"},
		{"short", `{"a":1,"b":[1,2]}`, "{\"a\":1,\"b\":[1,2]}\n"},
		{"braces in strings", `{"a":"}]\\\"{` + strings.Repeat("x", 160) + `","b":[]}`, "{\n  \"a\": \"}]\\\\\\\"{" + strings.Repeat("x", 160) + "\",\n  \"b\": []\n}\n"},
		{"a long array of numbers", `{"a":[` + strings.Repeat("1,", 100) + `1]}`, "{\n  \"a\": [" + strings.Repeat("1,", 100) + "1]\n}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := string(layout([]byte(c.in)))
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			var a, b any
			if json.Unmarshal([]byte(c.in), &a) != nil || json.Unmarshal([]byte(got), &b) != nil || !cmp.Equal(a, b) {
				t.Errorf("%s is not the same JSON as %s", got, c.in)
			}
		})
	}
}

// FuzzDecode reads anything as a report: no panic, no value beside an
// error, and what could be read can be judged, shown and written.
func FuzzDecode(f *testing.F) {
	for _, r := range samples(f) {
		f.Add(encoded(f, r))
	}
	f.Add([]byte(`{"mtrq":{"schema":1,"ended":"complete","requests":[{"accepted":"2026-11-23T14:05:32Z"}],"times":{"accepted":"2026-11-23T14:05:32Z","started":"2026-11-23T14:05:32Z"}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(bytes.NewReader(b))
		if err != nil {
			if r != nil {
				t.Fatal("a value beside an error")
			}
			return
		}
		safeText(t, Text(r))
		out := encoded(t, r)
		back, err := Decode(bytes.NewReader(out))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, out)
		}
		if again := encoded(t, back); !bytes.Equal(out, again) {
			t.Fatalf("write, read, write is not stable:\n%s", cmp.Diff(string(out), string(again)))
		}
	})
}
