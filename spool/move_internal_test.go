package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestMoveNeverReplaces holds for both ways of moving: by renameat2, and by
// link and unlink where a filesystem has no RENAME_NOREPLACE.
func TestMoveNeverReplaces(t *testing.T) {
	for name, move := range map[string]func(from, to string) error{"renameat2": moveNew, "link and unlink": linkMove} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
			for _, path := range []string{a, b} {
				if err := os.WriteFile(path, []byte(path), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := move(a, b); !errors.Is(err, fs.ErrExist) {
				t.Errorf("move onto a file: got %v, want fs.ErrExist", err)
			}
			if got, err := os.ReadFile(b); err != nil || string(got) != b {
				t.Errorf("the file in the way holds %q, %v", got, err)
			}
			c := filepath.Join(dir, "c")
			if err := move(a, c); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(c); err != nil || string(got) != a {
				t.Errorf("moved file holds %q, %v", got, err)
			}
			if _, err := os.Lstat(a); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("old name: %v, want fs.ErrNotExist", err)
			}
			if err := move(a, b); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("move of nothing: got %v, want fs.ErrNotExist", err)
			}
		})
	}
}

func TestRoomSaysWhatIsShort(t *testing.T) {
	opt := Options{ReserveBytes: 256 << 20, ReserveInodes: 10000}
	tests := map[string]struct {
		bytes, inodes uint64
		counts        bool
		want          string
	}{
		"enough":             {256 << 20, 10000, true, ""},
		"few bytes":          {100<<20 + 1<<19, 10000, true, "spool is full: 100.5 MiB free, 256 MiB are kept in reserve: free space, or lower reserve_bytes"},
		"few inodes":         {1 << 40, 9999, true, "spool is full: 9999 inodes free, 10000 are kept in reserve: remove files (many small ones), or lower reserve_inodes"},
		"no inodes to count": {1 << 40, 0, false, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := room(tt.bytes, tt.inodes, tt.counts, opt)
			if got := ""; err != nil {
				got = err.Error()
				if got != tt.want || !errors.Is(err, ErrFull) {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			} else if tt.want != "" {
				t.Errorf("no error, want %q", tt.want)
			}
		})
	}
}
