package spool

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
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

// nameAsText is the name of a file of drop/ as its job keeps it: quoted as in Go
// where a text cannot hold it (not UTF-8, or control characters).
func nameAsText(name string) string {
	if oneLine(name) == name {
		return name
	}
	return strconv.Quote(name)
}

// namesInDrop are the names that a job's file may have had. What looks quoted
// may be the name itself.
func namesInDrop(j Job) []string {
	if j.SentAs == "" {
		id := j.ID.String()
		return []string{id + ".job", id + ".toml", id}
	}
	names := []string{j.SentAs}
	if name, err := strconv.Unquote(j.SentAs); err == nil && nameAsText(name) == j.SentAs && !strings.ContainsAny(name, "/\x00") {
		names = append(names, name)
	}
	return names
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

// ofFile is what the ID of such a file has beside the time.
func ofFile(id ulid.ULID) [10]byte { return [10]byte(id[6:]) }

// refuse moves a file to bad/, under the ID in its name where that is free.
// Of one sender only so many are kept: what was never accepted must not fill
// the disk. What came after these and may be a job, which its sender takes for accepted, stays in drop/.
func (b *dropBatch) refuse(name string, d *dropped, wrong refusal) error {
	s := b.q.s
	st, err := s.fs.lstat(s.path("drop", name))
	if err != nil {
		return err
	}
	uid := st.Uid
	kept, err := b.badOf(uid)
	switch {
	case err != nil:
		return err
	case kept >= maxForeign && !wrong.noJob:
		return fmt.Errorf("%s; it stays here, as %d files of uid %d are in bad/: look through them, and remove them", wrong.why, kept, uid)
	case kept >= maxForeign:
		return b.discard(d, st, wrong.why, kept)
	}
	if b.aside >= maxAside || b.failed >= maxAside {
		b.later = true // the next sweep; good files first
		return nil
	}
	id, chosen := idInName(name)
	if chosen {
		p, err := b.where(id)
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
	text := fmt.Sprintf("drop/%s %s (from uid %d)", oneLine(name), wrong.why, uid)
	as := fileName(id, 0, kindForeign)
	if err := s.toBad("drop", name, as, text); err != nil {
		b.failed++
		return err
	}
	b.aside++
	b.gone++
	b.q.senders.bad[uid]++
	s.note(Note{What: NoteBad, ID: id, File: "bad/" + as, Text: text})
	return nil
}

const (
	maxPart    = 4096   // names of drop/ that one sweep looks at
	maxSweep   = 1024   // files of drop/ that one sweep takes
	maxAside   = 64     // files that one sweep moves to bad/: each costs a sync
	maxForeign = 1000   // files of one user that are kept in bad/
	maxOpen    = 10_000 // jobs of one user from drop/ that may be on their way at once
)

// senders counts what each user has put into drop/, so that none of them can
// take all of the spool. The zero value is ready.
type senders struct {
	counted time.Time                     // when bad was counted; zero: never
	badAt   unix.Timespec                 // when bad/ had changed last by then
	bad     map[uint32]int                // files in bad/ that are its
	open    map[uint32]map[ulid.ULID]bool // jobs that came through drop/, and are not over
	told    map[uint32]bool
	pass    dropPass

	removed     map[uint32]removal // what bad/ had no room for, and is no job
	toldRemoved time.Time          // when that was noted last

	// Jobs of earlier runners wait in new/, and whose they are stands in them
	// alone. They are read when something lies in drop/, some with each sweep: a long queue
	// must not hold up the start. Those that are still to be read may be anybody's.
	listed  bool
	unknown []string // files in new/
}

// dropPass is how far the sweeps have looked through drop/: each takes the
// next part of it, so that none costs more than one part, however much lies there.
// A file waits for at most one pass, which is (files in drop/ ÷ maxPart) sweeps.
type dropPass struct {
	at    int64         // where the next part begins; 0: a new pass
	began unix.Timespec // when drop/ had changed last as the pass began
	told  bool          // that drop/ cannot be looked through

	tidying bool      // this pass removes what dead senders left
	tidied  time.Time // when such a pass last began
}

// nextPart gives the names of the next part, sorted. More says that the pass
// goes on, or that drop/ has changed meanwhile: what came was perhaps never seen.
func (q *Queue) nextPart() ([]string, error) {
	p, first := &q.senders.pass, q.senders.pass.at == 0
	if first {
		p.began = q.s.changed("drop")
	}
	part, err := q.s.fs.listPart(q.s.path("drop", ""), p.at, maxPart)
	if err != nil {
		p.at = 0
		return nil, err
	}
	if first && q.s.now().Sub(p.tidied).Abs() >= freshFor {
		p.tidied, p.tidying = q.s.now(), true
	} else if first {
		p.tidying = false
	}
	if p.tidying {
		q.tidyHidden(part.names)
	}
	p.at = part.next
	q.more = p.at != 0 || !first && q.s.changed("drop") != p.began
	return slices.Compact(sortVisible(part.names)), nil
}

// tidyHidden removes what senders of ours that were killed have left under
// hidden names. Nobody was told that it is accepted. Hidden files of other programs are theirs.
func (q *Queue) tidyHidden(names []string) {
	for _, name := range names {
		file, hidden := strings.CutPrefix(name, ".")
		if f, ok := parseFile(file); !hidden || !ok || f.kind != kindJob || f.reason {
			continue
		}
		path := q.s.path("drop", name)
		if st, err := q.s.fs.lstat(path); err == nil && q.s.now().Sub(time.Unix(st.Ctim.Unix())).Abs() >= freshFor {
			_ = q.s.fs.remove(path) // it harms nobody, and the next pass tries again
		}
	}
}

// changed is when a name came to a directory or went; zero where that cannot
// be seen.
func (s *Spool) changed(dir string) unix.Timespec {
	st, err := s.fs.lstat(s.path(dir, ""))
	if err != nil {
		return unix.Timespec{} // what is wrong with it the listing says
	}
	return st.Mtim
}

func (n *senders) took(uid uint32, id ulid.ULID) {
	if n.open == nil {
		n.open = map[uint32]map[ulid.ULID]bool{}
	}
	if n.open[uid] == nil {
		n.open[uid] = map[ulid.ULID]bool{}
	}
	n.open[uid][id] = true
}

// met is told of a job that an earlier runner has perhaps taken in.
func (n *senders) met(j Job) {
	if uid, ok := droppedBy(j); ok {
		n.took(uid, j.ID)
	}
}

// over is told that a job has ended.
func (n *senders) over(j Job) {
	if uid, ok := droppedBy(j); ok {
		delete(n.open[uid], j.ID)
		if len(n.open[uid]) < maxOpen/2 {
			delete(n.told, uid)
		}
		if len(n.open[uid]) == 0 {
			delete(n.open, uid)
		}
	}
}

// countOpen reads some of the jobs that waited in new/ when this Queue took
// over.
func (q *Queue) countOpen() {
	n := &q.senders
	if !n.listed {
		names, err := q.s.list("new")
		if err != nil {
			return // the claim will say so
		}
		n.listed, n.unknown = true, names
	}
	for range min(len(n.unknown), maxSweep) {
		file := n.unknown[0]
		n.unknown = n.unknown[1:]
		if f, ok := parseFile(file); ok && f.kind == kindJob && !f.reason {
			if j, err := q.s.readJob(Name{"new", file}, f.id); err == nil { // else it is claimed meanwhile, or goes to bad/
				n.met(j)
			}
		}
	}
	q.more = q.more || len(n.unknown) > 0
}

func droppedBy(j Job) (uid uint32, ok bool) {
	if j.Source != "drop" {
		return 0, false
	}
	_, err := fmt.Sscanf(j.By, "uid %d", &uid)
	return uid, err == nil
}

func dropBy(uid uint32) string { return fmt.Sprintf("uid %d", uid) }

// fairShare chooses what one sweep takes of a part: all of a few names; of
// many, the same number from each user, so that a flood of one leaves room for
// all others in it. rest: there are more that could be taken.
func (q *Queue) fairShare(names []string) (share []string, rest bool) {
	if len(names) <= maxSweep && len(q.senders.open)+len(q.senders.unknown) == 0 {
		return names, false
	}
	byUser := map[uint32][]string{}
	var users []uint32
	for _, name := range names {
		st, err := q.s.fs.lstat(q.s.path("drop", name))
		if err != nil {
			continue // gone
		}
		if isDir(st) {
			q.leave(name, errDirectory)
			continue
		}
		uid := st.Uid
		if byUser[uid] == nil {
			users = append(users, uid)
		}
		byUser[uid] = append(byUser[uid], name)
	}
	for uid, own := range byUser {
		if q.senders.bad[uid] >= maxForeign { // many may stay here (see refuse), and what comes after them must have its turn
			at := rand.IntN(len(own))
			byUser[uid] = slices.Concat(own[at:], own[:at])
		}
	}
	var out []string
	for round := 0; len(users) > 0; round++ {
		left := users[:0]
		for _, uid := range users {
			switch {
			case len(out) >= maxSweep:
				return out, true
			case round >= len(byUser[uid]):
			case round+len(q.senders.open[uid]) >= maxOpen:
				q.tellLimit(uid)
			case round+len(q.senders.open[uid])+len(q.senders.unknown) >= maxOpen: // comes when they are known
			default:
				out = append(out, byUser[uid][round])
				left = append(left, uid)
			}
		}
		users = left
	}
	return out, false
}

func (q *Queue) tellLimit(uid uint32) {
	if q.senders.told[uid] {
		return
	}
	if q.senders.told == nil {
		q.senders.told = map[uint32]bool{}
	}
	q.senders.told[uid] = true
	q.s.note(Note{What: NoteLeft, File: "drop/", Text: fmt.Sprintf("%d jobs of uid %d are on their way: the rest of its files waits here", maxOpen, uid)})
}
