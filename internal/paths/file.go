package paths

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mtrq/mtrq/internal/durable"
)

// SaveFile replaces a file by what is remembered now. When it returns nil
// the file is durable; after an error it is the old or the new one, and
// whole. A missing directory is made, as for the lists beside it. Only one
// process may write the file.
func (m *Memory) SaveFile(path string) error {
	m.saving.Lock()
	defer m.saving.Unlock()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("save the memory of paths: %w", err)
	}
	tmp := filepath.Join(filepath.Dir(path), ".tmp-"+filepath.Base(path))
	// One that a crash has left is not written to again: after a failed sync its pages may only look clean.
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("save the memory of paths: %w", err)
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("save the memory of paths: %w", err)
	}
	err = m.Save(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(tmp)))
	}
	if err := durable.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// LoadFile is Load from a file. The error wraps fs.ErrNotExist where there
// is none yet. After any error nothing is remembered, and all works.
func (m *Memory) LoadFile(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		m.mu.Lock()
		m.forget()
		m.mu.Unlock()
		return fmt.Errorf("load the memory of paths: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := m.Load(f); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
