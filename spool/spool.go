package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

// DropGroup is the group whose members may put files into drop/, where it
// exists.
const DropGroup = "mtrq-drop"

// A Spool is a directory of durable jobs. Its methods may be called from
// several goroutines, and several processes may use one directory; only one
// of them at a time holds its Queue (see Lock).
type Spool struct {
	dir       string
	opt       Options
	fs        fsys
	parallel  int // files of one commit that are written at the same time
	ids       idSource
	committer committer
	watching  watchBook
	arrived   arrivals
	tidied    sync.Once // state/, by WriteRunState
}

// Options are what a Spool needs to know beside its directory. The zero
// value works.
type Options struct {
	// A submit is refused with ErrFull while the filesystem has less than
	// this free for us. What was accepted may use the reserve. 0 is none.
	ReserveBytes  uint64
	ReserveInodes uint64

	Now func() time.Time // clock; nil is time.Now

	// Note, unless nil, is told what an operator should know of and no
	// caller gets as an error. It is called with locks held: it must not
	// call back and not block.
	Note func(Note)
}

// A Note is something that happened to one file.
type Note struct {
	What NoteKind
	ID   ulid.ULID // zero when the file has none
	File string    // name below the spool: "drop/edge.toml"
	Text string    // what is wrong, which keys were ignored
}

// NoteKind is what happened.
type NoteKind string

const (
	NoteBad     NoteKind = "bad"     // moved to bad/
	NoteIgnored NoteKind = "ignored" // keys in a foreign file that only mtrq may set
	NoteRemoved NoteKind = "removed" // a second copy of a job, one already reported, or a file of drop/ that is no job while bad/ is full of its sender's
	NoteWatch   NoteKind = "watch"   // how new jobs are noticed; of no file
	NoteLeft    NoteKind = "left"    // could not be taken or moved; still where it was
)

// Open opens the spool in dir and creates what is missing of it: drop/ 3770
// (of group DropGroup where that exists and may be given), tmp/ new/ cur/
// bad/ 0700, state/ 0755, and dir itself 0755, whatever the umask; directories above it
// go by that. What exists is left as it is.
// A user without rights on new/ can open a spool too, to submit through
// drop/.
func Open(dir string, opt Options) (*Spool, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open spool %s: %w", dir, err)
	}
	if err := makeOpen(abs); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	s := &Spool{dir: abs, opt: opt, fs: disk{}, parallel: parallelSyncs}
	made := false
	for _, d := range layout() {
		ok, err := makeDir(filepath.Join(abs, d.name), d.mode, d.group)
		if err != nil {
			return nil, fmt.Errorf("open spool %s: %w", abs, err)
		}
		made = made || ok
	}
	if made {
		if err := syncDir(abs); err != nil {
			return nil, fmt.Errorf("open spool %s: %w", abs, err)
		}
	}
	return s, nil
}

// Look gives the spool in dir to those who only look: it makes nothing, where
// Open would make a spool out of a mistyped name. What is not there is told by the
// methods, as fs.ErrNotExist. Of opt the reserve counts, for CheckRoom and RoomSoon.
func Look(dir string, opt Options) (*Spool, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("look at spool %s: %w", dir, err)
	}
	return &Spool{dir: abs, opt: opt, fs: disk{}, parallel: parallelSyncs}, nil
}

// Dir gives the spool's directory, absolute.
func (s *Spool) Dir() string { return s.dir }

func (s *Spool) path(dir, file string) string { return filepath.Join(s.dir, dir, file) }

func (s *Spool) now() time.Time {
	if s.opt.Now != nil {
		return s.opt.Now()
	}
	return time.Now()
}

func (s *Spool) note(n Note) {
	if s.opt.Note != nil {
		s.opt.Note(n)
	}
}

type dirSpec struct {
	name  string
	mode  uint32
	group bool // give it to DropGroup
}

func layout() []dirSpec {
	return []dirSpec{
		{"drop", 0o3770, true},
		{"tmp", 0o700, false},
		{"new", 0o700, false},
		{"cur", 0o700, false},
		{"bad", 0o700, false},
		{"state", 0o755, false},
	}
}

// makeOpen makes a directory that everybody may go through, drop/ and state/ being
// below it, unless it is there.
func makeOpen(path string) error {
	if fi, err := os.Stat(path); err == nil && fi.IsDir() {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if _, err := makeDir(path, 0o755, false); err != nil {
		return err
	}
	return nil
}

// makeDir creates one directory with exactly this mode, and says whether it
// did. Two processes may come here together: the loser finds it made.
func makeDir(path string, mode uint32, group bool) (bool, error) {
	if fi, err := os.Lstat(path); err == nil {
		if !fi.IsDir() {
			return false, fmt.Errorf("%s is no directory (%s): move it away", path, fi.Mode().Type())
		}
		return false, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if group {
		if err := giveToGroup(path); err != nil {
			return false, err
		}
	}
	// After the change of group, which may take the set-group-ID bit away.
	if err := unix.Chmod(path, mode); err != nil {
		return false, &fs.PathError{Op: "chmod", Path: path, Err: err}
	}
	if group {
		if err := openToOwner(path); err != nil {
			return false, err
		}
	}
	return true, nil
}

// giveToGroup changes the group where there is one and we may; drop/ is then
// open to it. Otherwise drop/ serves its owner alone.
func giveToGroup(path string) error {
	g, err := user.LookupGroup(DropGroup)
	if err != nil {
		return nil // no such group here
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return nil
	}
	if err := os.Chown(path, -1, gid); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}
