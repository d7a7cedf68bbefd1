package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/durable"
)

// create makes dir an archive with its days in zone, unless it is one.
func create(dir, zone string) error {
	if _, err := os.Stat(filepath.Join(dir, infoName)); err == nil {
		return nil
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "" || zone == "Local" {
		return fmt.Errorf("make archive %s: %q is no name of a zone such as Europe/Berlin", dir, zone)
	}
	if err := mkdirAll(dir); err != nil {
		return fmt.Errorf("make archive %s: %w", dir, err)
	}
	data, err := json.Marshal(info{Schema: Schema, Zone: zone})
	if err != nil {
		return err
	}
	tmp := fmt.Sprintf("%s%s-%d", tmpPrefix, infoName, os.Getpid())
	path := filepath.Join(dir, tmp)
	if err := durable.WriteTemp(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("make archive %s: %w", dir, err)
	}
	d, err := os.Open(dir)
	if err == nil {
		// Another process may do the same: the first one's zone holds, and its
		// Repair may have taken our file for one that a crash has left.
		if err = renameNew(d, tmp, infoName); err != nil {
			if _, e := os.Stat(filepath.Join(dir, infoName)); e == nil {
				if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) {
					err = nil
				}
			}
		}
		err = errors.Join(err, d.Sync(), d.Close())
	}
	if err != nil {
		return fmt.Errorf("make archive %s: %w", dir, err)
	}
	return nil
}

// mkdirAll makes a directory and what it needs, each name durable.
func mkdirAll(dir string) error {
	st, err := os.Stat(dir)
	if err == nil {
		if !st.IsDir() {
			return fmt.Errorf("%s is no directory", dir)
		}
		return nil
	}
	parent := filepath.Dir(dir)
	if parent == dir {
		return err
	}
	if err := mkdirAll(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.SyncDir(parent)
}

// tmpPrefix begins the names of files that are not finished.
const tmpPrefix = ".tmp-"

// renameNew renames within an open directory and never replaces: an error
// that matches fs.ErrExist tells that the name is taken.
func renameNew(dir *os.File, from, to string) error {
	fd := int(dir.Fd())
	err := unix.Renameat2(fd, from, fd, to, unix.RENAME_NOREPLACE)
	if flagsUnknown(err) {
		if err = unix.Linkat(fd, from, fd, to, 0); err == nil {
			err = unix.Unlinkat(fd, from, 0)
		}
	}
	if err != nil {
		return fmt.Errorf("rename %s to %s in %s: %w", from, to, dir.Name(), err)
	}
	return nil
}

// flagsUnknown says that a kernel or a file system, such as one of a network,
// knows no flags of rename; which error that is differs.
func flagsUnknown(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP)
}
