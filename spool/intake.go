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
	// settleFor is how long the content of a file in drop/ must have stood still
	// before it is taken, where nobody saw it being renamed into place.
	settleFor = 2 * time.Second
	// dropIDRange is how far the time of an ID that a stranger chose may be
	// from the time at which the file got its name.
	dropIDRange = 24 * time.Hour
)

// intake brings files of drop/ into new/. Whatever is wrong with drop/, or
// with one file of it, keeps nobody's job in new/ from being traced but that of the file itself
// (see kept): it is noted once, and told by Drop.
func (q *Queue) intake(reported func(ulid.ULID) bool) {
	q.more = false
	q.settleKept()
	names, err := q.nextPart()
	if err == nil && len(names) > 0 {
		err = q.s.CheckRoom()
	}
	q.drop.err = err
	if errors.Is(err, ErrFull) {
		q.more = false
		return // it stays where it is; what was accepted goes on
	}
	if q.noteDrop(err); err != nil {
		q.more = false
		return
	}
	if len(names) > 0 {
		q.countOpen()
	}
	names, rest := q.fairShare(names)
	b := dropBatch{q: q, reported: reported, ids: map[ulid.ULID]bool{}}
	for len(names) > 0 {
		n := min(len(names), maxCommit)
		b.takeIn(names[:n])
		names = names[n:]
	}
	if (rest || b.later) && b.gone > 0 {
		q.more = true // there is room for it now; a sweep that took nothing must not call for the next
	}
	q.tellRemoved(false)
	q.endOfSweep()
}

// noteDrop notes, once until it is well again, what is wrong with drop/
// itself.
func (q *Queue) noteDrop(err error) {
	told := &q.senders.pass.told
	if err == nil || *told {
		*told = *told && err != nil
		return
	}
	*told = true
	text := "cannot be looked through: " + explain(err).Error()
	if errors.Is(err, fs.ErrNotExist) {
		text += ": make it again (systemd-tmpfiles --create, or start mtrq run anew)"
	}
	q.s.note(Note{What: NoteLeft, File: "drop/", Text: text})
}

// dropBatch is one sweep of drop/.
type dropBatch struct {
	q        *Queue
	reported func(ulid.ULID) bool
	batches  map[string]map[uint64][]string // names by directory and millisecond; see batchesAt
	waiting  map[[10]byte]ulid.ULID         // the jobs in new/ by what their IDs have beside the time; nil: not looked
	ids      map[ulid.ULID]bool             // given in this sweep
	entries  []*entry
	files    []*dropped // of the entries
	remove   []*dropped // are in new/
	looked   bool       // whether bad/ was tidied up
	aside    int        // files put into bad/
	failed   int        // files that could not be put there
	later    bool       // there were more such files than one sweep takes
	gone     int        // files that are in drop/ no more
}

// dropped is one file of drop/.
type dropped struct {
	name string
	*foreign
	as ulid.ULID // the job that it was taken in as
}

// refusal is what is wrong with a file of drop/. The zero value: nothing.
type refusal struct {
	why   string
	noJob bool // for certain: nobody's request is lost with it
}

