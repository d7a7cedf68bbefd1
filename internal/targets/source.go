package targets

import (
	"errors"
	"fmt"
	"time"
)

// emptyAfter is how long a list that had targets must be empty to be
// believed. Lists are found empty for a moment when what writes them starts
// anew, far more often than somebody stops watching everything.
const emptyAfter = time.Minute

// source is the memory of one list: what was last good of it, and what is
// wrong now. It is pure: whoever looks says what was seen and when. The
// table in the package doc is its behaviour.
type source struct {
	name string // as shown
	good parsed
	has  bool      // there was a good list, perhaps an empty one
	at   time.Time // when it was last read well

	// What the last look found. At most one is set.
	wrong string    // the list cannot be used
	empty time.Time // since when it is empty, or gone, and not believed; kept while it fails
	gone  bool      // that empty means gone

	emptyAfter time.Duration
}

// notLooked is what is wrong with a list at the start.
const notLooked = "not looked at yet"

// view is what a source gives to the list of all; it does not change.
type view struct {
	key string // path or URL, as configured
	Source
	entries []entry
}

// take is a list that was read. It says whether it is the last good list
// from now on.
func (s *source) take(now time.Time, p parsed) bool {
	switch {
	case len(p.entries) == 0 && p.faults.String() != "":
		s.fail(errors.New("not one target: " + p.faults.String()))
		return false
	case len(p.entries) == 0 && len(s.good.entries) > 0:
		return s.nothing(now, false)
	}
	s.accept(now, p)
	return true
}

// again is a look that found the same as the last one. It says whether a
// list that is empty is believed now.
func (s *source) again(now time.Time) bool {
	switch {
	case s.wrong != "":
		return false
	case !s.empty.IsZero():
		return s.nothing(now, s.gone)
	}
	s.at = now
	return false
}

// nothing is a list that is empty, or gone from its directory. It says
// whether that is believed.
func (s *source) nothing(now time.Time, gone bool) bool {
	s.wrong, s.gone = "", gone
	if s.empty.IsZero() {
		s.empty = now
	}
	if len(s.good.entries) > 0 && now.Sub(s.empty) < s.emptyAfter {
		return false
	}
	s.accept(now, parsed{})
	return true
}

func (s *source) accept(now time.Time, p parsed) {
	s.good, s.has, s.at = p, true, now
	s.wrong, s.empty, s.gone = "", time.Time{}, false
}

// fail is a look that gave no list.
func (s *source) fail(err error) { s.wrong = clean(err.Error()) }

// restore is a list of another life of this process.
func (s *source) restore(at time.Time, p parsed) {
	s.good, s.has, s.at = p, true, at
	s.wrong = notLooked
}

func (s *source) view(key string) view {
	return view{key: key, entries: s.good.entries, Source: Source{
		Source: clean(s.name), Targets: len(s.good.entries), At: s.at, Err: s.err(),
	}}
}

func (s *source) err() string {
	used := "no target of it is known yet"
	if s.has {
		used = fmt.Sprintf("used is the last good list, read %s, targets: %d", stamp(s.at), len(s.good.entries))
	}
	switch {
	case s.wrong != "":
		return s.wrong + "; " + used
	case !s.empty.IsZero():
		what := "is empty"
		if s.gone {
			what = "is gone"
		}
		return fmt.Sprintf("%s since %s: believed if it still is %s later; until then %s", what, stamp(s.empty), s.emptyAfter, used)
	}
	return s.good.err()
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
