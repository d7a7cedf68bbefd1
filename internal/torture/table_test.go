package torture

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// readTable reads which states of one job the table in the package spool
// knows: "cur/A.events cur/A.job sent-A", the words sorted.
func readTable(t *testing.T) (out []string) {
	t.Helper()
	doc, err := os.ReadFile("../../spool/doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(doc), "+---------\n")
	if !ok {
		t.Fatal("there is no table in spool/doc.go")
	}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimPrefix(strings.TrimSpace(line), "//"), "|")
		if len(cells) != 3 {
			break
		}
		words := strings.Fields(cells[0])
		words = slices.DeleteFunc(words, func(w string) bool { return w == "fresh" })
		slices.Sort(words)
		out = append(out, strings.Join(words, " "))
	}
	if len(out) < 50 {
		t.Fatalf("read %d rows of the table, want all of its more than 50", len(out))
	}
	return out
}

var jobIDBefore = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}`)

// found is what the spool holds of a job, in the words of the table; "" for
// nothing at all.
func (s *site) found(t *testing.T, ack string) string {
	t.Helper()
	id := ack
	var words []string
	if !jobID.MatchString(id) { // a name in drop/: the ID is the only one that there is
		if _, err := os.Lstat(filepath.Join(s.spool, "drop", id)); err == nil {
			words = append(words, "drop/A.job")
		}
		id = "[0-7]*"
	}
	for _, dir := range []string{"drop", "tmp", "new", "cur", "bad"} {
		names, err := filepath.Glob(filepath.Join(s.spool, dir, id+"*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			words = append(words, dir+"/A"+jobIDBefore.ReplaceAllString(filepath.Base(name), ""))
			if strings.HasSuffix(name, ".events") && sent(t, name) {
				words = append(words, "sent-A")
			}
		}
	}
	if len(words) == 0 {
		return ""
	}
	a, err := look(s.spool, s.archive)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.reports[id])+len(a.sentAs[ack]) > 0 {
		words = append(words, "reported-A")
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// sent says whether events tell of a probe that left.
func sent(t *testing.T, path string) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var e struct {
			E string `json:"e"`
		}
		if json.Unmarshal([]byte(line), &e) == nil && e.E == "p" {
			return true
		}
	}
	return false
}
