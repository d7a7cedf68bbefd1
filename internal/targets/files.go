package targets

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	scanEvery = 30 * time.Second       // with a watcher: what it missed is found now
	pollEvery = 2 * time.Second        // without one
	settle    = 250 * time.Millisecond // so long a file must stay as it is before it is read
	restless  = 20                     // and after so many times that (5 s) one that does not is called faulty

	confirmEvery = 5 * time.Minute // how often the time of a kept list is set
)

// files looks through the configured files and directories of files.
type files struct {
	entries    []string
	keep       keep
	now        func() time.Time
	log        *slog.Logger
	settle     time.Duration
	scan, poll time.Duration
	emptyAfter time.Duration

	known map[string]*file // by path
	begun bool             // the first look is over: what is new now may still be being written
}

// file is one file of a list, and how far we are with it.
type file struct {
	source
	entry     int       // index of the configured entry that it is from
	read      mark      // as of the last reading; zero: to be read
	seen      mark      // as of the last look, when that was not read …
	seenAt    time.Time // … and since when it is so; of the machine's clock, as all that is about resting
	moving    time.Time // since when it does not come to rest; zero: it does
	confirmed time.Time
}

// restore takes over what other lives of this process have kept. kept are
// the sources of all kept lists.
func (f *files) restore(kept []string) {
	f.known = map[string]*file{}
	for i, e := range f.entries {
		e = filepath.Clean(e)
		f.entries[i] = e
		for _, path := range kept {
			if (path != e && filepath.Dir(path) != e) || f.known[path] != nil {
				continue
			}
			if _, p, at, ok := f.keep.load(path); ok {
				f.add(i, path).restore(at, p)
			}
		}
	}
}

// restored is what restore found.
func (f *files) restored() []view {
	var views []view
	for i := range f.entries {
		views = f.views(views, i)
	}
	return views
}

// views appends those of the files of an entry, by name.
func (f *files) views(to []view, entry int) []view {
	for _, path := range sortedKeys(f.known) {
		if k := f.known[path]; k.entry == entry {
			to = append(to, k.view(path))
		}
	}
	return to
}

func (f *files) add(entry int, path string) *file {
	k := &file{entry: entry, source: source{name: path, emptyAfter: f.emptyAfter}}
	f.known[path] = k
	return k
}

// look looks at everything once and gives all sources, in order; true when
// it is worth looking again as soon as files had time to settle.
func (f *files) look() ([]view, bool) {
	var views []view
	again := false
	for i, e := range f.entries {
		paths, err := listing(e)
		if errors.Is(err, errTooManyFiles) || err != nil && !f.knows(i) {
			s := source{name: e}
			s.fail(err)
			views = append(views, s.view(e))
		}
		switch {
		case paths == nil && err != nil:
			f.away(i, fmt.Errorf("%s: %w", clean(e), err))
		default:
			again = f.lookAt(i, paths) || again
		}
		n := len(views)
		views = f.views(views, i)
		if err == nil && len(views) == n && f.known[e] == nil { // an empty directory
			views = append(views, view{key: e, Source: Source{Source: clean(e), At: f.now()}})
		}
	}
	f.begun = true
	return views, again
}

// knows says whether there are files of an entry.
func (f *files) knows(entry int) bool {
	for _, k := range f.known {
		if k.entry == entry {
			return true
		}
	}
	return false
}

// away is an entry that cannot be read at all: its files keep what they had.
func (f *files) away(entry int, err error) {
	for _, k := range f.known {
		if k.entry == entry {
			k.fail(err)
			k.read = mark{} // what comes back is read, also when it is as it was
		}
	}
}

func (f *files) lookAt(entry int, paths []string) bool {
	again := false
	here := map[string]bool{}
	for _, path := range paths {
		here[path] = true
		k := f.known[path]
		if k == nil {
			k = f.add(entry, path)
		}
		if k.entry == entry { // else a file that is configured twice: the first counts
			again = f.check(path, k) || again
		}
	}
	for path, k := range f.known {
		if k.entry != entry || here[path] {
			continue
		}
		k.read = mark{}
		if !k.has || k.nothing(f.now(), true) {
			delete(f.known, path)
			f.warn(path, f.keep.forget(path))
		}
	}
	return again
}

// check looks at one file and reads it where it is new and at rest.
func (f *files) check(path string, k *file) (again bool) {
	if ext := strings.ToLower(filepath.Ext(path)); ext == ".yml" || ext == ".yaml" {
		k.fail(errors.New("YAML is not read: write the same list as JSON (yq -o json), or one target a line"))
		return false
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		k.fail(reason(err))
		k.read = mark{}
		return false
	}
	m, now := markOf(info), time.Now()
	if m == k.read {
		k.moving = time.Time{}
		if k.again(f.now()) {
			f.store(path, k, keptHead{Format: formatPlain}, nil)
		}
		f.confirm(path, k)
		return false
	}
	if f.begun && f.moves(k, m, now) {
		return true
	}
	return f.readFile(path, k, now)
}

// moves says whether a file that is to be read should be left alone for now:
// it is not at rest, and has not been so for long enough to say so.
func (f *files) moves(k *file, m mark, now time.Time) bool {
	if k.moving.IsZero() {
		k.moving = now
	}
	if m != k.seen {
		k.seen, k.seenAt = m, now
	}
	return now.Sub(k.seenAt) < f.settle && now.Sub(k.moving) < restless*f.settle
}

func (f *files) readFile(path string, k *file, now time.Time) (again bool) {
	body, m, err := readWhole(path)
	if errors.Is(err, errChanges) && f.moves(k, m, now) {
		return true
	}
	k.moving = time.Time{}
	if err != nil {
		k.fail(reason(err))
		k.read, k.seen = mark{}, mark{}
		return false
	}
	h := keptHead{Format: formatPlain}
	if strings.EqualFold(filepath.Ext(path), ".json") {
		h.Format = formatSD
	}
	k.read = m
	p, err := parse(h.Format, body)
	if err != nil {
		k.fail(err)
	} else if k.take(f.now(), p) {
		f.store(path, k, h, body)
	}
	// Clocks of files tick every few ms: a second write within the tick of
	// the first does not show. So what is very young is read once more.
	if age := now.Sub(time.Unix(0, m.mtime)); age.Abs() < 100*time.Millisecond {
		k.read = mark{}
		return true
	}
	return false
}

// store keeps the list that k has now; without a body an empty one.
func (f *files) store(path string, k *file, h keptHead, body []byte) {
	h.Source = path
	f.warn(path, f.keep.store(path, h, body, k.at))
	k.confirmed = k.at
}

func (f *files) confirm(path string, k *file) {
	if k.has && k.wrong == "" && k.empty.IsZero() && k.at.Sub(k.confirmed) >= confirmEvery {
		k.confirmed = k.at
		f.warn(path, f.keep.confirm(path, k.at))
	}
}

// warn logs what only costs the next start something.
func (f *files) warn(path string, err error) {
	if err != nil {
		f.log.Warn("last good list of targets not kept", "source", path, "err", err)
	}
}

// run looks at once, at every hint and every 30 s, and sends what it saw.
func (f *files) run(ctx context.Context, reload <-chan struct{}, out chan<- []view) {
	h := hints{entries: f.entries}
	defer h.close()
	for ctx.Err() == nil {
		watched := h.watch() // before the look, so that nothing comes between
		views, again := f.look()
		select {
		case out <- views:
		case <-ctx.Done():
			return
		}
		wait := f.poll
		if watched {
			wait = f.scan
		}
		if again {
			wait = min(wait, f.settle)
		}
		h.wait(ctx, wait, reload)
	}
}