func (b *dropBatch) takeIn(names []string) {
	b.entries, b.files, b.remove = nil, nil, nil
	aside := b.aside
	for _, name := range names {
		d, wrong, err := b.read(name)
		if err == nil && d != nil && wrong.why == "" {
			wrong, err = b.accept(d)
		}
		if err == nil && wrong.why != "" {
			err = b.refuse(name, d, wrong)
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
		b.q.senders.took(b.files[i].stat.Uid, e.id)
	}
	for _, d := range b.remove {
		if err := b.q.keep(d); err != nil {
			b.q.leave(d.name, err)
			continue
		}
		b.gone++
	}
	if b.aside > aside {
		b.q.noteDrop(b.q.s.sync("bad")) // before drop/, or a power cut could leave a file without its reason
	}
	switch {
	case len(b.remove) > 0:
		b.q.syncKept()
	case b.aside > aside:
		b.q.noteDrop(b.q.s.sync("drop"))
	}
}

// leave notes, once, a file that stays in drop/. After maxLeft of them it is
// silent: a stranger can make any number of directories.
func (q *Queue) leave(name string, err error) {
	q.drop.wrong(name, err)
	if q.left[name] || len(q.left) > maxLeft {
		return
	}
	if q.left == nil {
		q.left = map[string]bool{}
	}
	q.left[name] = true
	text := explain(err).Error()
	if len(q.left) > maxLeft {
		text += fmt.Sprintf(" (of files that stay here %d are noted: no more until mtrq run starts anew)", maxLeft)
	}
	q.s.note(Note{What: NoteLeft, File: "drop/" + oneLine(name), Text: text})
}

// maxLeft bounds how many files of drop/ are noted, and remembered, as left.
const maxLeft = 1000

// read opens what a stranger left. wrong says what is wrong with it; nothing
// at all: not yet, or not any more. An error: it stays where it is.
func (b *dropBatch) read(name string) (d *dropped, wrong refusal, err error) {
	path := b.q.s.path("drop", name)
	f, err := b.q.s.fs.foreign(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, refusal{}, nil
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO): // put there this very moment
		return nil, refusal{"is no regular file", true}, nil
	case errors.Is(err, fs.ErrPermission):
		if st, err := b.q.s.fs.lstat(path); err == nil && !b.quiet(time.Unix(st.Ctim.Unix())) {
			return b.notYet() // its sender may be about to open it to us
		}
		return nil, refusal{why: "may not be read: make it readable for the group before it gets its name (chmod g+r; files of mktemp are private)"}, nil
	case err != nil:
		return nil, refusal{}, err
	}
	if isDir(f.stat) {
		return nil, refusal{}, errDirectory
	}
	d = &dropped{name: name, foreign: f}
	if why := f.refused(); why != "" {
		return d, refusal{why, true}, nil
	}
	if !b.complete(d) {
		return b.notYet()
	}
	if f.stat.Nlink != 1 {
		if !b.quiet(f.ctime()) {
			return b.notYet() // link and unlink of a careful sender
		}
		_, _, err := DecodeForeign("", f.data)
		return d, refusal{fmt.Sprintf("has %d links: only files with one are taken", f.stat.Nlink), err != nil}, nil
	}
	return d, refusal{}, nil
}

// errDirectory: one of somebody else can be moved by nobody but its owner, and
// one that is being worked in must not be.
var errDirectory = errors.New("is a directory, which is no job: its owner may remove it")

func isDir(st unix.Stat_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFDIR }

// quiet says that nothing happened to a file for so long that its sender is
// done with it. A time far in the future is of a clock that was set back.
func (b *dropBatch) quiet(ctime time.Time) bool {
	return b.q.s.now().Sub(ctime).Abs() >= settleFor
}

// notYet is what read gives for a file that will be looked at once more: its
// sender may be at work.
func (b *dropBatch) notYet() (*dropped, refusal, error) {
	b.q.drop.settling = true
	return nil, refusal{}, nil
}

// complete says whether a file holds all that its sender means to write: it
// was renamed into place, or its content has stood still for a while. Whether somebody has it
// open says nothing: the next line of a script opens it again.
func (b *dropBatch) complete(d *dropped) bool {
	q := b.q
	if q.s.arrived.has(d) {
		return true
	}
	age := q.s.now().Sub(d.mtime())
	if age >= 0 {
		return age >= settleFor
	}
	// Of a clock that is ahead of ours, or ours was set back: its times tell
	// nothing, so we look ourselves.
	seen, ok := q.ahead[d.name]
	if !ok || seen.ino != d.stat.Ino || seen.size != d.stat.Size || seen.mtime != d.stat.Mtim {
		if q.ahead == nil || len(q.ahead) >= maxLeft {
			q.ahead = map[string]stillness{}
		}
		q.ahead[d.name] = stillness{d.stat.Ino, d.stat.Size, d.stat.Mtim, q.s.now()}
		return false
	}
	return q.s.now().Sub(seen.since).Abs() >= settleFor
}

// stillness is how a file of drop/ was found, and when first.
type stillness struct {
	ino   uint64
	size  int64
	mtime unix.Timespec
	since time.Time
}

