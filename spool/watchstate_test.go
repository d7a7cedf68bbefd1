package spool_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtrq/mtrq/spool"
)

// TestWatchStateOfTheDocs reads the example of docs/formats.md: every field
// of it is known, writing it again loses none, and its totals are those of
// its targets.
func TestWatchStateOfTheDocs(t *testing.T) {
	doc := docExample(t, "json targets")
	dec := json.NewDecoder(bytes.NewReader([]byte(doc)))
	dec.DisallowUnknownFields()
	st := &spool.WatchState{}
	if err := dec.Decode(st); err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(t.TempDir(), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.WatchState(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before it is written: got %v, want %v", err, fs.ErrNotExist)
	}
	if err := s.WriteWatchState(st); err != nil {
		t.Fatal(err)
	}
	file, err := s.ReadState(spool.WatchStateFile)
	if err != nil {
		t.Fatal(err)
	}
	st.Node = `"targets":[]` // a name that looks like what it is not
	if plain, err := json.Marshal(st); err != nil || s.WriteWatchState(st) != nil {
		t.Fatal(err)
	} else if hostile, err := s.ReadState(spool.WatchStateFile); err != nil || string(hostile) != string(plain)+"\n" {
		t.Errorf("%v: written:\n%s\nwant what encoding/json writes:\n%s", err, hostile, plain)
	}
	if err := s.WriteState(spool.WatchStateFile, file); err != nil {
		t.Fatal(err)
	}
	back, err := s.WatchState()
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal([]byte(doc), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(again, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read and written (-docs +got):\n%s", diff)
	}
	count := make(map[spool.TargetState]int)
	for _, x := range st.Targets {
		count[x.State]++
		if len(x.Strip) != 60 || strings.Trim(x.Strip, "r-lun?") != "" {
			t.Errorf("%s: strip %q of %d", x.Target, x.Strip, len(x.Strip))
		}
	}
	if tt := st.Totals; tt.Targets != len(st.Targets) || tt.OK != count[spool.TargetOK] || tt.Lossy != count[spool.TargetLossy] || tt.Paused != count[spool.TargetPaused] {
		t.Errorf("totals %+v of %v", tt, count)
	}
}

// TestPauseOfTheDocs: the example is one line, a time and a reason.
func TestPauseOfTheDocs(t *testing.T) {
	line, found := strings.CutSuffix(docExample(t, "text pause"), "\n")
	until, reason, ok := strings.Cut(line, " ")
	if !found || !ok || reason == "" || strings.Contains(line, "\n") {
		t.Fatalf("got %q", line)
	}
	if _, err := time.Parse(time.RFC3339, until); err != nil {
		t.Error(err)
	}
}
