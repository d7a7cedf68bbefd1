package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Room is what is free on the disk of an archive.
type Room struct {
	Bytes  uint64
	Inodes uint64
	Counts bool // it counts inodes; btrfs does not
	Device uint64
}

// RoomIn asks for the room in a directory, or where it would be made.
func RoomIn(dir string) (Room, error) {
	var at unix.Stat_t
	err := unix.Stat(dir, &at)
	for errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		err = unix.Stat(dir, &at)
	}
	var st unix.Statfs_t
	if err == nil {
		err = unix.Statfs(dir, &st)
	}
	if err != nil {
		return Room{}, fmt.Errorf("ask for free space in %s: %w", dir, err)
	}
	return Room{Bytes: st.Bavail * uint64(st.Bsize), Inodes: st.Ffree, Counts: st.Files > 0, Device: uint64(at.Dev)}, nil
}
