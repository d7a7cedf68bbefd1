package spool

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

const (
	scanEvery = 30 * time.Second // with a watcher: what was missed is found now
	pollEvery = 2 * time.Second  // without one
	// lookAgain is when a file in drop/ that was still being written has
	// settled.
	lookAgain = settleFor + 200*time.Millisecond
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
	stall             func()      // tests stop here before each event; nil: go on
}

func (w *watching) hint() {
	select {
	case w.hints <- struct{}{}:
	default: // one hint is waiting already
	}
}

func (w *watching) run(ctx context.Context) {
	for ctx.Err() == nil {
		fw, why := w.start()
		w.s.watching.set(w.s, why)
		w.hint() // what came before the watch, or since it was lost
		if fw != nil {
			w.listen(ctx, fw)
			// Nothing depends on how closing ends: the descriptor is gone.
			_ = fw.Close()
			w.s.arrived.clear()
			if ctx.Err() == nil {
				w.s.watching.lost()
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(w.poll):
		}
	}
}

// start gives a watcher on new/ and drop/, or why there can be none now.
func (w *watching) start() (fw *fsnotify.Watcher, why string) {
	if !w.local() {
		return nil, "the spool is on a network filesystem, where inotify does not hear of other machines"
	}
	fw, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Sprintf("no inotify instance (%s): raise fs.inotify.max_user_instances", err)
	}
	for _, dir := range []string{"new", "drop"} {
		if err := fw.Add(w.s.path(dir, "")); err != nil {
			_ = fw.Close()
			return nil, fmt.Sprintf("%s/ cannot be watched: %s", dir, err)
		}
	}
	return fw, ""
}

// listen turns events into hints until the watch is lost or ctx ends.
func (w *watching) listen(ctx context.Context, fw *fsnotify.Watcher) {
	scan := time.NewTicker(w.scan)
	defer scan.Stop()
	again := time.NewTimer(w.again)
	defer again.Stop()
	newDir, dropDir := w.s.path("new", ""), w.s.path("drop", "")
	for {
		if w.stall != nil {
			w.stall()
		}
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
			inDrop := filepath.Dir(e.Name) == dropDir
			if inDrop {
				w.s.arrived.follow(w.s, e)
			}
			if !e.Has(fsnotify.Create) && !e.Has(fsnotify.Write) {
				continue // our own moves and removals
			}
			if inDrop {
				again.Reset(w.again)
			}
			w.hint()
		case err, ok := <-fw.Errors:
			// Overflow: an unknown set of events is lost, so look now; of other
			// errors nothing better is known.
			if !ok {
				return
			}
			w.s.watching.failed(w.s, err)
			w.s.arrived.clear()
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
	return !isNetwork(uint32(st.Type))
}

// isNetwork knows the filesystems, by statfs's magic number, in which others
// can write without this kernel's knowing.
func isNetwork(magic uint32) bool {
	switch magic {
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC,
		unix.FUSE_SUPER_MAGIC, unix.V9FS_MAGIC, unix.CEPH_SUPER_MAGIC, unix.AFS_SUPER_MAGIC, unix.CODA_SUPER_MAGIC:
		return true
	}
	return false
}
