package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// fsys is all that submit, claim, finish and recovery ask of a filesystem,
// in steps between which a crash may come. The real one is disk; the model
// test has one in memory that forgets at a power cut what was not synced.
type fsys interface {
	write(path string, mode uint32, data []byte) error     // a new file, synced; on error there is none
	writeLoose(path string, data []byte) error             // the same, not synced
	appendTo(path string, data []byte) (left int, _ error) // left: bytes that stayed although it failed
	read(path string, limit int) ([]byte, error)           // of a regular file; limit 0 is none
	lstat(path string) (unix.Stat_t, error)                // fs.ErrNotExist
	list(path string) ([]string, error)                    // names, in any order
	listPart(path string, at int64, n int) (part, error)   // from a place in it on (0: the beginning), about n names
	backdate(path string) error                            // content as old as what has settled
	move(from, to string) error                            // never replaces: fs.ErrExist
	replace(from, to string) error
	remove(path string) error // one that is gone already is fine
	syncDir(path string) error
	foreign(path string) (*foreign, error) // a stranger's file; see foreign.refused
	removeSame(path string, f *foreign) error
}

// disk is the filesystem itself.
type disk struct{}

func (disk) write(path string, mode uint32, data []byte) error { return writeDurable(path, mode, data) }
func (disk) writeLoose(path string, data []byte) error         { return writeNew(path, data) }
func (disk) move(from, to string) error                        { return moveNew(from, to) }
func (disk) replace(from, to string) error                     { return os.Rename(from, to) }
func (disk) syncDir(path string) error                         { return syncDir(path) }

func (disk) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// read follows no link and waits for no FIFO.
func (disk) read(path string, limit int) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	data, err := readLimited(f, limit)
	return data, errors.Join(err, f.Close())
}

func (disk) lstat(path string) (unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return st, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return st, nil
}

func (disk) list(path string) ([]string, error) {
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	names, err := d.Readdirnames(-1)
	return names, errors.Join(err, d.Close())
}

// part is some of the names in a directory.
type part struct {
	names []string // in any order; one may come twice
	next  int64    // where the next part begins; 0: this was the last
}

// listPart asks the kernel itself: what is read ahead by os.File would be
// lost with it. The directory is opened for each part, since a place in it holds as
// long as nobody changes it much, and a name that is missed comes with the next pass.
func (disk) listPart(path string, at int64, n int) (p part, err error) {
	d, err := os.Open(path)
	if err != nil {
		return part{}, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	fd := int(d.Fd())
	if _, err := unix.Seek(fd, at, unix.SEEK_SET); err != nil {
		return part{}, &fs.PathError{Op: "seek", Path: path, Err: err}
	}
	buf := make([]byte, 32<<10)
	for len(p.names) < n {
		got, err := unix.ReadDirent(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return part{}, &fs.PathError{Op: "getdents", Path: path, Err: err}
		}
		if got == 0 {
			return p, nil
		}
		_, _, p.names = unix.ParseDirent(buf[:got], -1, p.names)
	}
	if p.next, err = unix.Seek(fd, 0, unix.SEEK_CUR); err != nil {
		return part{}, &fs.PathError{Op: "seek", Path: path, Err: err}
	}
	return p, nil
}

func (k disk) backdate(path string) error {
	st, err := k.lstat(path)
	if err != nil {
		return err
	}
	was := st.Mtim
	was.Sec -= int64(settleFor / time.Second)
	err = unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{was, was}, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return &fs.PathError{Op: "utimensat", Path: path, Err: err}
	}
	return nil
}

// appendTo opens the file for each call: 500 traces at once then need no 500
// descriptors, and an open costs a few microseconds once a second. When
// it fails it takes back what it wrote, as far as that can be done.
func (disk) appendTo(path string, data []byte) (left int, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return 0, err
	}
	fi, err := f.Stat()
	if err != nil {
		return 0, errors.Join(err, f.Close())
	}
	n, err := f.Write(data)
	if err != nil {
		if undo := f.Truncate(fi.Size()); undo != nil {
			left = n
		}
		return left, errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return len(data), err
	}
	return 0, nil
}

// foreign reads what a stranger left without following links or waiting for
// a FIFO's writer. What is no file is not even opened: that can do things, with devices.
// Its times are those after the reading: whoever wrote meanwhile shows.
func (k disk) foreign(path string) (*foreign, error) {
	if st, err := k.lstat(path); err != nil {
		return nil, err
	} else if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return &foreign{stat: st}, nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	d := &foreign{}
	stat := func() error {
		if err := unix.Fstat(int(f.Fd()), &d.stat); err != nil {
			return &fs.PathError{Op: "fstat", Path: path, Err: err}
		}
		return nil
	}
	if err = stat(); err == nil && d.refused() == "" {
		if d.data, err = readLimited(f, MaxJobBytes); err == nil {
			err = stat()
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return d, nil
}

// removeSame removes the file, unless its sender has put another in its
// place.
func (k disk) removeSame(path string, f *foreign) error {
	there, err := k.lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (there.Ino != f.stat.Ino || there.Dev != f.stat.Dev) {
		return nil
	}
	if err != nil {
		return err
	}
	return k.remove(path)
}

// foreign is a stranger's file as it was read.
type foreign struct {
	stat unix.Stat_t
	data []byte
}

// refused says what is wrong with the file itself, whatever it holds.
func (f *foreign) refused() string {
	switch {
	case f.stat.Mode&unix.S_IFMT != unix.S_IFREG:
		return fmt.Sprintf("is no regular file (%s)", kindOfFile(f.stat.Mode))
	case f.stat.Size > MaxJobBytes:
		return fmt.Sprintf("is %d bytes long: allowed are %d", f.stat.Size, MaxJobBytes)
	}
	return ""
}

// ctime is when the file's name, content or rights changed last.
func (f *foreign) ctime() time.Time { return time.Unix(f.stat.Ctim.Unix()) }

// mtime is when its content changed last.
func (f *foreign) mtime() time.Time { return time.Unix(f.stat.Mtim.Unix()) }

func kindOfFile(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return "a symbolic link"
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFIFO:
		return "a FIFO"
	case unix.S_IFSOCK:
		return "a socket"
	case unix.S_IFBLK, unix.S_IFCHR:
		return "a device"
	}
	return "of an unknown kind"
}
