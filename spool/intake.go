package spool

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

const (
	// dropGrace is how long a file in drop/ that makes no sense may still be
	// in the middle of being written. (Renaming it into place needs no grace.)
	dropGrace = time.Second
	// dropIDRange is how far the time of an ID that a stranger chose may be
	// from now.
	dropIDRange = 24 * time.Hour
)

// intake brings the files of drop/ into new/. All of it is durable, drop/
// included, before it returns nil: a job must not be traced while a power cut
// could bring its file in drop/ back.
func (q *Queue) intake(reported func(ulid.ULID) bool) error {
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
	remove   []*dropped // are in new/ since before a crash
	refused  bool
}

// dropped is one file as it was read.
type dropped struct {
	name string
	fi   fs.FileInfo
	stat *unix.Stat_t
	data []byte
}

func (b *dropBatch) takeIn(names []string) error {
	b.entries, b.files, b.remove = nil, nil, nil
	moved := false
	for _, name := range names {
		d, why, err := b.read(name)
		if err == nil && d != nil && why == "" {
			why, err = b.accept(d)
		}
		if err == nil && why != "" {
			moved = true
			err = b.refuse(name, d, why)
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
	}
	for _, d := range b.remove {
		if err := d.unlink(b.q.s.path("drop", d.name)); err != nil {
			return err
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
	if q.left == nil {
		q.left = map[string]bool{}
	}
	q.left[name] = true
	q.s.note(Note{What: NoteLeft, File: "drop/" + oneLine(name), Text: explain(err).Error()})
}

// read opens what a stranger left without following links or waiting for a
// FIFO's writer. why says what is wrong with it; nothing at all: not yet, or not any
// more.
func (b *dropBatch) read(name string) (d *dropped, why string, err error) {
	f, err := os.OpenFile(b.q.s.path("drop", name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", nil
	case errors.Is(err, unix.ELOOP):
		return nil, "is a symbolic link: only regular files are taken", nil
	case errors.Is(err, unix.ENXIO):
		return nil, "is a socket: only regular files are taken", nil
	case errors.Is(err, fs.ErrPermission):
		return nil, "may not be read: make it readable for the group before it gets its name (chmod g+r; files of mktemp are private)", nil
	case err != nil:
		return nil, "", err
	}
	d, why, err = b.readFile(name, f)
	return d, why, errors.Join(err, f.Close())
}

func (b *dropBatch) readFile(name string, f *os.File) (*dropped, string, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, "", err
	}
	d := &dropped{name: name, fi: fi, stat: &unix.Stat_t{}}
	if err := unix.Fstat(int(f.Fd()), d.stat); err != nil {
		return nil, "", err
	}
	switch {
	case !fi.Mode().IsRegular():
		return d, fmt.Sprintf("is no regular file (%s)", fi.Mode().Type()), nil
	case fi.Size() > MaxJobBytes:
		return d, fmt.Sprintf("is %d bytes long: allowed are %d", fi.Size(), MaxJobBytes), nil
	case d.stat.Nlink != 1:
		if b.young(d) {
			return nil, "", nil // link and unlink of a careful sender
		}
		return d, fmt.Sprintf("has %d links: only files with one are taken", d.stat.Nlink), nil
	}
	if d.data, err = readLimited(f, MaxJobBytes); err != nil {
		return nil, "", err
	}
	return d, "", nil
}

func (d *dropped) ctime() time.Time { return time.Unix(d.stat.Ctim.Unix()) }

func (b *dropBatch) young(d *dropped) bool {
	return b.q.s.now().Sub(d.ctime()).Abs() < dropGrace
}

// accept makes an entry of the file. The time of acceptance is the file's
// change time: it got its name then, however long nobody was tracing.
func (b *dropBatch) accept(d *dropped) (why string, err error) {
	s := b.q.s
	j, ignored, err := DecodeForeign(oneLine(d.name), d.data)
	if err != nil {
		if b.young(d) {
			return "", nil
		}
		return err.Error(), nil
	}
	now := s.now()
	j.Accepted = d.ctime().In(now.Location())
	if j.Accepted.After(now) {
		j.Accepted = now.Round(0)
	}
	j.Source, j.By = "drop", fmt.Sprintf("uid %d", d.stat.Uid)
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

// idInName takes an ID that the sender chose: the name is a ULID, alone or
// before ".job" or ".toml".
func idInName(name string) (ulid.ULID, bool) {
	for _, end := range []string{".job", ".toml"} {
		if rest, ok := strings.CutSuffix(name, end); ok {
			name = rest
			break
		}
	}
	return parseID(name)
}

// id makes the ID of a file without one out of the file itself: taken in
// again after a crash it gets the same, and is recognised.
func (d *dropped) id() ulid.ULID {
	h := sha256.New()
	var num [24]byte
	binary.BigEndian.PutUint64(num[0:], d.stat.Ino)
	binary.BigEndian.PutUint64(num[8:], uint64(d.stat.Ctim.Sec))
	binary.BigEndian.PutUint64(num[16:], uint64(d.stat.Ctim.Nsec))
	h.Write(num[:])
	h.Write([]byte(d.name + "\x00"))
	h.Write(d.data)
	var id ulid.ULID
	copy(id[6:], h.Sum(nil))
	// The time of a clock that is far off is not worth refusing the job.
	if err := id.SetTime(uint64(max(0, d.ctime().UnixMilli()))); err != nil {
		return id
	}
	return id
}

// unlink removes the file, unless its sender has put another in its place.
func (d *dropped) unlink(path string) error {
	there, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(there, d.fi) {
		return nil
	}
	if err != nil {
		return err
	}
	return removeIfThere(path)
}

// refuse moves a file to bad/, under the ID in its name where that is free.
func (b *dropBatch) refuse(name string, d *dropped, why string) error {
	s := b.q.s
	id, chosen := idInName(name)
	if chosen {
		p, err := s.whereAfterDrop(id)
		if err != nil {
			return err
		}
		chosen = p.State == StateUnknown && !b.ids[id] && !b.reported(id)
	}
	if !chosen {
		var err error
		if id, err = s.newID(); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("drop/%s %s", oneLine(name), why)
	if d != nil {
		text += fmt.Sprintf(" (from uid %d)", d.stat.Uid)
	}
	as := fileName(id, 0, kindForeign)
	if err := s.toBad("drop", name, as, text); err != nil {
		return err
	}
	b.refused = true
	s.note(Note{What: NoteBad, ID: id, File: "bad/" + as, Text: text})
	return nil
}
