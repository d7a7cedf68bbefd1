package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// parallelSyncs is how many files of one commit are written and synced at
// the same time. Measured: 500 files take 391 ms one by one and 91 ms with
// 16 in parallel.
const parallelSyncs = 16

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

// sync makes the names in these directories of the spool durable, in order.
// All are tried; moving needs the destination first (a name in neither
// directory would be a lost job, a name in both is repaired by recovery).
func (s *Spool) sync(dirs ...string) error {
	var errs []error
	for _, d := range dirs {
		if err := s.fs.syncDir(filepath.Join(s.dir, d)); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// writeDurable writes a new file and syncs it. On any error the file is gone
// again: after a failed sync the kernel marks the pages clean and a second
// sync would lie, so whoever tries again must do so with a new inode.
func writeDurable(path string, mode uint32, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, fs.FileMode(mode))
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = giveToOwner(f)
		if mode&0o040 != 0 && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL)) {
			err = nil // root of a container, who cannot: the group may read it
		}
	}
	if err == nil && mode != 0o600 {
		err = f.Chmod(fs.FileMode(mode)) // whatever the umask
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// giveToOwner gives a file that root has made to the owner of its
// directory: the runner is another user, and must be able to read what root
// asks for.
func giveToOwner(f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	var dir unix.Stat_t
	path := filepath.Dir(f.Name())
	if err := unix.Stat(path, &dir); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if dir.Uid == 0 {
		return nil
	}
	return f.Chown(int(dir.Uid), int(dir.Gid))
}

// moveNew renames a file without ever replacing another: fs.ErrExist when the
// new name is taken. Filesystems without RENAME_NOREPLACE (NFS, some FUSE)
// get link and unlink; a crash between the two leaves both names, which
// recovery sorts out.
func moveNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.ENOTSUP):
		return linkMove(from, to)
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}

func linkMove(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return err
	}
	if err := os.Remove(from); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// inParallel runs do(0)…do(n-1), at most limit at a time, and waits for all.
func inParallel(n, limit int, do func(int)) {
	if n == 1 {
		do(0)
		return
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, limit)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	wg.Wait()
}

// explain gives errors of the filesystem a name that callers decide by, and
// words on what to do.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%w: no blocks or no inodes left: free space: %w", ErrFull, err)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w (the filesystem is read-only, often after an I/O error: see dmesg)", err)
	}
	return err
}
