package archive

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// touched are the days that other writers have marked: there, and only
// there, a report may have its name and no line.
type touched struct {
	all  bool // some mark cannot be read
	days map[Date]struct{}
}

func (m *touched) has(day Date) bool {
	_, ok := m.days[day]
	return ok || m.all
}

// touched reads all marks but own.
func (t *tree) touched(own string) (touched, error) {
	m := touched{days: map[Date]struct{}{}}
	entries, err := readDir(t.root, ".")
	if err != nil {
		return m, err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), markPrefix) || e.Name() == own {
			continue
		}
		days, err := t.markedDays(e.Name())
		switch {
		case errors.Is(err, fs.ErrNotExist): // its writer has just ended well
		case err != nil:
			m.all = true
		}
		for _, day := range days {
			m.days[day] = struct{}{}
		}
	}
	return m, nil
}

// hourNames are the reports that an hour's directory and its zip named when
// they had these mtimes.
type hourNames struct {
	modified [2]int64 // ns since 1970; 0 where there is none
	settled  bool     // listed whole, and long enough after
	reports  map[string]*namedReport
}

// namedReport is a report that is known by its name, without ending.
type namedReport struct {
	id       ulid.ULID
	ours     bool        // parseName takes it
	requests []ulid.ULID // that it answers; nil: not read
}

// named says whether a day has a report of a request by name. inside looks
// for requests in reports of which the index has no line, too. An error
// tells what could not be looked at.
func (s *daySet) named(t *tree, day Date, id ulid.ULID, inside bool) (bool, error) {
	hours, err := hoursOf(t.root, day.Path())
	if err != nil {
		return false, err
	}
	var errs []error
	for _, hour := range hours {
		reports, err := s.hour(t, day, hour)
		errs = append(errs, err)
		for file, r := range reports {
			if !r.ours {
				continue
			}
			if r.id == id {
				return true, nil
			}
			if _, listed := s.index.ids[r.id]; listed || !inside {
				continue
			}
			if r.requests == nil {
				errs = append(errs, r.read(t, day, file))
			}
			if slices.Contains(r.requests, id) {
				return true, nil
			}
		}
	}
	return false, errors.Join(errs...)
}

// hour lists an hour again when it has changed, or may have.
func (s *daySet) hour(t *tree, day Date, hour string) (map[string]*namedReport, error) {
	now := hourNames{settled: true, reports: map[string]*namedReport{}}
	for i, name := range []string{hour, hour + packEnding} {
		if st, err := t.root.Lstat(day.Path() + "/" + name); err == nil {
			now.modified[i] = st.ModTime().UnixNano()
			now.settled = now.settled && time.Since(st.ModTime()) >= racyAge
		}
	}
	known := s.hours[hour]
	if known.settled && known.modified == now.modified {
		return known.reports, nil
	}
	err := t.eachNameOf(day.Path(), hour, func(file string) {
		r := known.reports[file] // taking a name apart is what costs (5 µs)
		if r == nil {
			n, ok := parseName(day, file)
			r = &namedReport{id: n.id, ours: ok}
		}
		now.reports[file] = r
	})
	now.settled = now.settled && err == nil
	if s.hours == nil {
		s.hours = map[string]hourNames{}
	}
	s.hours[hour] = now
	return now.reports, err
}

// read learns which requests a report answers. One that nobody can read
// answers that of its name.
func (r *namedReport) read(t *tree, day Date, file string) error {
	data, err := t.readReport(day, file, ".json")
	if err != nil {
		return ignoreMissing(err)
	}
	r.requests = []ulid.ULID{r.id}
	if rep, err := decodeReport(data); err == nil {
		for _, q := range rep.Evidence.Requests {
			r.requests = append(r.requests, q.ID)
		}
	}
	return nil
}
