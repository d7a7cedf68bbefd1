package torture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// An audit is what spool and archive hold, by the IDs of jobs. It reads the
// files with nothing but the standard library: what is wrong with mtrq must
// not blind it.
type audit struct {
	reports  map[string][]string // files that name a job
	byDay    map[string]int      // lines of days
	byTarget map[string]int      // lines by target
	bad      map[string]bool     // in bad/, with a reason that says something
	alone    map[string]bool     // of these: in a file of its own
	sentAs   map[string][]string // reports, and files in bad/, that name a file of drop/
	why      map[string]int      // reasons of files in bad/, without IDs
	joined   int                 // jobs that are named in the report of another
	left     []string            // what else lies about
}

var (
	reportFile = regexp.MustCompile(`^\d{4}/\d\d/\d\d/\d\d/\d{6}[+-]\d{4}_[^/]+_([0-9A-Z]{26})\.json$`)
	jobID      = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)
	sentAsLine = regexp.MustCompile(`(?m)^sent_as *= *["']([^"']+)["']$`)
	fromDrop   = regexp.MustCompile(`^drop/([^ :]+)`)
	anyID      = regexp.MustCompile(`\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b`)
)

// look reads what is there.
func look(spool, archive string) (*audit, error) {
	a := &audit{
		reports: map[string][]string{}, byDay: map[string]int{}, byTarget: map[string]int{},
		bad: map[string]bool{}, alone: map[string]bool{}, sentAs: map[string][]string{}, why: map[string]int{},
	}
	if err := a.archive(archive); err != nil {
		return nil, err
	}
	return a, a.spool(spool)
}

func (a *audit) archive(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		m := reportFile.FindStringSubmatch(rel)
		switch {
		case m != nil:
			return a.report(path, rel, m[1])
		case filepath.Base(rel) == "index.jsonl":
			return countLines(path, a.byDay)
		case strings.HasPrefix(rel, "target/") && strings.HasSuffix(rel, ".jsonl"):
			return countLines(path, a.byTarget)
		case strings.HasPrefix(filepath.Base(rel), ".tmp-"), strings.HasPrefix(rel, ".writer-"):
			a.left = append(a.left, "archive/"+rel)
		}
		return nil
	})
}

// report reads the requests that a report names.
func (a *audit) report(path, rel, id string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var r struct {
		MTRQ struct {
			ID       string `json:"id"`
			Requests []struct {
				ID     string `json:"id"`
				SentAs string `json:"sent_as"`
			} `json:"requests"`
		} `json:"mtrq"`
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("%s: %w", rel, err)
	}
	if r.MTRQ.ID != id || len(r.MTRQ.Requests) == 0 {
		return fmt.Errorf("%s: it is the report of %q, with %d requests", rel, r.MTRQ.ID, len(r.MTRQ.Requests))
	}
	a.joined += len(r.MTRQ.Requests) - 1
	for _, q := range r.MTRQ.Requests {
		a.reports[q.ID] = append(a.reports[q.ID], rel)
		if q.SentAs != "" {
			a.sentAs[q.SentAs] = append(a.sentAs[q.SentAs], rel)
		}
	}
	return nil
}

// countLines counts the lines of an index by their IDs. Torn ones have none.
func countLines(path string, into map[string]int) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		var e struct {
			ID string `json:"id"`
		}
		if json.Unmarshal([]byte(line), &e) == nil && e.ID != "" {
			into[e.ID]++
		}
	}
	return nil
}

func (a *audit) spool(dir string) error {
	// What senders write is acknowledged to nobody in tmp/, nor under a hidden
	// name in drop/, and goes when it is old.
	for _, sub := range []string{"drop", "tmp", "new", "cur"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		for _, e := range entries {
			ofASender := sub == "drop" && strings.HasPrefix(e.Name(), ".") || sub == "tmp" && !strings.HasSuffix(e.Name(), ".intake")
			if !ofASender {
				a.left = append(a.left, "spool/"+sub+"/"+e.Name())
			}
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "bad"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, ".reason") {
			continue
		}
		why, err := os.ReadFile(filepath.Join(dir, "bad", name+".reason"))
		if err != nil || len(strings.TrimSpace(string(why))) == 0 {
			a.left = append(a.left, "spool/bad/"+name+" without a reason")
			continue
		}
		a.why[anyID.ReplaceAllString(strings.TrimSpace(string(why)), "ID")]++
		text, err := os.ReadFile(filepath.Join(dir, "bad", name))
		if err != nil {
			return err
		}
		if m := sentAsLine.FindSubmatch(text); m != nil {
			a.sentAs[string(m[1])] = append(a.sentAs[string(m[1])], "bad/"+name)
		}
		if m := fromDrop.FindSubmatch(why); m != nil {
			a.sentAs[string(m[1])] = append(a.sentAs[string(m[1])], "bad/"+name)
		}
		// A job's name begins with its ID; a list of jobs holds theirs.
		if id, _, _ := strings.Cut(name, "."); jobID.MatchString(id) && (strings.HasSuffix(name, ".job") || strings.HasSuffix(name, ".foreign")) {
			a.bad[id], a.alone[id] = true, true
		} else if strings.HasSuffix(name, ".batch") {
			for _, id := range anyID.FindAllString(string(text), -1) {
				a.bad[id] = true
			}
		}
	}
	return nil
}

