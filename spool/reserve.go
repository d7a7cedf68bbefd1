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
func (s *Spool) CheckRoom() error { return s.checkRoom(s.opt) }

func (s *Spool) checkRoom(reserve Options) error {
	if reserve.ReserveBytes == 0 && reserve.ReserveInodes == 0 {
		return nil
	}
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return fmt.Errorf("ask for free space in %s: %w", s.dir, err)
	}
	return room(st.Bavail*uint64(st.Bsize), st.Ffree, st.Files > 0, reserve)
}

// tracePart is which part of the reserve is kept for traces that run, and
// traceBytes and traceInodes how much at most: with less than that nothing is claimed any more.
const (
	tracePart   = 16
	traceBytes  = 16 << 20
	traceInodes = 1000
)

// roomToTrace gives ErrFull when so little room is left that what a trace
// sees could not be written down. Accepted jobs may use the reserve, but not
// its last part: in new/ they are safe, and traced they would be lost with
// the next crash.
func (s *Spool) roomToTrace() error {
	return s.checkRoom(Options{
		ReserveBytes:  min(s.opt.ReserveBytes/tracePart, traceBytes),
		ReserveInodes: min(s.opt.ReserveInodes/tracePart, traceInodes),
	})
}

// RoomSoon says in words that less than twice the reserve is free, so that
// soon nothing will be accepted any more; "" where there is enough.
func (s *Spool) RoomSoon() (warning string, err error) {
	twice := Options{ReserveBytes: 2 * s.opt.ReserveBytes, ReserveInodes: 2 * s.opt.ReserveInodes}
	err = s.checkRoom(twice)
	var short *shortError
	if !errors.As(err, &short) {
		return "", err
	}
	if short.bytes {
		return fmt.Sprintf("%s free; below %s nothing more is accepted: free space soon", inWords(short.free), inWords(s.opt.ReserveBytes)), nil
	}
	return fmt.Sprintf("%d inodes free; below %d nothing more is accepted: remove files soon (many small ones)", short.free, s.opt.ReserveInodes), nil
}

// shortError is ErrFull with its numbers.
type shortError struct {
	bytes         bool // else inodes
	free, reserve uint64
}

func (e *shortError) Error() string {
	if e.bytes {
		return fmt.Sprintf("%s: %s free, %s are kept in reserve: free space, or lower reserve_bytes", ErrFull, inWords(e.free), inWords(e.reserve))
	}
	return fmt.Sprintf("%s: %d inodes free, %d are kept in reserve: remove files (many small ones), or lower reserve_inodes", ErrFull, e.free, e.reserve)
}

func (e *shortError) Unwrap() error { return ErrFull }

// room compares what is free with the reserve. Filesystems without a table
// of inodes (btrfs) count none.
func room(freeBytes, freeInodes uint64, countsInodes bool, opt Options) error {
	if freeBytes < opt.ReserveBytes {
		return &shortError{true, freeBytes, opt.ReserveBytes}
	}
	if countsInodes && freeInodes < opt.ReserveInodes {
		return &shortError{false, freeInodes, opt.ReserveInodes}
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