// accept makes an entry of the file.
func (b *dropBatch) accept(d *dropped) (wrong refusal, err error) {
	s := b.q.s
	if id, ok := b.q.keptAs(d); ok {
		d.as = id
		b.remove = append(b.remove, d)
		return refusal{}, nil
	}
	j, ignored, err := DecodeForeign(oneLine(d.name), d.data)
	if err != nil {
		if !b.quiet(d.ctime()) {
			b.q.drop.settling = true
			return refusal{}, nil
		}
		return refusal{err.Error(), true}, nil
	}
	id, chosen := idInName(d.name)
	named, accepted := d.acceptedAt(s.now())
	j.Source, j.By, j.Accepted = "drop", dropBy(d.stat.Uid), accepted
	switch at := ulid.Time(id.Time()); {
	case chosen && at.Sub(named).Abs() > dropIDRange:
		return refusal{why: fmt.Sprintf("has an ID whose time is %s from when it got its name: allowed are 24h", at.Sub(d.ctime()).Abs().Round(time.Second))}, nil
	case !chosen:
		j.SentAs = nameAsText(d.name)
		if id, err = b.newID(d, named); err != nil {
			return refusal{}, err
		}
	}
	j.ID = id
	switch same, used, err := b.known(d, j); {
	case err != nil:
		return refusal{}, err
	case same:
		d.as = id
		b.remove = append(b.remove, d)
		return refusal{}, nil
	case used:
		return refusal{why: "has an ID that is in use"}, nil
	case len(b.q.kept) >= maxKept:
		return refusal{}, nil // of those it is known why
	}
	data, err := j.Encode()
	if err != nil {
		return refusal{why: err.Error()}, nil
	}
	if len(ignored) > 0 {
		s.note(Note{What: NoteIgnored, ID: id, File: "drop/" + oneLine(d.name), Text: "keys that only mtrq sets: " + strings.Join(ignored, ", ")})
	}
	b.ids[id] = true
	d.as = id
	b.entries = append(b.entries, &entry{id: id, data: data, own: fileName(id, 0, kindIntake)})
	b.files = append(b.files, d)
	return refusal{}, nil
}

// acceptedAt is when the file got its name, which is its change time, however
// long nobody was tracing, and when it counts as accepted. One of a clock that was wrong
// then, and was set back since, counts for nothing: an ID of next year would name a report of today,
// and nobody would look for it there. But of an ID that its sender was told the report must be
// found: it is of that clock, as are those of jobs that waited in new/ meanwhile.
func (d *dropped) acceptedAt(now time.Time) (named, accepted time.Time) {
	now = now.Round(0)
	named = d.ctime().In(now.Location())
	id, chosen := idInName(d.name)
	switch {
	case !named.After(now):
		return named, named
	case named.Sub(now) <= dropIDRange:
		return named, now
	case chosen && ulid.Time(id.Time()).Sub(named).Abs() <= dropIDRange:
		return named, named
	}
	return now, now
}

// newID makes the ID of a file without one: out of the file, so that it is
// recognised after a crash. Where its time is of no use, that of the ID is when
// it was taken in first.
func (b *dropBatch) newID(d *dropped, named time.Time) (ulid.ULID, error) {
	id := d.id()
	if named.Equal(d.ctime()) {
		return id, nil
	}
	if b.waiting == nil {
		names, err := b.q.s.list("new")
		if err != nil {
			return id, err
		}
		b.waiting = map[[10]byte]ulid.ULID{}
		for _, file := range names {
			if f, ok := parseFile(file); ok && f.kind == kindJob && !f.reason {
				b.waiting[ofFile(f.id)] = f.id
			}
		}
	}
	if first, ok := b.waiting[ofFile(id)]; ok {
		return first, nil
	}
	return id, id.SetTime(ulid.Timestamp(named))
}

// known asks whether the job's ID is used, and whether by this very file: a
// crash came between its acceptance and its removal from drop/. That can only
// be while it waits in new/, since it is not traced before drop/ is durable.
func (b *dropBatch) known(d *dropped, j Job) (same, used bool, err error) {
	if b.ids[j.ID] || b.reported(j.ID) {
		return false, true, nil
	}
	p, err := b.where(j.ID)
	if err != nil || p.State == StateUnknown {
		return false, false, err
	}
	if p.State == StateQueued && isZeroID(p.Batch) {
		old, err := b.q.s.readJob(Name{"new", fileName(j.ID, p.Attempts, kindJob)}, j.ID)
		// Of a clock that was set back the time of acceptance is that of the first look.
		sameTime := err == nil && (old.Accepted.Equal(j.Accepted) || !j.Accepted.Equal(d.ctime()))
		if sameTime && old.By == j.By && old.Target == j.Target {
			return true, true, nil
		}
	}
	return false, true, nil
}

// where looks for an ID in the spool without drop/.
func (b *dropBatch) where(id ulid.ULID) (Place, error) {
	return b.q.s.whereOnce(id, false, b.batchesAt)
}

// batchesAt lists a directory once for the whole sweep. A batch that comes
// later has IDs that nobody could know when the file was dropped.
func (b *dropBatch) batchesAt(dir string, ms uint64) ([]string, error) {
	if b.batches[dir] == nil {
		names, err := b.q.s.list(dir)
		if err != nil {
			return nil, err
		}
		if b.batches == nil {
			b.batches = map[string]map[uint64][]string{}
		}
		b.batches[dir] = map[uint64][]string{}
		for _, file := range names {
			if f, ok := batchName(file); ok {
				b.batches[dir][f.id.Time()] = append(b.batches[dir][f.id.Time()], file)
			}
		}
	}
	return b.batches[dir][ms], nil
}
