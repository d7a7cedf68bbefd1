package spool

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrFull means that the spool's filesystem has too little room to accept a
// job. Nothing was accepted; jobs accepted before are safe.
var ErrFull = errors.New("spool is full")

// CheckRoom gives ErrFull, with the numbers, while less than the reserve is
// free. Every submit asks it first.
func (s *Spool) CheckRoom() error {
	if s.opt.ReserveBytes == 0 && s.opt.ReserveInodes == 0 {
		return nil
	}
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return fmt.Errorf("ask for free space in %s: %w", s.dir, err)
	}
	return room(st.Bavail*uint64(st.Bsize), st.Ffree, st.Files > 0, s.opt)
}

// room compares what is free with the reserve. Filesystems without a table of inodes
// (btrfs) count none.
func room(freeBytes, freeInodes uint64, countsInodes bool, opt Options) error {
	if freeBytes < opt.ReserveBytes {
		return fmt.Errorf("%w: %s free, %s are kept in reserve: free space, or lower reserve_bytes",
			ErrFull, inWords(freeBytes), inWords(opt.ReserveBytes))
	}
	if countsInodes && freeInodes < opt.ReserveInodes {
		return fmt.Errorf("%w: %d inodes free, %d are kept in reserve: remove files (many small ones), or lower reserve_inodes",
			ErrFull, freeInodes, opt.ReserveInodes)
	}
	return nil
}

// inWords writes a number of bytes for people: "256 MiB".
func inWords(n uint64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	i, f := 0, float64(n)
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if f == float64(uint64(f)) {
		return fmt.Sprintf("%d %s", uint64(f), units[i])
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}
