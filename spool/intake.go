package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

const (
	// settleFor is how long a file in drop/ that was not renamed into place
	// must have stood still before it is taken, unless the kernel says
	// earlier that nobody has it open for writing.
	settleFor = 2 * time.Second
	// dropIDRange is how far the time of an ID that a stranger chose may be
	// from now.
	dropIDRange = 24 * time.Hour
)

// intake brings the files of drop/ into new/. All of it is durable, drop/
// included, before it returns nil: a job must not be traced while a power cut
// could bring its file in drop/ back.
func (q *Queue) intake(reported func(ulid.ULID) bool) error {
	q.more = false
	names, err := q.s.list("drop")
	if err != nil || len(names) == 0 {
		return err
	}
	if err := q.s.CheckRoom(); err != nil {
		if errors.Is(err, ErrFull) {
			return nil // it stays where it is; what was accepted goes on
		}
		return err
	}
	names = q.fairShare(names)
	b := dropBatch{q: q, reported: reported, ids: map[ulid.ULID]bool{}}
	for len(names) > 0 {
		n := min(len(names), maxCommit)
		if err := b.takeIn(names[:n]); err != nil {
			return err
		}
		names = names[n:]
	}
	if b.refused {
		return q.s.sync("bad")
	}
	return nil
}

// dropBatch is one sweep of drop/.
type dropBatch struct {
	q        *Queue
	reported func(ulid.ULID) bool
	ids      map[ulid.ULID]bool // given in this sweep
	entries  []*entry
	files    []*dropped // of the entries
	remove   []*dropped // are in new/
	discard  []*dropped // are not worth keeping
	refused  bool
	aside    int // files put into bad/
}

// dropped is one file of drop/.
type dropped struct {
	name string
	*foreign
}

func (b *dropBatch) takeIn(names []string) error {
	b.entries, b.files, b.remove, b.discard = nil, nil, nil, nil
	moved := false
	for _, name := range names {
		d, why, err := b.read(name)
		if err == nil && d != nil && why == "" {
			why, err = b.accept(d)
		}
		if err == nil && why != "" {
			moved = true
			err = b.refuse(name, why)
		}
		if err != nil {
			b.q.leave(name, err)
		}
	}
	if len(b.entries) > 0 {
		b.q.s.commit(b.entries)
	}
	for i, e := range b.entries {
		if e.err != nil {
			b.q.leave(b.files[i].name, e.err)
			continue
		}
		b.remove = append(b.remove, b.files[i])
		b.q.senders.took(b.files[i].stat.Uid)
	}
	for _, d := range b.remove {
		if err := b.q.s.fs.removeSame(b.q.s.path("drop", d.name), d.foreign); err != nil {
			return err // what was taken must not be claimed while it could come back
		}
	}
	for _, d := range b.discard {
		if err := b.q.s.fs.removeSame(b.q.s.path("drop", d.name), d.foreign); err != nil {
			b.q.leave(d.name, err)
		}
	}
	if len(b.remove) > 0 || moved {
		return b.q.s.sync("drop")
	}
	return nil
}

// leave notes, once, a file that stays in drop/.
func (q *Queue) leave(name string, err error) {
	if q.left[name] {
		return
	}
	if q.left == nil || len(q.left) >= maxLeft {
		q.left = map[string]bool{}
	}
	q.left[name] = true
	q.s.note(Note{What: NoteLeft, File: "drop/" + oneLine(name), Text: explain(err).Error()})
}

// maxLeft bounds how many names are remembered as noted.
const maxLeft = 10_000