// faults holds the promise: each acknowledged job, by its ID or by the name
// of its file in drop/, is named in exactly one report or lies in bad/ with a reason, and not
// both; no job at all is named twice; each
// that is named has one line of the day and one by target; and nothing else
// is left.
func (a *audit) faults(acknowledged []string) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	seen := map[string]bool{}
	for _, id := range acknowledged {
		if seen[id] {
			say("%s was given to two jobs", id)
		}
		seen[id] = true
		named, bad := a.reports[id], a.bad[id]
		if !jobID.MatchString(id) {
			named = a.sentAs[id]
		}
		// A list in bad/ may hold jobs of which there are reports.
		if len(named) == 0 && !bad {
			say("%s was acknowledged and is LOST", id)
		}
	}
	for id := range a.alone {
		if len(a.reports[id]) > 0 {
			say("%s is reported, and in bad/ too", id)
		}
	}
	for name, files := range a.sentAs { // no name is given twice
		if len(files) > 1 {
			say("drop/%s is DOUBLED: %s", name, strings.Join(files, ", "))
		}
	}
	for id, files := range a.reports {
		if len(files) > 1 {
			say("%s is DOUBLED: %s", id, strings.Join(files, ", "))
		}
		if a.byDay[id] != 1 || a.byTarget[id] != 1 {
			say("%s has %d lines of the day and %d by target, want 1 and 1", id, a.byDay[id], a.byTarget[id])
		}
	}
	for _, lines := range []map[string]int{a.byDay, a.byTarget} {
		for id := range lines {
			if len(a.reports[id]) == 0 {
				say("%s has a line and no report", id)
			}
		}
	}
	for _, name := range a.left {
		say("%s is left", name)
	}
	slices.Sort(out)
	return out
}

// held fails the test for each fault, then plants a loss, a double, a lost
// line and a job that is reported and in bad/ too, and fails it for each that the auditor does not see: an audit that
// finds nothing is worth what its eyes are. It gives the audit.
func (s *site) held(t *testing.T) *audit {
	t.Helper()
	a, err := look(s.spool, s.archive)
	if err != nil {
		t.Fatal(err)
	}
	faults := a.faults(s.acks)
	for i, f := range faults {
		if i == 20 {
			t.Errorf("… and %d more", len(faults)-i)
			break
		}
		t.Error(f)
	}
	s.plant(t, a)
	return a
}

// plant does harm, looks whether the auditor sees it, and undoes it.
func (s *site) plant(t *testing.T, a *audit) {
	t.Helper()
	for _, id := range s.acks {
		files := a.reports[id]
		if len(files) != 1 || !strings.HasSuffix(files[0], "_"+id+".json") { // none, or that of another
			continue
		}
		path := filepath.Join(s.archive, files[0])
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		expect := func(what, want string) {
			t.Helper()
			b, err := look(s.spool, s.archive)
			must(err)
			if !slices.ContainsFunc(b.faults(s.acks), func(f string) bool { return strings.Contains(f, want) }) {
				t.Errorf("the auditor is blind: %s of %s went unseen", what, id)
			}
		}
		data, err := os.ReadFile(path)
		must(err)
		must(os.Remove(path))
		expect("the loss", id+" was acknowledged and is LOST")
		must(os.WriteFile(path, data, 0o644))

		twin := filepath.Join(filepath.Dir(path), "235959+0000_203.0.113.9_"+id+".json")
		must(os.WriteFile(twin, data, 0o644))
		expect("the double", id+" is DOUBLED")
		must(os.Remove(twin))

		index := filepath.Join(s.archive, filepath.Dir(filepath.Dir(files[0])), "index.jsonl")
		text, err := os.ReadFile(index)
		must(err)
		must(os.WriteFile(index, []byte(strings.Replace(string(text), `{"id":"`+id, `{"xx":"`+id, 1)), 0o644))
		expect("the lost line", id+" has 0 lines of the day")
		must(os.WriteFile(index, text, 0o644))

		bad := filepath.Join(s.spool, "bad", id+".1.job")
		must(os.WriteFile(bad, nil, 0o600))
		must(os.WriteFile(bad+".reason", []byte("planted\n"), 0o600))
		expect("the job in bad/ too", id+" is reported, and in bad/ too")
		must(errors.Join(os.Remove(bad), os.Remove(bad+".reason")))
		return
	}
	t.Error("there is no report to plant a loss with: this proves nothing")
}
