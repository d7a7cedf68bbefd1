package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// stateWriter writes what the watchdog knows, beside its loop: a full or slow
// disk must not keep it from pinging. Of what is replaced anyway only the
// newest waits; what must not be lost waits until it is written.
type stateWriter struct {
	w    *Watchdog
	wake chan struct{}

	mu       sync.Mutex
	targets  *spool.WatchState
	open     map[ulid.ULID]*report.Incident
	gone     []ulid.ULID
	over     []*ended
	suspects []report.Suspect
	err      error
	full     bool // suspects of the day
}

const suspectsMost = 10_000 // that wait to be written

func newStateWriter(w *Watchdog) *stateWriter {
	return &stateWriter{w: w, wake: make(chan struct{}, 1), open: map[ulid.ULID]*report.Incident{}}
}

// IncidentState is the file in state/ of an open incident.
func IncidentState(id ulid.ULID) string { return "incidents/" + id.String() + ".json" }

func (s *stateWriter) do(f func()) {
	s.mu.Lock()
	f()
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *stateWriter) state(st *spool.WatchState) { s.do(func() { s.targets = st }) }

func (s *stateWriter) incident(inc *report.Incident) { s.do(func() { s.open[inc.ID] = inc }) }

// remove takes an incident out that has become part of another.
func (s *stateWriter) remove(id ulid.ULID) {
	s.do(func() {
		delete(s.open, id)
		s.gone = append(s.gone, id)
	})
}

// ended is an incident that is over.
type ended struct {
	inc  *report.Incident
	tell bool // people are still to be told
}

// closed keeps an incident that is over in the archive, then takes it out of
// state/; tell says that people are told.
func (s *stateWriter) closed(inc *report.Incident, tell bool) {
	s.do(func() {
		delete(s.open, inc.ID)
		s.over = append(s.over, &ended{inc, tell})
	})
}

func (s *stateWriter) suspect(line report.Suspect) {
	s.do(func() {
		if len(s.suspects) < suspectsMost {
			s.suspects = append(s.suspects, line)
		}
	})
}

// failing is why the last attempt to write did not work.
func (s *stateWriter) failing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// run writes until ctx ends, and then once more.
func (s *stateWriter) run(ctx context.Context) {
	retry := time.NewTicker(retryEvery)
	defer retry.Stop()
	for {
		select {
		case <-s.wake:
		case <-retry.C:
		case <-ctx.Done():
			s.write()
			return
		}
		s.write()
	}
}

// flush leaves the last word on what is open.
func (s *stateWriter) flush(w *Watchdog) {
	now := w.Now()
	for _, inc := range w.incidents {
		s.incident(w.record(inc, now, report.IncidentOpen))
	}
	s.state(w.watchState(now))
}

// write writes what waits; what cannot be written waits on.
func (s *stateWriter) write() {
	s.mu.Lock()
	targets, open, gone, over, suspects := s.targets, s.open, s.gone, s.over, s.suspects
	s.targets, s.open, s.gone, s.over, s.suspects = nil, map[ulid.ULID]*report.Incident{}, nil, nil, nil
	s.mu.Unlock()
	var errs []error
	if targets != nil {
		errs = append(errs, s.w.Spool.WriteWatchState(targets))
	}
	for _, inc := range open {
		if err := s.writeOpen(inc); err != nil {
			errs = append(errs, err) // written anew within a second or so
		}
	}
	var again []*ended
	for _, e := range over {
		if err := s.archive(e); err != nil {
			errs = append(errs, err)
			again = append(again, e)
		}
	}
	for _, id := range gone {
		if err := s.w.Spool.RemoveState(IncidentState(id)); err != nil {
			errs = append(errs, err)
		}
	}
	rest := s.writeSuspects(suspects, &errs)
	err := errors.Join(errs...)
	s.mu.Lock()
	if err != nil && s.err == nil {
		s.w.Log.Error("write what is watched; it stays in memory and is tried again", "err", err)
	}
	s.err = err
	s.over = append(again, s.over...)
	s.suspects = append(rest, s.suspects...)
	s.mu.Unlock()
}

func (s *stateWriter) writeOpen(inc *report.Incident) error {
	var b bytes.Buffer
	if err := report.EncodeIncident(&b, inc); err != nil {
		return fmt.Errorf("write incident %s: %w", inc.ID, err)
	}
	return s.w.Spool.WriteState(IncidentState(inc.ID), b.Bytes())
}

// archive keeps an incident for good. Where the archive has no room, state/
// has the newest word on it meanwhile.
func (s *stateWriter) archive(e *ended) error {
	inc := e.inc
	if s.w.Reports != nil {
		inc.Verdict = report.JudgeIncident(inc, s.w.Reports(inc))
	}
	if e.tell && s.w.Hooks != nil {
		e.tell = false
		s.w.Hooks.Send("incident-close", inc)
		s.w.Log.Info("incident closed", "incident", inc.ID, "class", inc.Verdict.Class)
	}
	if err := s.w.Archive.WriteIncident(inc); err != nil {
		return errors.Join(err, s.writeOpen(inc))
	}
	return s.w.Spool.RemoveState(IncidentState(inc.ID))
}

func (s *stateWriter) writeSuspects(lines []report.Suspect, errs *[]error) (rest []report.Suspect) {
	for i, line := range lines {
		err := s.w.Archive.AppendSuspect(line)
		switch {
		case err == nil:
			s.full = false
		case errors.Is(err, archive.ErrSuspectsFull):
			if !s.full {
				s.full = true
				s.w.Log.Warn("no more suspects are kept today", "err", err)
			}
		default:
			*errs = append(*errs, err)
			return lines[i:]
		}
	}
	return nil
}
