package cases

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtrq/mtrq/report"
)

// TestDrawIsPure: the same seed gives the same cases.
func TestDrawIsPure(t *testing.T) {
	written := func(seed uint64) string {
		b, err := json.Marshal(Draw(seed, 40))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	a, again := written(5), written(5)
	if a != again {
		t.Error("the same seed gives others")
	}
	if a == written(6) {
		t.Error("another seed gives the same")
	}
}

// TestEveryGroupIsDrawn: 500 cases hold each sort of trouble.
func TestEveryGroupIsDrawn(t *testing.T) {
	n := map[string]int{}
	for _, c := range Draw(1, 500) {
		n[c.Group]++
	}
	for _, g := range Groups() {
		if n[g] == 0 {
			t.Errorf("no case of %s in 500", g)
		}
	}
}

func TestWriteRead(t *testing.T) {
	want := Draw(9, 8)
	file := filepath.Join(t.TempDir(), "x.jsonl.gz")
	if err := Write(file, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadDir(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		a, errA := want[i].Fold()
		b, errB := got[i].Fold()
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		var x, y bytes.Buffer
		if err := report.Encode(&x, a); err != nil {
			t.Fatal(err)
		}
		if err := report.Encode(&y, b); err != nil {
			t.Fatal(err)
		}
		if x.String() != y.String() || got[i].Label.Truth != want[i].Label.Truth {
			t.Errorf("%s: another report after writing and reading", want[i].Name)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(bytes.NewReader(data[:len(data)/2])); err == nil {
		t.Error("half a file is read without an error")
	}
	if _, err := ReadDir(t.TempDir()); err == nil {
		t.Error("an empty directory is read without an error")
	}
}

// TestSurely compares with sums of the binomial by hand.
func TestSurely(t *testing.T) {
	for _, c := range []struct {
		lost, sent int
		want       bool
	}{{0, 100, false}, {1, 10, false}, {2, 11, true}, {2, 100, true}, {2, 300, false}, {3, 300, true}} {
		if got := Surely(c.lost, c.sent); got != c.want {
			t.Errorf("%d of %d: %v", c.lost, c.sent, got)
		}
	}
}

// TestScoreSees: verdicts that blame everybody, or nobody, are found out.
func TestScoreSees(t *testing.T) {
	all := Draw(2, 200)
	blame := func(e *report.Evidence) report.Verdict {
		return report.Verdict{Class: report.RealLoss, Grade: report.Certain, Link: &report.Link{From: report.LinkEnd{TTL: 0}, To: report.LinkEnd{TTL: 1}}}
	}
	s, err := Judge(all, blame)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Blamed) < 50 || s.Right > s.Cases*7/10 || s.Placed > s.Enough/2 || s.SureNo == 0 || len(s.Wrong) == 0 {
		t.Errorf("blaming the first link each time: %d innocent, %d of %d right, %d of %d placed", len(s.Blamed), s.Right, s.Cases, s.Placed, s.Enough)
	}
	var b strings.Builder
	s.Print(&b)
	if !strings.Contains(b.String(), fmt.Sprintf("of %d)", s.Cases)) {
		t.Error(b.String())
	}
}
