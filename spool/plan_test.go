package spool_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mtrq/mtrq/spool"
	"github.com/oklog/ulid/v2"
)

// row is one line of the table in doc.go.
type row struct{ found, meaning, recovery string }

// tableRows reads the table in the package documentation.
func tableRows(t testing.TB) []row {
	t.Helper()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(doc), "+---------\n")
	if !ok {
		t.Fatal("no table in doc.go")
	}
	var rows []row
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimPrefix(strings.TrimSpace(line), "//"), "|")
		if len(cells) != 3 {
			break
		}
		rows = append(rows, row{strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])})
	}
	if len(rows) < 50 {
		t.Fatalf("read %d rows of the table, want all of its more than 50", len(rows))
	}
	return rows
}

// letters are the IDs that the table speaks of.
func letters() map[string]ulid.ULID {
	return map[string]ulid.ULID{
		"A": ulid.MustParse("01KAR1ABTB5H2ZJ0Q4V7W8X9YA"),
		"B": ulid.MustParse("01KAR1ABTB5H2ZJ0Q4V7W8X9YB"),
		"L": ulid.MustParse("01KAR1ABTB5H2ZJ0Q4V7W8X9YC"),
		"M": ulid.MustParse("01KAR1ABTB5H2ZJ0Q4V7W8X9YD"),
	}
}

// long writes "cur/A.1.job" with the ID for the letter, short the reverse.
func long(name string) spool.Name {
	dir, file, _ := strings.Cut(name, "/")
	letter, rest, _ := strings.Cut(file, ".")
	if id, ok := letters()[letter]; ok {
		file = id.String() + "." + rest
	}
	return spool.Name{Dir: dir, File: file}
}

func short(s string) string {
	for letter, id := range letters() {
		s = strings.ReplaceAll(s, id.String(), letter)
	}
	return s
}

// listing reads the first column: files, each perhaps "fresh", then facts.
func listing(found string) spool.Listing {
	ids := letters()
	l := spool.Listing{Sent: map[ulid.ULID]bool{}, Reported: map[ulid.ULID]bool{}, Batches: map[spool.Name][]ulid.ULID{}, Joined: map[ulid.ULID]ulid.ULID{}}
	unreadable := strings.Contains(found, "unreadable-B")
	for _, word := range strings.Fields(found) {
		fact, letter, _ := strings.Cut(word, "-")
		switch {
		case word == "fresh":
			l.Files[len(l.Files)-1].Fresh = true
		case fact == "joined":
			m, l2, _ := strings.Cut(letter, "-")
			l.Joined[ids[m]] = ids[l2]
		case fact == "sent":
			l.Sent[ids[letter]] = true
		case fact == "reported":
			l.Reported[ids[letter]] = true
		case fact == "unreadable":
		default:
			n := long(word)
			l.Files = append(l.Files, spool.Found{Name: n})
			if strings.HasSuffix(word, ".batch") && n.Dir != "tmp" && !unreadable {
				l.Batches[n] = []ulid.ULID{ids["L"], ids["M"]}
			}
		}
	}
	return l
}

// inTableWords writes actions as the third column does.
func inTableWords(actions []spool.Action) string {
	var words []string
	for _, a := range actions {
		switch {
		case a.Do == spool.Report && a.With != ulid.ULID{}:
			words = append(words, fmt.Sprintf("report %s %s with %s", a.ID, a.File, a.With))
		case a.Do == spool.Report:
			words = append(words, fmt.Sprintf("report %s %s", a.ID, a.File))
		case a.Do == spool.Move && a.To.Dir == "bad" && a.Reason != "":
			words = append(words, fmt.Sprintf("bad %s %s", a.File, a.To))
		case a.Do == spool.Move:
			words = append(words, fmt.Sprintf("move %s %s", a.File, a.To))
		default:
			words = append(words, fmt.Sprintf("%s %s", a.Do, a.File))
		}
	}
	if words == nil {
		return "keep"
	}
	slices.Sort(words)
	return short(strings.Join(words, "; "))
}

