package targets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// maxList bounds one list, as it comes.
const maxList = 16 << 20

// format is how a list is written.
type format string

const (
	formatSD    format = "json"
	formatPlain format = "list"
)

func parse(f format, data []byte) (parsed, error) {
	if f == formatSD {
		return parseSD(data)
	}
	return parsePlain(data), nil
}

// keep is the directory of last good lists and of addresses. The zero value
// keeps nothing.
type keep struct{ dir string }

// keptHead is the first line of lists/<hash>.list.
type keptHead struct {
	Schema int    `json:"schema"`
	Source string `json:"source"` // as shown
	Format format `json:"format"`
	ETag   string `json:"etag,omitempty"`
	Size   int    `json:"size_bytes"`
	CRC    uint32 `json:"crc32"`
}

// path is that of the last good list of a source. The key stays out of
// names: URLs hold tokens and slashes.
func (k keep) path(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(k.dir, "lists", hex.EncodeToString(sum[:16])+".list")
}

// store keeps the body of a list that was read well.
func (k keep) store(key string, h keptHead, body []byte, at time.Time) error {
	if k.dir == "" {
		return nil
	}
	h.Schema, h.Size, h.CRC = 1, len(body), crc32.ChecksumIEEE(body)
	head, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := writeDurable(k.path(key), append(append(head, '\n'), body...)); err != nil {
		return fmt.Errorf("keep the list of %s: %w", h.Source, err)
	}
	return k.confirm(key, at)
}

// confirm says that a kept list was seen as it is: the time of its file is
// when.
func (k keep) confirm(key string, at time.Time) error {
	if k.dir == "" {
		return nil
	}
	return os.Chtimes(k.path(key), at, at)
}

// load gives what store has kept; false where there is nothing whole.
func (k keep) load(key string) (keptHead, parsed, time.Time, bool) {
	var h keptHead
	if k.dir == "" {
		return h, parsed{}, time.Time{}, false
	}
	f, err := os.Open(k.path(key))
	if err != nil {
		return h, parsed{}, time.Time{}, false
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return h, parsed{}, time.Time{}, false
	}
	data, err := io.ReadAll(io.LimitReader(f, maxList+64<<10))
	head, body, ok := bytes.Cut(data, []byte{'\n'})
	if err != nil || !ok || json.Unmarshal(head, &h) != nil || h.Size != len(body) || h.CRC != crc32.ChecksumIEEE(body) {
		return h, parsed{}, time.Time{}, false
	}
	p, err := parse(h.Format, body)
	return h, p, info.ModTime(), err == nil
}

// forget drops the list of a source that is no more.
func (k keep) forget(key string) error {
	if k.dir == "" {
		return nil
	}
	if err := os.Remove(k.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// keptTooLong is when the list of a source that is configured no longer
// goes. A slip in the configuration must not cost the last good list.
const keptTooLong = 30 * 24 * time.Hour

// tidy removes what a crash left and lists that nobody has confirmed for a
// month, and gives the Source of all others: that is how files are known
// whose directory is away.
func (k keep) tidy(now time.Time) ([]string, error) {
	if k.dir == "" {
		return nil, nil
	}
	var errs []error
	var sources []string
	for _, dir := range []string{k.dir, filepath.Join(k.dir, "lists")} {
		names, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		for _, n := range names {
			path := filepath.Join(dir, n.Name())
			old := false
			if filepath.Ext(path) == ".list" {
				info, err := n.Info()
				old = err == nil && now.Sub(info.ModTime()) > keptTooLong
				if s, ok := headOf(path); ok && !old {
					sources = append(sources, s)
				}
			}
			if old || strings.HasPrefix(n.Name(), tmpPrefix) {
				errs = append(errs, os.Remove(path))
			}
		}
	}
	return sources, errors.Join(errs...)
}

func headOf(path string) (string, bool) {
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer func() { _ = f.Close() }() // only read
	var h keptHead
	err = json.NewDecoder(io.LimitReader(f, 64<<10)).Decode(&h)
	return h.Source, err == nil
}

const tmpPrefix = ".tmp-"

// writeDurable replaces a file as a whole: after a power cut it holds the old
// or the new content. Missing directories are made.
func writeDurable(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, tmpPrefix+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
