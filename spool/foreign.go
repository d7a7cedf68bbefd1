package spool

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

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

// refuse moves a file to bad/, under the ID in its name where that is free.
// Of one sender only so many are kept: what was never accepted must not fill
// the disk.
func (b *dropBatch) refuse(name, why string) error {
	s := b.q.s
	st, err := s.fs.lstat(s.path("drop", name))
	if err != nil {
		return err
	}
	uid := st.Uid
	kept, err := b.q.senders.badOf(s, uid)
	if err != nil {
		return err
	}
	if kept >= maxForeign {
		if kept == maxForeign {
			s.note(Note{What: NoteBad, File: "drop/" + oneLine(name),
				Text: fmt.Sprintf("%d files of uid %d are in bad/: those that come after this one are removed while that is so; the last %s", kept, uid, why)})
			b.q.senders.bad[uid]++
		}
		b.discard = append(b.discard, &dropped{name, &foreign{stat: st}})
		return nil
	}
	if b.aside++; b.aside > maxAside {
		b.q.more = true // the next sweep; good files first
		return nil
	}
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
	text := fmt.Sprintf("drop/%s %s (from uid %d)", oneLine(name), why, uid)
	as := fileName(id, 0, kindForeign)
	if err := s.toBad("drop", name, as, text); err != nil {
		return err
	}
	b.q.senders.bad[uid]++
	b.refused = true
	s.note(Note{What: NoteBad, ID: id, File: "bad/" + as, Text: text})
	return nil
}

const (
	maxSweep   = 1024   // files of drop/ that one sweep takes
	maxAside   = 64     // files that one sweep moves to bad/: each costs a sync
	maxForeign = 1000   // files of one user that are kept in bad/
	maxOpen    = 10_000 // jobs of one user from drop/ that may be on their way at once
)

// senders counts what each user has put into drop/, so that none of them can
// take all of the spool. The zero value is ready.
type senders struct {
	counted time.Time      // when bad was counted; zero: never
	bad     map[uint32]int // files in bad/ that are its
	open    map[uint32]int // jobs that were taken from drop/ by this Queue, and are not over
	told    map[uint32]bool
}

func (n *senders) took(uid uint32) {
	if n.open == nil {
		n.open = map[uint32]int{}
	}
	n.open[uid]++
}

// over is told that a job has ended.
func (n *senders) over(j Job) {
	var uid uint32
	if j.Source != "drop" {
		return
	}
	if _, err := fmt.Sscanf(j.By, "uid %d", &uid); err == nil && n.open[uid] > 0 {
		n.open[uid]--
		if n.open[uid] < maxOpen/2 {
			delete(n.told, uid)
		}
	}
}

func dropBy(uid uint32) string { return fmt.Sprintf("uid %d", uid) }

// badOf counts the files of a user in bad/. They keep their owner there. It
// counts anew when there seem to be too many: somebody may have tidied up.
func (n *senders) badOf(s *Spool, uid uint32) (int, error) {
	if !n.counted.IsZero() && (n.bad[uid] < maxForeign || s.now().Sub(n.counted).Abs() < time.Minute) {
		return n.bad[uid], nil
	}
	names, err := s.list("bad")
	if err != nil {
		return 0, err
	}
	n.bad = map[uint32]int{}
	for _, file := range names {
		if f, ok := parseFile(file); ok && f.kind == kindForeign && !f.reason {
			if st, err := s.fs.lstat(s.path("bad", file)); err == nil {
				n.bad[st.Uid]++
			}
		}
	}
	n.counted = s.now()
	return n.bad[uid], nil
}

// fairShare chooses what one sweep takes: all of a few names; of many, the
// same number from each user, so that a flood of one delays nobody else.
func (q *Queue) fairShare(names []string) []string {
	if len(names) <= maxSweep && len(q.senders.open) == 0 {
		return names
	}
	byUser := map[uint32][]string{}
	var users []uint32
	for _, name := range names {
		st, err := q.s.fs.lstat(q.s.path("drop", name))
		if err != nil {
			continue // gone
		}
		uid := st.Uid
		if byUser[uid] == nil {
			users = append(users, uid)
		}
		byUser[uid] = append(byUser[uid], name)
	}
	var out []string
	for round := 0; len(users) > 0; round++ {
		left := users[:0]
		for _, uid := range users {
			switch {
			case len(out) >= maxSweep:
				q.more = true
				return out
			case round+q.senders.open[uid] >= maxOpen:
				q.tellLimit(uid, len(byUser[uid])-round)
			case round < len(byUser[uid]):
				out = append(out, byUser[uid][round])
				left = append(left, uid)
			}
		}
		users = left
	}
	return out
}

func (q *Queue) tellLimit(uid uint32, rest int) {
	if q.senders.told[uid] || rest <= 0 {
		return
	}
	if q.senders.told == nil {
		q.senders.told = map[uint32]bool{}
	}
	q.senders.told[uid] = true
	q.s.note(Note{What: NoteLeft, File: "drop/", Text: fmt.Sprintf("%d jobs of uid %d are on their way: %d more of its files wait here", maxOpen, uid, rest)})
}