func TestPlanTable(t *testing.T) {
	for _, r := range tableRows(t) {
		t.Run(r.found+": "+r.meaning, func(t *testing.T) {
			want := strings.Split(r.recovery, "; ")
			slices.Sort(want)
			got := inTableWords(spool.Plan(listing(r.found)))
			if diff := cmp.Diff(strings.Join(want, "; "), got); diff != "" {
				t.Errorf("recovery (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlanSurvivesItsOwnCrash takes every prefix of every row's actions,
// plans anew from what is then there, and wants the end to be the same: each job with a
// report to write is still to be reported, each other one lies in one place.
func TestPlanSurvivesItsOwnCrash(t *testing.T) {
	for _, r := range tableRows(t) {
		t.Run(r.found, func(t *testing.T) {
			start := listing(r.found)
			all := spool.Plan(start)
			want := outcome(apply(start, all), all)
			for n := range len(all) {
				l := apply(start, all[:n])
				again := spool.Plan(l)
				if diff := cmp.Diff(want, outcome(apply(l, again), again)); diff != "" {
					t.Errorf("after a crash behind %d of %s, then %s (-want +got):\n%s",
						n, inTableWords(all), inTableWords(again), diff)
				}
			}
			l := apply(start, all)
			var reports []spool.Action
			for _, a := range spool.Plan(l) {
				if a.Do != spool.Report {
					t.Errorf("planned %s where all was done", inTableWords([]spool.Action{a}))
				}
				reports = append(reports, a)
			}
			if diff := cmp.Diff(outcome(l, all), outcome(l, reports)); diff != "" {
				t.Errorf("a second recovery differs (-want +got):\n%s", diff)
			}
		})
	}
}

// apply does the actions on a listing, as a filesystem would.
func apply(l spool.Listing, actions []spool.Action) spool.Listing {
	files := map[spool.Name]spool.Found{}
	for _, f := range l.Files {
		files[f.Name] = f
	}
	out := spool.Listing{Sent: maps.Clone(l.Sent), Reported: l.Reported, Batches: maps.Clone(l.Batches), Joined: maps.Clone(l.Joined)}
	for _, a := range actions {
		switch a.Do {
		case spool.Remove:
			delete(files, a.File)
		case spool.Explain:
			n := spool.Name{Dir: "bad", File: a.File.File + ".reason"}
			files[n] = spool.Found{Name: n}
		case spool.Move:
			if a.To.Dir == "bad" && a.Reason != "" {
				n := spool.Name{Dir: "bad", File: a.To.File + ".reason"}
				files[n] = spool.Found{Name: n}
			}
			if _, taken := files[a.To]; taken {
				panic("move onto " + a.To.String())
			}
			delete(files, a.File)
			files[a.To] = spool.Found{Name: a.To}
			if ids, ok := out.Batches[a.File]; ok {
				out.Batches[a.To] = ids
				delete(out.Batches, a.File)
			}
		}
	}
	for m, l2 := range out.Joined { // the events that say so may be gone
		if _, ok := files[spool.Name{Dir: "cur", File: l2.String() + ".events"}]; !ok {
			delete(out.Joined, m)
			out.Sent[l2] = false
		}
	}
	for n, f := range files {
		out.Files = append(out.Files, f)
		if strings.HasSuffix(n.File, ".events") && n.Dir != "cur" {
			delete(out.Sent, mustID(n.File))
		}
	}
	return out
}

func mustID(file string) ulid.ULID {
	id, _, _ := strings.Cut(file, ".")
	return ulid.MustParse(id)
}

// outcome is what a spool and its recovery come to: where each file lies
// (attempts aside, and fresh leftovers in tmp/ aside) and what is to be reported.
func outcome(l spool.Listing, actions []spool.Action) []string {
	var out []string
	for _, f := range l.Files {
		if f.Dir == "tmp" {
			continue
		}
		out = append(out, short(f.String()))
	}
	for _, a := range actions {
		if a.Do == spool.Report {
			out = append(out, short("report "+a.ID.String()))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
