package report

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

func TestSlice(t *testing.T) {
	doc, _ := os.ReadFile("../docs/formats.md")
	_, rest, _ := strings.Cut(string(doc), "```jsonl events\n")
	block, _, _ := strings.Cut(rest, "```")
	b := Builder{Requests: []Request{{ID: ulid.MustParse("01KAR1ABTB5H2ZJ0Q4V7W8X9YZ"), Accepted: time.Date(2026, 11, 23, 14, 5, 32, 123456000, time.FixedZone("", 8*3600)), Source: "http", Reason: "loss"}}, Node: Node{Name: "hk1"}}
	g, err := ReadEvents(strings.NewReader(block), b.Add)
	if g != 0 || err != nil {
		t.Fatal(g, err)
	}
	r, err := b.Report()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(Text(r), "  3.|-- 203.0.113.7 33.3%") {
		t.Error(Text(r))
	}
}
