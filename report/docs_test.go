package report

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocumentedReport holds the example in docs/formats.md and the code
// equal: -update writes it anew.
func TestDocumentedReport(t *testing.T) {
	const file = "../docs/formats.md"
	r := samples(t)["example"]
	for fence, want := range map[string]string{"json report": string(encoded(t, r)), "text report": Text(r)} {
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
}
