package main

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports holds the arrows: each package may import only those of
// ours that are named here. Whoever adds one says so in this table.
func TestImports(t *testing.T) {
	const module = "github.com/mtrq/mtrq/"
	allowed := map[string][]string{
		"contrib":                           {},
		"spool":                             {},
		"report":                            {},
		"internal/config":                   {},
		"internal/probe":                    {},
		"internal/trace":                    {"internal/probe", "report"},
		"internal/durable":                  {},
		"internal/archive":                  {"internal/durable", "report"},
		"internal/paths":                    {"internal/durable", "report"},
		"internal/run":                      {"internal/probe", "internal/trace", "report", "spool"},
		"internal/web":                      {"internal/archive", "internal/chart", "internal/trace", "internal/web/words", "report", "spool"},
		"internal/chart":                    {"report"},
		"internal/web/words":                {},
		"internal/browser":                  {}, // its tests run the program and look at the fixture
		"internal/web/fixture":              {"internal/archive", "report", "spool"},
		"internal/web/fixture/mtrq-fixture": {"internal/web/fixture"},
		"internal/hook":                     {"internal/durable", "report"},
		"internal/names":                    {"report"},
		"internal/names/mmdbtest":           {}, // makes files for tests
		"internal/names/dnstest":            {}, // answers in tests
		"internal/targets":                  {"spool"},
		"internal/host":                     {"report"},
		"internal/storm":                    {"report"},
		"internal/echo":                     {},
		"internal/watch": {"internal/archive", "internal/echo", "internal/host", "internal/paths", "internal/probe", "internal/storm",
			"internal/targets", "internal/trace", "report", "spool"},
		"internal/drill":        {"internal/lab", "report", "spool"},
		"internal/lab":          {},
		"internal/torture":      {}, // tests only
		"internal/lab/cases":    {"internal/storm", "report"},
		"internal/lab/mtrq-lab": {"internal/lab"},
	}
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for dec.More() {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		from := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(from, "cmd/") || strings.HasPrefix(from, "internal/lab/bench") || from == "internal/lab/corpus" {
			continue // they meet everything
		}
		may, known := allowed[from]
		if !known {
			t.Errorf("package %s is not in the table of imports", from)
		}
		for _, i := range p.Imports {
			if to, ours := strings.CutPrefix(i, module); ours && !slices.Contains(may, to) {
				t.Errorf("%s imports %s: the arrow points the wrong way", from, to)
			}
		}
	}
}
