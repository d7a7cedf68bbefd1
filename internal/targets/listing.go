package targets

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const maxFiles = 1000 // in one directory

// mark tells one state of a file from the next.
type mark struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64 // ns
}

func markOf(info fs.FileInfo) mark {
	m := mark{size: info.Size(), mtime: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		m.dev, m.ino, m.ctime = uint64(st.Dev), st.Ino, st.Ctim.Nano()
	}
	return m
}

var (
	errChanges      = errors.New("changes all the time while it is read: write it under another name in its directory, beginning with a dot, and rename it")
	errNotRegular   = errors.New("is no regular file")
	errTooManyFiles = fmt.Errorf("holds more than %d files: the others, by name, are not read", maxFiles)
)

// listing gives the files of an entry: itself, or those in it. Beside
// errTooManyFiles it gives the first of them.
func listing(entry string) ([]string, error) {
	info, err := os.Stat(entry)
	if err != nil {
		return nil, reason(err)
	}
	if !info.IsDir() {
		return []string{entry}, nil
	}
	d, err := os.ReadDir(entry)
	if err != nil {
		return nil, reason(err)
	}
	paths := make([]string, 0, len(d))
	for _, n := range d {
		if !leftover(n.Name()) && !n.IsDir() {
			paths = append(paths, filepath.Join(entry, n.Name()))
		}
	}
	if len(paths) > maxFiles {
		return paths[:maxFiles], errTooManyFiles
	}
	return paths, nil
}

// leftover says whether a file in a directory is none of its lists: hidden,
// half-written, or what editors and package managers leave.
func leftover(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") || strings.HasSuffix(name, "~") {
		return true
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".swp", ".swo", ".swx", ".tmp", ".bak", ".part", ".rpmnew", ".rpmsave", ".dpkg-new", ".dpkg-old", ".dpkg-dist":
		return true
	}
	return false
}

// readWhole reads a file that does not change meanwhile.
func readWhole(path string) ([]byte, mark, error) {
	// Not blocking: opening a FIFO would wait for its writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, mark{}, err
	}
	defer func() { _ = f.Close() }() // only read
	before, err := f.Stat()
	if err != nil {
		return nil, mark{}, err
	}
	switch {
	case !before.Mode().IsRegular():
		return nil, mark{}, errNotRegular
	case before.Size() > maxList:
		return nil, mark{}, fmt.Errorf("is larger than %d MiB: split it", maxList>>20)
	}
	body, err := io.ReadAll(io.LimitReader(f, maxList+1))
	if err != nil {
		return nil, mark{}, err
	}
	after, err := os.Stat(path) // by name: another may have been renamed to it
	if err != nil {
		return nil, mark{}, err
	}
	if m := markOf(after); m != markOf(before) || m.size != int64(len(body)) {
		return nil, m, errChanges
	}
	return body, markOf(before), nil
}

// reason leaves the path out of an error: the source names it.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
