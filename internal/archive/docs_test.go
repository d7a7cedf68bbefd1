package archive

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIndexOfTheDocs reads the example of docs/formats.md, and writes its
// entry as it stands there.
func TestIndexOfTheDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```jsonl index\n(.*?)```").FindSubmatch(doc)
	if block == nil {
		t.Fatal("docs/formats.md has no example of an index")
	}
	lines := strings.Split(strings.TrimSpace(string(block[1])), "\n")
	head, ok := parseHeader([]byte(lines[0]))
	if !ok || len(lines) != 2 {
		t.Fatalf("no header and one entry: %q", lines)
	}
	day, err := ParseDate(head.Day)
	if err != nil {
		t.Fatal(err)
	}
	e, ok := parseEntry([]byte(lines[1]), day)
	if !ok {
		t.Fatalf("cannot be read: %s", lines[1])
	}
	written, err := appendLine(nil, e, "")
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal([]byte(lines[1]), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(written, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read and written (-docs +got):\n%s", diff)
	}
}
