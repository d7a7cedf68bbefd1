package archive

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

// TestSkim finds every member of incidents without decoding them: of one
// that is longer than what is read at once, and of one that is written
// otherwise.
func TestSkim(t *testing.T) {
	w := newWriter(t, t.TempDir(), "UTC")
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	day := Date{2026, 11, 23}
	var many []string
	for i := range 4000 {
		many = append(many, fmt.Sprintf("198.18.%d.%d", i/250, i%250))
		if i%3 == 0 {
			many[i] = fmt.Sprintf("Host%d.example.net", i)
		}
	}
	big, small := makeIncident(t, at, 1, many...), makeIncident(t, at, 2, "203.0.113.1", "2001:db8::1")
	big.Watched, big.Clean = 5000, 1000
	writeIncidents(t, w, big, small)
	// The same in other words.
	name := filepath.Join(w.Dir(), incidentPath(day, small.ID)+".json")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	spaced := strings.ReplaceAll(strings.ReplaceAll(string(data), `"target":`, `"target" :`), `"address":`, `"address"	:`)
	if err := os.WriteFile(name, []byte(spaced), 0o644); err != nil {
		t.Fatal(err)
	}
	tree, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4<<10) // so that many keys are cut
	for id, any := range map[ulid.ULID]bool{big.ID: false, small.ID: true} {
		skimmed := w.skim(tree, day, id, &buf)
		known, err := w.knownIncident(tree, day, id)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(skimmed.members, anyMember); got != any {
			t.Errorf("any member of %s: %v", id, got)
		}
		for _, m := range known.members {
			if !any && !slices.Contains(skimmed.members, m) {
				t.Fatalf("%d of %d members of %s are found", len(skimmed.members), len(known.members), id)
			}
		}
	}
	for i, target := range many {
		if i%397 != 0 {
			continue
		}
		a, err := Open(w.Dir())
		if err != nil {
			t.Fatal(err)
		}
		// Of what has just been skimmed, nothing is decoded but the big one.
		v, err := a.ViewTarget(strings.ToUpper(target), time.Time{}, time.Time{}, 0, View{})
		if err != nil || len(v.Incidents) != 1 || v.Incidents[0].ID != big.ID {
			t.Errorf("%s: %v, %v", target, v, err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	for target, n := range map[string]int{"2001:db8:0::1": 1, "203.0.113.1": 1, "203.0.113.10": 0, "198.18.9.100": 1, "host.example.net": 0} {
		for range 2 {
			if v, err := w.ViewTarget(target, time.Time{}, time.Time{}, 0, View{}); err != nil || len(v.Incidents) != n {
				t.Errorf("%s: %v, %v", target, v, err)
			}
		}
	}
}
