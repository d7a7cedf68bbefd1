package spool

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestKeyLinesAreBounded: what is kept of a document's keys is at most some
// times the document, whatever a stranger writes.
func TestKeyLinesAreBounded(t *testing.T) {
	long := strings.Repeat("k", MaxJobBytes/2)
	var keys strings.Builder
	for i := 0; keys.Len() < MaxJobBytes/2-64; i++ {
		fmt.Fprintf(&keys, "k%d=1\n", i)
	}
	for name, doc := range map[string]string{
		"many parts":                  strings.Repeat("a.", MaxJobBytes/2-8) + "a = 1\n",
		"many parts in quotes":        strings.Repeat(`"".`, MaxJobBytes/3-8) + "a = 1\n",
		"many keys in a long table":   "[" + long + "]\n" + keys.String(),
		"many keys in a deep table":   "[" + strings.Repeat("a.", MaxJobBytes/4) + "a]\n" + keys.String(),
		"many keys below a long one":  "[x." + long + "]\n" + keys.String(),
		"many keys":                   keys.String() + strings.ReplaceAll(keys.String(), "k", "l"),
		"many tables":                 strings.ReplaceAll(strings.ReplaceAll(keys.String(), "=1", "]"), "k", "[m.k"),
		"arrays of tables, many deep": strings.Repeat("[["+strings.Repeat("b.", 50)+"b]]\n", 600),
	} {
		t.Run(name, func(t *testing.T) {
			if len(doc) > MaxJobBytes {
				t.Fatalf("the document has %d bytes", len(doc))
			}
			kept := 0
			for key := range keyLines([]byte(doc)) {
				kept += len(key)
			}
			if kept > 4*MaxJobBytes {
				t.Errorf("%d bytes of keys are kept of a document of %d", kept, len(doc))
			}
		})
	}
}

// TestLinesOfKeys: a fault names the line of its key, or of the table where
// the key is none of ours.
func TestLinesOfKeys(t *testing.T) {
	long := strings.Repeat("z", 200)
	_, err := DecodeJob("x", []byte("target = \"203.0.113.7\"\nport = \"a\"\n\"a.b\" = 1\nc.d.e = 1\n\n[tags]\nok = \"v\"\nn = 1\n"+long+" = 2\n\n["+long+"]\nx = 1\n"))
	var faults *JobError
	if !errors.As(err, &faults) {
		t.Fatal(err)
	}
	want := map[string]int{"port": 2, "a.b": 3, "c": 4, "tags.n": 8, "tags": 6, "tags." + long: 6, long: 11}
	for _, f := range faults.Faults {
		if line, ok := want[f.Key]; !ok || line != f.Line {
			t.Errorf("fault of %.20q in line %d, want %d", f.Key, f.Line, line)
		}
		delete(want, f.Key)
	}
	if len(want) > 0 {
		t.Errorf("no fault of %v", want)
	}
}

// TestAnErrorIsShort: what a file of 64 KiB can be told of it is a few KiB.
func TestAnErrorIsShort(t *testing.T) {
	var keys strings.Builder
	for i := 0; keys.Len() < MaxJobBytes-20; i++ {
		fmt.Fprintf(&keys, "k%d=1\n", i)
	}
	var long strings.Builder
	for i := range 10 {
		fmt.Fprintf(&long, "%d%s=1\n", i, strings.Repeat("k", 6000))
	}
	for name, c := range map[string]struct{ doc, end string }{
		"many": {keys.String(), " more"},
		"long": {long.String(), "…"},
	} {
		_, err := DecodeJob("x", []byte(c.doc))
		if err == nil || len(err.Error()) > 4096 || !strings.Contains(err.Error(), c.end) {
			t.Errorf("%s: an error of %d bytes, want a few KiB with %q: %.200s", name, len(err.Error()), c.end, err)
		}
	}
	_, err := DecodeJob("x", []byte(keys.String()))
	var faults *JobError
	if !errors.As(err, &faults) || len(faults.Faults) < 1000 {
		t.Fatalf("%d faults, want all of them for who asks", len(faults.Faults))
	}
	if want := fmt.Sprintf("; and %d more", len(faults.Faults)-20); !strings.HasSuffix(err.Error(), want) {
		t.Errorf("the error ends with %.30q, want %q", err.Error()[len(err.Error())-30:], want)
	}
}
