package spool

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

const (
	scanEvery = 30 * time.Second // with a watcher: what was missed is found now
	pollEvery = 2 * time.Second  // without one
	// lookAgain is when a file in drop/ that was still being written is past its
	// grace.
	lookAgain = dropGrace + 200*time.Millisecond
)

// Watch sends to hints, without waiting for a reader, whenever it is worth
// calling Claim: something came into new/ or drop/, 30 s passed, or the watcher lost
// track. A channel of capacity 1 misses nothing. Where the kernel gives no watcher (a
// network filesystem, no inotify instances left, a directory that was
// replaced) it hints every 2 s and tries again. It returns when ctx ends.
//
// Hints only make things faster: a caller that claims every 30 s loses
// nothing.
func (s *Spool) Watch(ctx context.Context, hints chan<- struct{}) {
	w := watching{s: s, hints: hints, scan: scanEvery, poll: pollEvery, again: lookAgain, local: s.isLocal}
	w.run(ctx)
}

// watching is one call of Watch, with its times in fields.
type watching struct {
	s                 *Spool
	hints             chan<- struct{}
	scan, poll, again time.Duration
	local             func() bool // inotify hears of what other machines do, too
}

func (w *watching) hint() {
	select {
	case w.hints <- struct{}{}:
	default: // one hint is waiting already
	}
}

func (w *watching) run(ctx context.Context) {
	for ctx.Err() == nil {
		fw := w.start()
		w.hint() // what came before the watch, or since it was lost
		if fw != nil {
			w.listen(ctx, fw)
			// Nothing depends on how closing ends: the descriptor is gone.
			_ = fw.Close()
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(w.poll):
		}
	}
}

// start gives a watcher on new/ and drop/, or nil where there can be none now.
func (w *watching) start() *fsnotify.Watcher {
	if !w.local() {
		return nil
	}
	fw, err := fsnotify.NewWatcher()
	if err != nil {
		return nil
	}
	for _, dir := range []string{"new", "drop"} {
		if err := fw.Add(w.s.path(dir, "")); err != nil {
			_ = fw.Close()
			return nil
		}
	}
	return fw
}

// listen turns events into hints until the watch is lost or ctx ends.
func (w *watching) listen(ctx context.Context, fw *fsnotify.Watcher) {
	scan := time.NewTicker(w.scan)
	defer scan.Stop()
	again := time.NewTimer(w.again)
	defer again.Stop()
	newDir, dropDir := w.s.path("new", ""), w.s.path("drop", "")
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-fw.Events:
			if !ok {
				return
			}
			if e.Name == newDir || e.Name == dropDir {
				if e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
					return // replaced: watch the directory that has the name now
				}
				continue
			}
			if !e.Has(fsnotify.Create) && !e.Has(fsnotify.Write) {
				continue // our own moves and removals
			}
			if filepath.Dir(e.Name) == dropDir {
				again.Reset(w.again)
			}
			w.hint()
		case _, ok := <-fw.Errors:
			// Overflow: an unknown set of events is lost, so look now; of other
			// errors nothing better is known.
			if !ok {
				return
			}
			w.hint()
		case <-again.C:
			w.hint()
		case <-scan.C:
			w.hint()
			if !w.watched(fw) {
				return
			}
		}
	}
}

// watched says whether both watches are still there: fsnotify drops one
// silently when its directory's filesystem is unmounted.
func (w *watching) watched(fw *fsnotify.Watcher) bool { return len(fw.WatchList()) == 2 }

// isLocal says whether inotify hears all that happens in the spool. On
// network filesystems it only hears of this machine.
func (s *Spool) isLocal() bool {
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return false
	}
	switch uint32(st.Type) {
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC,
		unix.FUSE_SUPER_MAGIC, unix.V9FS_MAGIC, unix.CEPH_SUPER_MAGIC, unix.AFS_SUPER_MAGIC, unix.CODA_SUPER_MAGIC:
		return false
	}
	return true
}
