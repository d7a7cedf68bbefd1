package targets

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// gather is how long is waited after a hint for those that follow it.
const gather = 50 * time.Millisecond

// hints is a watcher on the directories of lists. It only makes things
// faster: what it misses is found by the next scan.
type hints struct {
	entries []string
	fw      *fsnotify.Watcher
	dirs    map[string]mark // watched, and which directory had the name then
}

// watch sees to it that everything is watched, and says whether it is. A
// directory that was replaced has lost its watch without a word, so each is
// compared with what was watched.
func (h *hints) watch() bool {
	if h.fw == nil {
		fw, err := fsnotify.NewWatcher()
		if err != nil {
			return false // no instances left: another time
		}
		h.fw, h.dirs = fw, map[string]mark{}
	}
	live := map[string]bool{}
	for _, d := range h.fw.WatchList() {
		live[d] = true
	}
	all := true
	for _, e := range h.entries {
		dir, id, err := watchable(e)
		switch {
		case err != nil:
			all = false
		case live[dir] && h.dirs[dir] == id:
		default:
			if live[dir] {
				_ = h.fw.Remove(dir) // of the directory that had the name before
			}
			if err := h.fw.Add(dir); err != nil {
				all = false
				continue
			}
			h.dirs[dir] = id
		}
	}
	return all
}

// wait returns when it is worth looking: wait has passed, something
// happened in a watched directory, somebody asked, or ctx ended.
func (h *hints) wait(ctx context.Context, wait time.Duration, reload <-chan struct{}) {
	until := time.Now().Add(wait)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var events chan fsnotify.Event
	var errs chan error
	if h.fw != nil {
		events, errs = h.fw.Events, h.fw.Errors
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-reload:
			return
		case e := <-events:
			if !h.concerns(e.Name) {
				continue
			}
		case <-errs: // an overflow: an unknown set of events is lost
		}
		if soon := time.Now().Add(gather); soon.Before(until) {
			until = soon
			timer.Reset(gather)
		}
	}
}

// concerns says whether an event is of a list: a configured file or
// directory, or anything in one. Even hidden names count: a directory may
// be a set of links into one that is swapped.
func (h *hints) concerns(name string) bool {
	for _, e := range h.entries {
		if name == e || filepath.Dir(name) == e {
			return true
		}
	}
	return false
}

func (h *hints) close() {
	if h.fw != nil {
		_ = h.fw.Close() // nothing depends on it: the descriptor is gone
	}
}

// watchable gives the directory to watch for an entry, and what tells it
// from another of that name.
func watchable(entry string) (string, mark, error) {
	dir := entry
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() || errors.Is(err, fs.ErrNotExist) {
		dir = filepath.Dir(dir) // a file: it is replaced by renaming another to its name
		info, err = os.Stat(dir)
	}
	if err != nil {
		return "", mark{}, err
	}
	if !local(dir) {
		return "", mark{}, errors.New("inotify does not hear what other machines do")
	}
	id := markOf(info)
	return dir, mark{dev: id.dev, ino: id.ino}, nil
}

// local says whether inotify hears all that happens in a directory.
func local(dir string) bool {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return false
	}
	switch uint32(st.Type) {
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC,
		unix.FUSE_SUPER_MAGIC, unix.V9FS_MAGIC, unix.CEPH_SUPER_MAGIC, unix.AFS_SUPER_MAGIC, unix.CODA_SUPER_MAGIC:
		return false
	}
	return true
}
