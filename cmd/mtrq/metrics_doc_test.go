package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestMetricsAreDocumented holds the table of docs/formats.md to the names
// that the code writes.
func TestMetricsAreDocumented(t *testing.T) {
	files, err := filepath.Glob("../../internal/web/metrics*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	var written []string
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"((?:mtrq|process|go)_\w+)"`).FindAllStringSubmatch(string(text), -1) {
			written = append(written, m[1])
		}
	}
	text, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Metrics\n")
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(section, -1) {
		documented = append(documented, m[1])
	}
	for _, n := range written {
		if !slices.Contains(documented, n) {
			t.Errorf("docs/formats.md, Metrics: %s is missing", n)
		}
	}
	for _, n := range documented {
		if !slices.Contains(written, n) {
			t.Errorf("docs/formats.md, Metrics: %s is written by nobody", n)
		}
	}
}
