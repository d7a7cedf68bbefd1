package spool

import (
	"path/filepath"

	"github.com/oklog/ulid/v2"
)

// Castagnoli is the checksum of batches.
func Castagnoli(data []byte) uint32 { return castagnoli(data) }

// CheckBatch says whether a batch file would be accepted.
func CheckBatch(data []byte) error {
	_, err := decodeBatch("x", ulid.ULID{}, data)
	return err
}

// RewriteBatch reads and writes a batch file.
func RewriteBatch(data []byte) ([]byte, error) {
	b, err := decodeBatch("x", ulid.ULID{}, data)
	if err != nil {
		return nil, err
	}
	return b.encode()
}

// TakeInOnly accepts the file in drop/ and stops before it is removed there.
func (q *Queue) TakeInOnly(path string) (int, error) {
	b := dropBatch{q: q, reported: func(ulid.ULID) bool { return false }, ids: map[ulid.ULID]bool{}}
	d, _, err := b.read(filepath.Base(path))
	if err != nil {
		return 0, err
	}
	if _, err := b.accept(d); err != nil {
		return 0, err
	}
	q.s.commit(b.entries)
	return len(b.entries), nil
}
