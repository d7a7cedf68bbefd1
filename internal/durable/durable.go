// Package durable holds the two steps without which a file that was written
// can be gone after a power cut: its content is synced before it gets its
// name, and its directory after. (rename(2) and close(2) promise neither.)
package durable

import (
	"errors"
	"io/fs"
	"os"
)

// SyncDir makes the names in a directory durable.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// WriteNew writes a new file and syncs it, below root where that is not nil;
// its name is durable after SyncDir. The error wraps fs.ErrExist where there
// is one. After any other error there is none: once a sync has failed the
// kernel takes the pages for clean, and a second one would lie.
func WriteNew(root *os.Root, path string, data []byte, perm os.FileMode) error {
	open, remove := os.OpenFile, os.Remove
	if root != nil {
		open, remove = root.OpenFile, root.Remove
	}
	f, err := open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, remove(path))
	}
	return nil
}

// WriteTemp is WriteNew in the place of a file that a crash may have left.
func WriteTemp(path string, data []byte, perm os.FileMode) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return WriteNew(nil, path, data, perm)
}
