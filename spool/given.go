package spool

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

// SubmitGiven accepts a job that was traced before it was asked for: events
// are the whole lines that its trace has written so far. The watchdog looks
// first and asks when the loss is confirmed. It must be called by the process
// that holds the Queue; j.ID must be set. Errors are those of Submit.
//
// The events come first: a crash between the two leaves evidence without a
// job, which recovery puts into bad/, and never a job whose trace would begin
// anew long after the loss. They are not synced, as those of a claim are not.
func (s *Spool) SubmitGiven(ctx context.Context, j Job, events []byte) error {
	if isZeroID(j.ID) || len(events) == 0 || events[len(events)-1] != '\n' {
		return fmt.Errorf("submit job %s with its events: it needs an ID and whole lines", j.ID)
	}
	path := s.path("cur", fileName(j.ID, 0, kindEvents))
	err := s.fs.writeLoose(path, events)
	if err != nil {
		return fmt.Errorf("submit job %s with its events: %w", j.ID, explain(err))
	}
	if _, err := s.Submit(ctx, j); err != nil {
		return errors.Join(err, s.fs.remove(path))
	}
	return nil
}

// writeNew writes a file that must not be there yet, or leaves none.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// NewID gives an ID for a job that is not submitted yet.
func (s *Spool) NewID() (ulid.ULID, error) { return s.newID() }
