package spool_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/mtrq/mtrq/spool"
)

// TestSubmitGiven hands over a job that was traced before it was asked for:
// whoever claims it finds what was seen.
func TestSubmitGiven(t *testing.T) {
	s := open(t, spool.Options{})
	q := lock(t, s)
	id, err := s.NewID()
	if err != nil {
		t.Fatal(err)
	}
	events := []byte(`{"e":"start","ms":0}` + "\n" + `{"e":"p","n":0,"ttl":1,"ms":0.1}` + "\n")
	job := spool.Job{ID: id, Target: "203.0.113.7", Source: "watchdog"}
	if err := s.SubmitGiven(t.Context(), job, events); err != nil {
		t.Fatal(err)
	}
	if err := s.SubmitGiven(t.Context(), job, events); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the same again: got %v, want that it exists", err)
	}
	claims := claim(t, q, 10)
	if len(claims) != 1 {
		t.Fatalf("claimed %d jobs, want 1", len(claims))
	}
	c := claims[0]
	if !c.Sent() || c.Job.Source != "watchdog" {
		t.Errorf("got sent %t, source %s", c.Sent(), c.Job.Source)
	}
	if err := c.Append([]byte(`{"e":"end","ms":5}` + "\n")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(c.EventsPath())
	if err != nil || string(got) != string(events)+`{"e":"end","ms":5}`+"\n" {
		t.Errorf("events: %q, %v", got, err)
	}
}

// TestSubmitGivenRefused leaves nothing behind when the job is not accepted.
func TestSubmitGivenRefused(t *testing.T) {
	s := open(t, spool.Options{})
	id, err := s.NewID()
	if err != nil {
		t.Fatal(err)
	}
	lines := []byte(`{"e":"p","n":0,"ttl":1,"ms":0.1}` + "\n")
	if err := s.SubmitGiven(t.Context(), spool.Job{ID: id, Target: "not a target", Source: "watchdog"}, lines); err == nil {
		t.Error("a job without a valid target was accepted")
	}
	if err := s.SubmitGiven(t.Context(), spool.Job{ID: id, Target: "203.0.113.7"}, []byte("torn")); err == nil {
		t.Error("half a line was accepted")
	}
	if err := s.SubmitGiven(t.Context(), spool.Job{Target: "203.0.113.7"}, lines); err == nil {
		t.Error("a job without an ID was accepted")
	}
	wantTree(t, s, nil)
}
