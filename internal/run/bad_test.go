package run

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/spool"
)

// TestRefusalsOfOneDoNotHideThoseOfOthers: a sender that chooses IDs of
// tomorrow fills state/bad/; what others are told after that stays, and those go that were
// told first.
func TestRefusalsOfOneDoNotHideThoseOfOthers(t *testing.T) {
	sp, err := spool.Open(filepath.Join(t.TempDir(), "spool"), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &Runner{Spool: sp, Log: slog.New(slog.DiscardHandler)}
	now := time.Now()
	id := func(at time.Time, n int) (id ulid.ULID) {
		if err := id.SetTime(ulid.Timestamp(at)); err != nil {
			t.Fatal(err)
		}
		copy(id[6:], fmt.Sprintf("%010d", n))
		return id
	}
	tell := func(ids ...ulid.ULID) {
		t.Helper()
		for _, id := range ids {
			r.Note(spool.Note{What: spool.NoteBad, ID: id, Text: "no job"})
		}
		r.tellBad()
	}
	age := func(id ulid.ULID, told time.Time) {
		t.Helper()
		if err := os.Chtimes(filepath.Join(sp.Dir(), "state", BadState(id)), told, told); err != nil {
			t.Fatal(err)
		}
	}
	there := func(id ulid.ULID) bool {
		_, err := sp.ReadState(BadState(id))
		return err == nil
	}
	var flood []ulid.ULID
	for i := range keepBad {
		flood = append(flood, id(now.Add(23*time.Hour), i))
	}
	tell(flood...)
	for i, id := range flood { // the last one was told first
		age(id, now.Add(-time.Hour-time.Duration(i)*time.Second))
	}
	mine, other := id(now, 1), id(now, 2)
	tell(mine)
	if !there(mine) {
		t.Error("the reason of another is gone as soon as it was told")
	}
	// The clock was set back since the others were told: what is new stays all the same …
	age(mine, now.Add(time.Hour+time.Second))
	for i, id := range flood {
		age(id, now.Add(time.Hour-time.Duration(i)*time.Second))
	}
	tell(other)
	if !there(mine) || !there(other) {
		t.Errorf("the reasons of others: %v, %v; want both", there(mine), there(other))
	}
	names, err := sp.ListState("bad")
	if err != nil || len(names) > keepBad+1 {
		t.Errorf("%d reasons are kept, %v; want %d, and the newest", len(names), err, keepBad)
	}
	if !there(flood[0]) || there(flood[keepBad-1]) {
		t.Errorf("of the flood the last told is there: %v, the first told: %v; want true, false", there(flood[0]), there(flood[keepBad-1]))
	}
	// … and when others are told after it.
	third := id(now, 3)
	tell(third)
	tell(id(now, 4))
	if !there(other) || !there(third) {
		t.Errorf("two that were told after the clock was set back: %v, %v; want both", there(other), there(third))
	}
}
