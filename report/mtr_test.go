package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// keys lists the fields of JSON in their order, with the sort of value
// each has; of an array the first element stands for all.
func keys(t *testing.T, b []byte) []string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var out []string
	var walk func(path string, keep bool)
	token := func() json.Token {
		tok, err := dec.Token()
		if err != nil {
			t.Fatalf("%v in %s", err, b)
		}
		return tok
	}
	walk = func(path string, keep bool) {
		tok := token()
		what := fmt.Sprintf("%T", tok)
		if n, ok := tok.(json.Number); ok {
			what = "integer"
			if bytes.ContainsAny([]byte(n), ".e") {
				what = "real"
			}
		}
		if d, ok := tok.(json.Delim); ok {
			what = d.String()
			for i := 0; dec.More(); i++ {
				next := path + "[]"
				if d == '{' {
					next = path + "." + token().(string)
				}
				walk(next, keep && (d == '{' || i == 0))
			}
			token()
		}
		if keep {
			out = append(out, path+" "+what)
		}
	}
	walk("", true)
	return out
}

// TestMTRObject compares our "report" object with what mtr itself
// writes: fields, their order and the sorts of values.
func TestMTRObject(t *testing.T) {
	mtr, err := exec.LookPath("mtr")
	if err != nil {
		t.Skip("no mtr on this machine")
	}
	cmd := exec.CommandContext(t.Context(), mtr, "--json", "-n", "-c", "1", "-G", "1", "127.0.0.1")
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"}
	theirs, err := cmd.Output()
	if err != nil {
		t.Skipf("mtr cannot run here: %v", err)
	}
	r := fold(t, lines(t, `
{"e":"p","n":1,"ttl":1,"ms":1,"kind":"reply","us":500,"addr":"203.0.113.7"}
{"e":"end","ms":300,"ended":"complete"}`))
	ours, err := json.Marshal(struct {
		Report MTR `json:"report"`
	}{r.MTR})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(keys(t, theirs), keys(t, ours)); diff != "" {
		t.Errorf("mtr's -, ours +:\n%s", diff)
	}
}

func TestReal(t *testing.T) {
	for _, c := range []struct {
		in   Real
		want string
	}{
		{0, "0.0"}, {100, "100.0"}, {100.0 / 3, "33.333"}, {0.412, "0.412"}, {1234.567, "1234.6"}, {0.0001, "0.0001"}, {123456, "1.2346e5"}, {0.00001, "1e-05"},
	} {
		b, err := c.in.MarshalJSON()
		if err != nil || string(b) != c.want {
			t.Errorf("%v: got %s, %v, want %s", float64(c.in), b, err, c.want)
		}
	}
}

// TestHubs: which rows mtr would have.
func TestHubs(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"silent behind the last that answered: one row more", `
{"e":"p","n":1,"ttl":1,"ms":1,"kind":"expired","us":500,"addr":"198.18.0.1"}
{"e":"p","n":2,"ttl":2,"ms":1,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":3,"ttl":3,"ms":1,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":4,"ttl":0,"ms":1,"deadline_ms":200,"kind":"lost"}`, "1 198.18.0.1 0 of 1, 2 ??? 100 of 1, "},
		{"only pings were answered", `
{"e":"p","n":1,"ttl":1,"ms":1,"kind":"expired","us":500,"addr":"198.18.0.1"}
{"e":"p","n":2,"ttl":2,"ms":1,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":3,"ttl":0,"ms":1,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":4,"ttl":0,"ms":1,"kind":"reply","us":500,"addr":"203.0.113.7"}`, "1 198.18.0.1 0 of 1, 2 ??? 100 of 1, 3 203.0.113.7 50 of 2, "},
		{"a router turns back: nothing behind it", `
{"e":"p","n":1,"ttl":1,"ms":1,"kind":"unreachable","us":500,"addr":"198.18.0.1"}
{"e":"p","n":2,"ttl":2,"ms":1,"kind":"unreachable","us":500,"addr":"198.18.0.1"}`, "1 198.18.0.1 0 of 1, "},
		{"nothing at all", ``, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			for _, h := range fold(t, lines(t, c.text)).MTR.Hubs {
				got += fmt.Sprintf("%d %s %g of %d, ", h.Count, h.Host, h.Loss, h.Snt)
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
