package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/oklog/ulid/v2"
)

// SubmitDrop accepts a job through drop/, for users without rights on new/:
// a hidden name, synced, renamed, synced. What mtrq itself adds (ID but in
// the file's name, source, by) is added by the runner that takes it. With an ID in j
// that one is used; it must be within 24 hours of now.
//
// Errors: *JobError, ErrFull, fs.ErrPermission (the user is not in DropGroup).
func (s *Spool) SubmitDrop(ctx context.Context, j Job) (ulid.ULID, error) {
	id := j.ID
	if err := s.CheckRoom(); err != nil {
		return id, err
	}
	if err := ctx.Err(); err != nil {
		return id, err
	}
	if isZeroID(id) {
		var err error
		if id, err = s.newID(); err != nil {
			return id, err
		}
	}
	if canonical, err := ParseTarget(j.Target); err == nil {
		j.Target = canonical
	}
	data, err := j.request().Encode()
	if err != nil {
		return ulid.ULID{}, err
	}
	if err := s.drop(id, data); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: only members of the group %s may put jobs there", err, DropGroup)
		}
		return ulid.ULID{}, fmt.Errorf("drop job %s into %s: %w", id, s.dir, explain(err))
	}
	return id, nil
}

func (s *Spool) drop(id ulid.ULID, data []byte) error {
	file := fileName(id, 0, kindJob)
	hidden := s.path("drop", "."+file)
	// The runner reads it through the group that drop/ hands down.
	if err := s.fs.write(hidden, 0o640, data); err != nil {
		return err
	}
	// A runner that did not see the rename (see arrivals) takes what has stood
	// still: this has, from here on.
	_ = s.fs.backdate(hidden) // then it waits until that is so
	if err := s.fs.move(hidden, s.path("drop", file)); err != nil {
		return errors.Join(err, s.fs.remove(hidden))
	}
	// A runner that has taken the file already made it durable in new/ first.
	return s.sync("drop")
}
