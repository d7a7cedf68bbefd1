package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// WriteState replaces the file state/<name> as a whole: a reader sees the old
// or the new content. It does not sync: after a power cut the file may be old,
// empty or gone, which is no loss of what is written again every second.
// name may have directories ("pause/203.0.113.7"); they are made.
func (s *Spool) WriteState(name string, data []byte) error {
	path, err := s.statePath(name)
	if err == nil {
		err = writeAtomic(path, data)
	}
	if err != nil {
		return fmt.Errorf("write state %s: %w", name, explain(err))
	}
	return nil
}

// tempPrefix begins the names of files that are being written.
const tempPrefix = ".tmp-"

// tidyState removes what processes that were killed were writing. What is
// young may still be somebody's.
func (s *Spool) tidyState() error {
	return filepath.WalkDir(s.path("state", ""), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), tempPrefix) {
			return ignoreGone(err)
		}
		info, err := d.Info()
		if err != nil {
			return ignoreGone(err)
		}
		if s.now().Sub(info.ModTime()).Abs() < freshFor {
			return nil
		}
		return ignoreGone(os.Remove(path))
	})
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func writeAtomic(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), tempPrefix+"*")
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeOpen(filepath.Dir(path)); err != nil {
			return err
		}
		f, err = os.CreateTemp(filepath.Dir(path), tempPrefix+"*")
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// ReadState gives the content of state/<name>. The error wraps fs.ErrNotExist when nobody
// has written it.
func (s *Spool) ReadState(name string) ([]byte, error) {
	path, err := s.statePath(name)
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read state %s: %w", name, err)
	}
	return data, nil
}

// RemoveState removes state/<name>; one that is not there is no error.
func (s *Spool) RemoveState(name string) error {
	path, err := s.statePath(name)
	if err == nil {
		err = s.fs.remove(path)
	}
	if err != nil {
		return fmt.Errorf("remove state %s: %w", name, err)
	}
	return nil
}

// ListState gives the names in state/<dir>, sorted; "" is state/ itself. A
// directory that is not there has none.
func (s *Spool) ListState(dir string) ([]string, error) {
	sub := "state"
	if dir != "" {
		if _, err := s.statePath(dir); err != nil {
			return nil, fmt.Errorf("list state %s: %w", dir, err)
		}
		sub = filepath.Join(sub, dir)
	}
	names, err := s.list(sub)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list state %s: %w", dir, err)
	}
	return names, nil
}

// statePath keeps names below state/ and apart from temporary files.
func (s *Spool) statePath(name string) (string, error) {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.ContainsRune(part, 0) {
			return "", fmt.Errorf("%q is no name: parts between slashes must not be empty or begin with a dot", name)
		}
	}
	return s.path("state", filepath.FromSlash(name)), nil
}
