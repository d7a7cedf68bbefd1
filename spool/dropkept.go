package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

// maxKept is how many jobs may be held back before nothing more is taken in:
// then drop/ itself is wrong, and its files are as safe where they are.
const maxKept = 64

// kept is a job in new/ that is held back: its file in drop/ is still there, or
// its removal is not durable. Were it traced, a power cut, or the next sweep, could
// bring it a second time.
type kept struct {
	name string // in drop/
	ino  uint64
	gone bool // removed, not durably
}

// keptAs is the job that a file was taken in as by this Queue. Whoever mends
// what kept it from being removed (chown, chattr) changes its time, by which it is known else.
func (q *Queue) keptAs(d *dropped) (ulid.ULID, bool) {
	for id, k := range q.kept {
		if !k.gone && k.name == d.name && k.ino == d.stat.Ino {
			return id, true
		}
	}
	return ulid.ULID{}, false
}

// keep holds a job back and removes its file from drop/; syncKept lets it go.
func (q *Queue) keep(d *dropped) error {
	if q.kept == nil {
		q.kept = map[ulid.ULID]kept{}
	}
	k := kept{name: d.name, ino: d.stat.Ino}
	q.kept[d.as] = k
	q.s.arrived.forget(d.name)
	delete(q.ahead, d.name)
	if err := q.s.fs.removeSame(q.s.path("drop", d.name), d.foreign); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w (drop/ must belong to the user who runs the node: systemd-tmpfiles --create)", err)
		}
		return fmt.Errorf("is taken in and cannot be removed, so its job waits in new/: %w", err)
	}
	k.gone = true
	q.kept[d.as] = k
	return nil
}

// syncKept makes removals durable and lets their jobs go.
func (q *Queue) syncKept() {
	err := q.s.sync("drop")
	for id, k := range q.kept {
		switch {
		case !k.gone:
		case err == nil:
			delete(q.kept, id)
			delete(q.left, k.name)
		default:
			q.leave(k.name, fmt.Errorf("is taken in and removed, and its job waits in new/ until that is durable: %w", err))
		}
	}
}

// settleKept tries what failed before, and lets go whose file somebody else
// has removed.
func (q *Queue) settleKept() {
	again := false
	for id, k := range q.kept {
		if !k.gone {
			st, err := q.s.fs.lstat(q.s.path("drop", k.name))
			k.gone = errors.Is(err, fs.ErrNotExist) || err == nil && st.Ino != k.ino
			q.kept[id] = k
		}
		again = again || k.gone
	}
	if again {
		q.syncKept()
	}
}

// cameFrom says whether a job came from a file of drop/. Its time of acceptance
// is when that got its name, unless the clock was set back since.
func (q *Queue) cameFrom(name string, st unix.Stat_t, j Job) (bool, error) {
	named := time.Unix(st.Ctim.Unix())
	switch {
	case dropBy(st.Uid) != j.By:
		return false, nil
	case named.Equal(j.Accepted):
		return true, nil
	case !named.After(q.s.now()):
		return false, nil
	case j.SentAs == "": // its name is the ID
		return true, nil
	}
	f, err := q.s.fs.foreign(q.s.path("drop", name))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return false, err
	}
	d := dropped{name: name, foreign: f}
	return ofFile(d.id()) == ofFile(j.ID), nil
}

// errKept: the job is held back.
var errKept = errors.New("its file in drop/ could not be removed")

// outOfDrop makes sure, before a job is traced, that drop/ does not hold its
// file any more: a runner may have died between the two, and drop/ is looked
// through in parts, or not at all while there is no room.
func (q *Queue) outOfDrop(j Job) error {
	for _, name := range namesInDrop(j) {
		st, err := q.s.fs.lstat(q.s.path("drop", name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		same, err := q.cameFrom(name, st, j)
		if err != nil {
			return err
		}
		if !same {
			continue // another of that name
		}
		if err := q.keep(&dropped{name: name, foreign: &foreign{stat: st}, as: j.ID}); err != nil {
			q.leave(name, err)
			return errKept
		}
		q.syncKept()
		if _, ok := q.kept[j.ID]; ok {
			return errKept
		}
	}
	return nil
}
