package spool

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// badOf counts the files of a user in bad/. They keep their owner there. Where there seem to be
// too many it looks, once a sweep, whether somebody has tidied up.
func (b *dropBatch) badOf(uid uint32) (int, error) {
	n := &b.q.senders
	if n.counted.IsZero() || n.bad[uid] >= maxForeign && !b.looked {
		b.looked = true
		if err := n.countBad(b.q.s); err != nil {
			return 0, err
		}
	}
	return n.bad[uid], nil
}

// countBad counts what each user has in bad/, unless nothing has changed
// there. Two changes within one tick of the kernel's clock look like one: that is made
// good after a minute.
func (n *senders) countBad(s *Spool) error {
	changed := s.changed("bad") // before the listing: what comes or goes meanwhile shows the next time
	if !n.counted.IsZero() && changed == n.badAt && s.now().Sub(n.counted).Abs() < time.Minute {
		return nil
	}
	names, err := s.list("bad")
	if err != nil {
		return err
	}
	n.bad = map[uint32]int{}
	for _, file := range names {
		if f, ok := parseFile(file); ok && f.kind == kindForeign && !f.reason {
			if st, err := s.fs.lstat(s.path("bad", file)); err == nil {
				n.bad[st.Uid]++
			}
		}
	}
	n.counted, n.badAt = s.now(), changed
	return nil
}

// removal is how many files of a user were removed since that was told last.
type removal struct {
	files, kept int
	last        string // of them, with what was wrong with it
}

// discard removes a file that is no job, if it is still the one that was read.
func (b *dropBatch) discard(d *dropped, st unix.Stat_t, why string, kept int) error {
	if d == nil || d.stat.Ino != st.Ino || d.stat.Ctim != st.Ctim {
		return nil // the next sweep reads it
	}
	if err := b.q.s.fs.removeSame(b.q.s.path("drop", d.name), d.foreign); err != nil {
		return err
	}
	b.gone++
	n := &b.q.senders
	if n.removed == nil {
		n.removed = map[uint32]removal{}
	}
	n.removed[st.Uid] = removal{n.removed[st.Uid].files + 1, kept, "drop/" + oneLine(d.name) + ", " + why}
	return nil
}

// tellRemoved notes what was removed, at most once a minute unless it is the
// last chance to do so.
func (q *Queue) tellRemoved(last bool) {
	n, now := &q.senders, q.s.now()
	if len(n.removed) == 0 || !last && now.Sub(n.toldRemoved).Abs() < time.Minute {
		return
	}
	for _, uid := range slices.Sorted(maps.Keys(n.removed)) {
		r := n.removed[uid]
		q.s.note(Note{What: NoteRemoved, File: "drop/", Text: fmt.Sprintf(
			"%d files of uid %d that are no jobs were removed, as %d of its files are in bad/: the last, %s", r.files, uid, r.kept, r.last)})
	}
	n.removed, n.toldRemoved = nil, now
}