// read opens what a stranger left. why says what is wrong with it; nothing
// at all: not yet, or not any more.
func (b *dropBatch) read(name string) (d *dropped, why string, err error) {
	path := b.q.s.path("drop", name)
	f, err := b.q.s.fs.foreign(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", nil
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO): // put there this very moment
		return nil, "is no regular file", nil
	case errors.Is(err, fs.ErrPermission):
		if st, err := b.q.s.fs.lstat(path); err == nil && !b.quiet(time.Unix(st.Ctim.Unix())) {
			return nil, "", nil // its sender may be about to open it to us
		}
		return nil, "may not be read: make it readable for the group before it gets its name (chmod g+r; files of mktemp are private)", nil
	case err != nil:
		return nil, "", err
	}
	d = &dropped{name, f}
	if why := f.refused(); why != "" {
		return d, why, nil
	}
	if !b.complete(d) {
		return nil, "", nil
	}
	if f.stat.Nlink != 1 {
		if !b.quiet(f.ctime()) {
			return nil, "", nil // link and unlink of a careful sender
		}
		return d, fmt.Sprintf("has %d links: only files with one are taken", f.stat.Nlink), nil
	}
	return d, "", nil
}

// quiet says that nothing happened to a file for so long that its sender is
// done with it. A time far in the future is of a clock that was set back.
func (b *dropBatch) quiet(ctime time.Time) bool {
	return b.q.s.now().Sub(ctime).Abs() >= settleFor
}

// complete says whether a file holds all that its sender means to write. A
// rename changes the file itself and leaves its content's time behind: what
// has such times was finished before it got its name. (A write within the
// same tick of the kernel's coarse clock hides that.) What was written in
// place is complete once nobody can write to it any more, or nobody did for a while.
func (b *dropBatch) complete(d *dropped) bool {
	if _, ours := idInName(d.name); ours {
		return true // only our recipe makes such names, and it renames
	}
	mtime := time.Unix(d.stat.Mtim.Unix())
	return d.writers == writersNone || d.writers == writersUnknown && d.ctime().After(mtime) || b.quiet(d.ctime())
}

// accept makes an entry of the file. The time of acceptance is the file's
// change time: it got its name then, however long nobody was tracing.
func (b *dropBatch) accept(d *dropped) (why string, err error) {
	s := b.q.s
	j, ignored, err := DecodeForeign(oneLine(d.name), d.data)
	if err != nil {
		if !b.quiet(d.ctime()) {
			return "", nil
		}
		return err.Error(), nil
	}
	now := s.now()
	j.Accepted = d.ctime().In(now.Location())
	if j.Accepted.After(now) {
		j.Accepted = now.Round(0)
	}
	j.Source, j.By = "drop", dropBy(d.stat.Uid)
	id, chosen := idInName(d.name)
	if !chosen {
		id, j.SentAs = d.id(), oneLine(d.name)
	} else if off := ulid.Time(id.Time()).Sub(now).Abs(); off > dropIDRange {
		return fmt.Sprintf("has an ID whose time is %s from now: allowed are 24h", off.Round(time.Second)), nil
	}
	j.ID = id
	switch same, used, err := b.known(j); {
	case err != nil:
		return "", err
	case same:
		b.remove = append(b.remove, d)
		return "", nil
	case used:
		return "has an ID that is in use", nil
	}
	data, err := j.Encode()
	if err != nil {
		return err.Error(), nil
	}
	if len(ignored) > 0 {
		s.note(Note{What: NoteIgnored, ID: id, File: "drop/" + oneLine(d.name), Text: "keys that only mtrq sets: " + strings.Join(ignored, ", ")})
	}
	b.ids[id] = true
	b.entries = append(b.entries, &entry{id: id, data: data})
	b.files = append(b.files, d)
	return "", nil
}

// known asks whether the job's ID is used, and whether by this very file: a
// crash came between its acceptance and its removal from drop/. That can only
// be while it waits in new/, since it is not claimed before drop/ is durable.
func (b *dropBatch) known(j Job) (same, used bool, err error) {
	if b.ids[j.ID] || b.reported(j.ID) {
		return false, true, nil
	}
	p, err := b.q.s.whereAfterDrop(j.ID)
	if err != nil || p.State == StateUnknown {
		return false, false, err
	}
	if p.State == StateQueued && isZeroID(p.Batch) && p.Attempts == 0 {
		old, err := b.q.s.readJob(Name{"new", fileName(j.ID, 0, kindJob)}, j.ID)
		if err == nil && old.Accepted.Equal(j.Accepted) && old.By == j.By && old.Target == j.Target {
			return true, true, nil
		}
	}
	return false, true, nil
}
