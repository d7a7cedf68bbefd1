package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
	_ "time/tzdata" // the zone of an archive must be known wherever it is read

	"golang.org/x/sys/unix"
)

var (
	ErrNotFound = errors.New("no such report")
	ErrZone     = errors.New("the archive's days are in another zone")
	ErrNewer    = errors.New("written by a newer mtrq")
	ErrBusy     = errors.New("archive is busy")
	ErrExists   = errors.New("another report with this ID is there, and reports never change")
)

// errIrregular is a link, pipe or directory where a file of ours should be.
var errIrregular = errors.New("is no regular file")

// errNoDir is anything else where a directory of ours should be.
var errNoDir = errors.New("is no directory")

// infoName is the file that makes a directory an archive.
const infoName = ".mtrq"

// maxReportBytes bounds what is read as a report: one of 64 hops over an
// hour has some 20 MB.
const maxReportBytes = 128 << 20

// info is the content of .mtrq.
type info struct {
	Schema int    `json:"schema"`
	Zone   string `json:"zone"` // IANA name
}

// An Archive reads. Its methods may be called together, and beside
// writers. An archive that is not there yet is empty and comes to life when
// a writer makes it.
type Archive struct {
	dir       string
	tables    *tables
	incidents *knownIncidents
	calendar  *calendar
	targets   *targetNames
	days      listedDirs

	mu    sync.Mutex
	tree  *tree
	cache map[Date]*daySet
}

// tree is an archive that exists.
type tree struct {
	root *os.Root
	zone string
	loc  *time.Location
}

// Open opens an archive for reading. It fails where dir cannot be read or
// is of a newer format, not where it does not exist yet.
func Open(dir string) (*Archive, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open archive %s: %w", dir, err)
	}
	a := &Archive{dir: abs, cache: map[Date]*daySet{}, tables: newTables(), incidents: newKnownIncidents(), calendar: newCalendar(), targets: &targetNames{}}
	if _, err := a.open(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return a, nil
}

// Close gives the directory back.
func (a *Archive) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tree == nil {
		return nil
	}
	err := a.tree.root.Close()
	a.tree = nil
	return err
}

// Dir is the archive's directory.
func (a *Archive) Dir() string { return a.dir }

// Location is the zone whose midnight parts the days; UTC while there is
// no archive.
func (a *Archive) Location() *time.Location {
	if t, err := a.open(); err == nil {
		return t.loc
	}
	return time.UTC
}

// Zone is the IANA name of Location; false while there is no archive.
func (a *Archive) Zone() (string, bool) {
	t, err := a.open()
	if err != nil {
		return "", false
	}
	return t.zone, true
}

// InZone fails with ErrZone where an archive's days are not parted by the
// midnight of zone.
func (a *Archive) InZone(zone string) error {
	t, err := a.open()
	if err != nil {
		return ignoreMissing(err)
	}
	if t.zone != zone {
		return fmt.Errorf("open archive %s: %w: it was made with %s, the configuration says %s: set [archive] zone = %q, or use another directory", a.dir, ErrZone, t.zone, zone, t.zone)
	}
	return nil
}

// open returns the tree; an error that matches fs.ErrNotExist while there
// is none.
func (a *Archive) open() (*tree, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tree != nil {
		return a.tree, nil
	}
	root, err := os.OpenRoot(a.dir)
	if err != nil {
		return nil, fmt.Errorf("open archive %s: %w", a.dir, err)
	}
	t, err := openTree(root)
	if err != nil {
		root.Close() // only read from
		return nil, fmt.Errorf("open archive %s: %w", a.dir, err)
	}
	a.tree = t
	return t, nil
}

func openTree(root *os.Root) (*tree, error) {
	data, err := readFile(root, infoName, 64<<10)
	if err != nil {
		return nil, err
	}
	var in info
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w: it should be {\"schema\":1,\"zone\":\"Europe/Berlin\"} with the zone of the file names below", infoName, err)
	}
	if in.Schema > Schema {
		return nil, errNewer(infoName, in.Schema)
	}
	loc, err := time.LoadLocation(in.Zone)
	if err != nil || in.Zone == "" || in.Zone == "Local" {
		return nil, fmt.Errorf("%s names the zone %q, which is not known", infoName, in.Zone)
	}
	return &tree{root: root, zone: in.Zone, loc: loc}, nil
}

// openFile opens a regular file for reading. A link is none of ours:
// os.Root follows one that stays inside whatever the flags say, so it is
// looked for first. A pipe put there in between does not block us.
func openFile(root *os.Root, name string) (*os.File, error) {
	st, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: %w", name, errIrregular)
	}
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	st, err = f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("read %s: %w", name, errIrregular)
	}
	if err != nil {
		f.Close() // only read from
		return nil, err
	}
	return f, nil
}

func readFile(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := openFile(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read from
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("read %s: longer than %d bytes", name, limit)
	}
	return data, nil
}

// readDir lists a directory; a directory that is a link is not followed.
func readDir(root *os.Root, name string) ([]os.DirEntry, error) {
	if st, err := root.Lstat(name); err != nil {
		return nil, err
	} else if !st.IsDir() {
		return nil, fmt.Errorf("read %s: %w", name, errNoDir)
	}
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read from
	return f.ReadDir(-1)
}
