package spool

import "github.com/oklog/ulid/v2"

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
