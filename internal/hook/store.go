package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/durable"
)

// store keeps waiting messages on the disk, one file each:
//
//	0000000000000042-01JDC…-incident-open-5f0e….json
//
// The number is the order in which they came. All writing is done by one
// goroutine, as a disk can take its time and Send has none. A disk that takes
// nothing costs durability, never a message.
type store struct {
	dir  string // empty: none
	mu   *sync.Mutex
	log  *slog.Logger
	wake chan struct{}

	unsaved []*queued // under mu, in the order in which they came
	remove  []string  // names of files; likewise

	number uint64 // last one used; run's, and load's before it
	failed bool   // the log knows; run's
}

// retryDisk is how long to wait after the disk has refused.
const retryDisk = 10 * time.Second

const (
	maxFile      = 1 << 20
	tmpName      = ".tmp-message"
	storedSchema = 1
)

var filePattern = regexp.MustCompile(`^([0-9]{16})-[A-Za-z0-9.-]{1,128}\.json$`)

// stored is the content of a file.
type stored struct {
	Schema  int       `json:"schema"`
	Hook    string    `json:"hook"`
	At      time.Time `json:"at"`
	Message Message   `json:"message"`
}

// save has a message written. mu is held, here and in forget.
func (st *store) save(m *queued) {
	if st.dir != "" {
		st.unsaved = append(st.unsaved, m)
		st.poke()
	}
}

// forget has the file of a message removed, or never written.
func (st *store) forget(m *queued) {
	m.gone = true
	if m.file != "" {
		st.remove = append(st.remove, m.file)
		st.poke()
	}
}

func (st *store) poke() {
	select {
	case st.wake <- struct{}{}:
	default: // it will look anyhow
	}
}

// run writes and removes until over, and then once more.
func (st *store) run(over <-chan struct{}) {
	if st.dir == "" {
		<-over
		return
	}
	timer := time.NewTimer(retryDisk)
	defer timer.Stop()
	for last := false; !last; {
		select {
		case <-over:
			last = true
		case <-st.wake:
			if st.failed { // a burst must not hammer a disk that is full
				select {
				case <-over:
					last = true
				case <-timer.C:
				}
			}
		case <-timer.C:
		}
		changed, err := st.turn()
		st.report(changed, err)
		timer.Reset(retryDisk)
	}
}

// report tells the log when the disk begins to refuse, and when it no longer
// does.
func (st *store) report(changed bool, err error) {
	switch {
	case err != nil && !st.failed:
		st.failed = true
		st.log.Warn("messages of hooks are kept in memory only: they are lost when mtrq ends", "err", err)
	case err == nil && changed && st.failed:
		st.failed = false
		st.log.Info("messages of hooks are kept on disk again")
	}
}

// turn removes and writes what is to be removed and written. What could not
// be done stays to be done. changed says whether the disk took anything.
func (st *store) turn() (changed bool, err error) {
	st.mu.Lock()
	remove, unsaved := st.remove, st.unsaved
	st.remove, st.unsaved = nil, nil
	st.mu.Unlock()

	var errs []error
	for i, name := range remove {
		// Removing comes first: it makes room.
		if err := os.Remove(filepath.Join(st.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove a delivered message: %w", err))
			st.again(remove[i:], nil)
			break
		}
		changed = true
	}
	for i, m := range unsaved {
		wrote, err := st.write(m)
		changed = changed || wrote
		if err != nil {
			errs = append(errs, err)
			st.again(nil, unsaved[i:])
			break
		}
	}
	if changed {
		errs = append(errs, durable.SyncDir(st.dir))
	}
	return changed, errors.Join(errs...)
}

// again puts back what could not be done and is still wanted: a disk that is
// full for days must not make the list grow.
func (st *store) again(remove []string, unsaved []*queued) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.remove = append(remove, st.remove...)
	st.unsaved = slices.DeleteFunc(append(unsaved, st.unsaved...), func(m *queued) bool { return m.gone })
}

// write makes the file of a message that is still wanted.
func (st *store) write(m *queued) (bool, error) {
	st.mu.Lock()
	gone := m.gone
	st.mu.Unlock()
	if gone {
		return false, nil
	}
	data, err := json.Marshal(stored{storedSchema, m.hook, m.at, m.msg})
	if err != nil {
		return false, fmt.Errorf("keep message %s: %w", m.msg.ID, err)
	}
	st.number++
	name := fmt.Sprintf("%016d-%s.json", st.number, m.msg.ID)
	tmp := filepath.Join(st.dir, tmpName)
	err = durable.WriteTemp(tmp, append(data, '\n'), 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeDir(st.dir); err == nil {
			err = durable.WriteTemp(tmp, append(data, '\n'), 0o600)
		}
	}
	if err != nil {
		return false, fmt.Errorf("keep message %s: %w", m.msg.ID, err)
	}
	if err := os.Rename(tmp, filepath.Join(st.dir, name)); err != nil {
		return false, errors.Join(fmt.Errorf("keep message %s: %w", m.msg.ID, err), os.Remove(tmp))
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	m.file = name
	if m.gone { // delivered meanwhile
		st.remove = append(st.remove, name)
		st.poke()
	}
	return true, nil
}

// makeDir makes the queue directory, its name durable.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(dir))
}

// load reads what waits, in the order in which it came. A file that is damaged
// is removed: it would stand there for ever. One that cannot be read now, or
// is a newer mtrq's, is left for the next start.
func (st *store) load() (out []*queued) {
	if st.dir == "" {
		return nil
	}
	entries, err := os.ReadDir(st.dir) // sorted by name
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		st.log.Warn("messages of hooks from before cannot be read", "err", err)
		return nil
	}
	for _, e := range entries {
		match := filePattern.FindStringSubmatch(e.Name())
		if match == nil {
			continue // not ours, or half-written and replaced by the next
		}
		if n, err := strconv.ParseUint(match[1], 10, 64); err == nil {
			st.number = max(st.number, n)
		}
		m, err := readMessage(filepath.Join(st.dir, e.Name()))
		if err != nil && !errors.Is(err, errDamaged) {
			st.log.Warn("message of a hook cannot be read and is left for the next start", "err", err)
			continue
		}
		if err != nil {
			st.log.Warn("message of a hook cannot be read and is removed", "err", err)
			st.mu.Lock()
			st.forget(&queued{file: e.Name()})
			st.mu.Unlock()
			continue
		}
		m.file = e.Name()
		out = append(out, m)
	}
	return out
}

// errDamaged is of a file that no mtrq will ever understand.
var errDamaged = errors.New("it is damaged")

func readMessage(path string) (*queued, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	defer f.Close() // only read from
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("read message %s: %w: %w", path, errDamaged, err)
	}
	if s.Schema > storedSchema {
		return nil, fmt.Errorf("read message %s: it is of a newer mtrq, schema %d", path, s.Schema)
	}
	m := s.Message
	if s.Schema < storedSchema || s.Hook == "" || m.ID != messageID(m.Incident, m.Event, s.Hook) {
		return nil, fmt.Errorf("read message %s: %w: its ID is not that of its content", path, errDamaged)
	}
	return &queued{msg: m, hook: s.Hook, at: s.At}, nil
}
