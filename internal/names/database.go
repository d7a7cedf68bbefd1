package names

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/mtrq/mtrq/report"
)

const (
	// maxDatabase bounds an MMDB file; the largest of AS numbers have 80 MB.
	maxDatabase = 1 << 30
	// lookAgain is how often the file is looked at for a new one.
	lookAgain = time.Second
	maxOrg    = 100 // bytes of an organisation's name
)

// A database is an MMDB file of AS numbers, read again when it is replaced.
// It is read into memory: a mapped file that somebody truncates would end the
// process.
type database struct {
	path string
	now  func() time.Time

	mu     sync.Mutex
	db     *maxminddb.Reader // nil: none could be read so far
	stamp  os.FileInfo       // of what db, or err, is of
	looked time.Time
	err    error  // of the file as it is now
	turns  uint64 // how often db or err became another
}

// version changes whenever lookup may say something else.
func (d *database) version() uint64 {
	d.reader() //nolint:errcheck // looks at the file; lookup says what is wrong
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.turns
}

// lookup gives what the file knows of an address. err says that the file, or
// this record, could not be read.
func (d *database) lookup(a netip.Addr) (n report.Named, err error) {
	db, fault := d.reader()
	if db == nil {
		return report.Named{}, fault
	}
	n, err = record(db, a)
	return n, errors.Join(fault, err)
}

func (d *database) reader() (*maxminddb.Reader, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if !d.looked.IsZero() && now.Sub(d.looked) < lookAgain && !now.Before(d.looked) {
		return d.db, d.err
	}
	d.looked = now
	st, err := os.Stat(d.path)
	if err != nil {
		if d.err == nil || d.stamp != nil {
			d.turns++
		}
		d.err, d.stamp = err, nil
		return d.db, d.err
	}
	if d.stamp != nil && same(st, d.stamp) {
		return d.db, d.err
	}
	db, st, err := open(d.path)
	d.err, d.stamp = err, st
	d.turns++
	if err == nil {
		d.db = db
	}
	return d.db, d.err
}

func same(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// open reads a whole file that does not change meanwhile.
func open(path string) (db *maxminddb.Reader, st os.FileInfo, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() // only read from
	if st, err = f.Stat(); err != nil {
		return nil, nil, err
	}
	switch {
	case !st.Mode().IsRegular():
		return nil, st, fmt.Errorf("%s is no regular file", path)
	case st.Size() > maxDatabase:
		return nil, st, fmt.Errorf("%s has %d bytes, more than an MMDB file of AS numbers has", path, st.Size())
	}
	data := make([]byte, st.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	if after, err := f.Stat(); err != nil || !same(st, after) {
		return nil, nil, fmt.Errorf("%s is being written", path)
	}
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("%s is damaged: %v", path, r)
		}
	}()
	db, err = maxminddb.OpenBytes(data)
	if err != nil {
		return nil, st, fmt.Errorf("%s is no MMDB file, or a damaged one: %w", path, err)
	}
	return db, st, nil
}

// record finds the AS in what makers of such files write:
//
//	autonomous_system_number, autonomous_system_organization   MaxMind, DB-IP
//	asn ("AS64500" or 64500), as_name, name, org, as_domain     others
func record(db *maxminddb.Reader, a netip.Addr) (n report.Named, err error) {
	defer func() {
		if r := recover(); r != nil {
			n, err = report.Named{}, fmt.Errorf("record of %s is damaged: %v", a, r)
		}
	}()
	a = a.Unmap().WithZone("")
	if a.Is6() && db.Metadata.IPVersion == 4 {
		return report.Named{}, nil
	}
	res := db.Lookup(a)
	if err := res.Err(); err != nil {
		return report.Named{}, fmt.Errorf("look %s up: %w", a, err)
	}
	if !res.Found() {
		return report.Named{}, nil
	}
	var m map[string]any
	if err := res.Decode(&m); err != nil {
		return report.Named{}, fmt.Errorf("record of %s: %w", a, err)
	}
	for _, key := range []string{"autonomous_system_number", "asn", "as_number"} {
		if as, ok := number(m[key]); ok {
			n.AS = as
			break
		}
	}
	for _, key := range []string{"autonomous_system_organization", "as_name", "name", "org", "as_organization", "as_domain"} {
		if s, ok := m[key].(string); ok && strings.TrimSpace(s) != "" {
			n.Org = bounded(s, maxOrg)
			break
		}
	}
	if n.AS == 0 {
		n.Org = "" // of a file of something else, cities perhaps
	}
	return n, nil
}

// number reads an AS number as a number or as "AS64500".
func number(x any) (uint32, bool) {
	switch x := x.(type) {
	case uint64:
		return uint32(x), x > 0 && x <= math.MaxUint32
	case uint32:
		return x, x > 0
	case uint16:
		return uint32(x), x > 0
	case int:
		return uint32(x), x > 0 && x <= math.MaxUint32
	case int32:
		return uint32(x), x > 0
	case string:
		n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(x), "AS"), 10, 32)
		return uint32(n), err == nil && n > 0
	}
	return 0, false
}

// bounded makes a string of a stranger printable and short.
func bounded(s string, n int) string {
	s = strings.TrimSpace(report.Printable(s))
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}
