package archive

import (
	"errors"
	"hash/maphash"
	"io/fs"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// knownIncidents is what was read of incidents: they are written once and
// have up to some MB, of which a list shows a line. When it is full it begins
// anew.
type knownIncidents struct {
	seed maphash.Seed

	mu    sync.Mutex
	bytes int
	byID  map[ulid.ULID]*knownIncident
	days  map[Date]dayNames
}

const maxKnownBytes = 4 << 20

// knownIncident is an incident in a line, and a hash of each name and address
// of its members, sorted. Before its file was decoded it has no line, and its
// members are those that it may have: see skim.
type knownIncident struct {
	entry   *IncidentEntry
	members []uint64
}

// dayNames are a day's incidents by the names of their files.
type dayNames struct {
	modified time.Time
	settled  bool // listed long enough after: see racyAge
	checked  time.Time
	ids      []ulid.ULID
}

// oldNamesAge is how long it is taken for granted that nothing came to a day
// that is past: a year has many of them.
const oldNamesAge = 5 * time.Second

func newKnownIncidents() *knownIncidents {
	return &knownIncidents{seed: maphash.MakeSeed(), byID: map[ulid.ULID]*knownIncident{}, days: map[Date]dayNames{}}
}

// incidentNames lists a day's incidents, newest first, as tree.incidents
// does, and reads the directory only where it has changed.
func (t *tree) incidentNames(a *Archive, day Date) []ulid.ULID {
	return t.namesOf(a, day, false)
}

func (t *tree) namesOf(a *Archive, day Date, past bool) []ulid.ULID {
	k := a.incidents
	now := time.Now()
	k.mu.Lock()
	known, ok := k.days[day]
	k.mu.Unlock()
	if past && ok && known.settled && now.Sub(known.checked) < oldNamesAge {
		return known.ids
	}
	st, err := t.root.Lstat(incidentsDir(day))
	if err != nil || !st.IsDir() {
		// Remembered, too: most days have none.
		known = dayNames{settled: true, checked: now}
	} else if ok && known.settled && known.modified.Equal(st.ModTime()) {
		known.checked = now
	} else {
		known = dayNames{modified: st.ModTime(), settled: now.Sub(st.ModTime()) >= racyAge, checked: now, ids: t.incidents(day)}
	}
	k.mu.Lock()
	k.days[day] = known
	k.mu.Unlock()
	return known.ids
}

// keepOnly forgets days that were pruned.
func (k *knownIncidents) keepOnly(days []Date) {
	there := make(map[Date]bool, len(days))
	for _, d := range days {
		there[d] = true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for d := range k.days {
		if !there[d] {
			delete(k.days, d)
		}
	}
}

// incidentEntries are the lines of incidents; one that cannot be read is
// listed by its name.
func (a *Archive) incidentEntries(t *tree, day Date, ids []ulid.ULID) []IncidentEntry {
	var out []IncidentEntry
	for _, id := range ids {
		if e := a.incidentEntry(t, day, id); e != nil {
			out = append(out, *e)
		}
	}
	return out
}

// incidentEntry is an incident in a line; nil where its file is gone.
func (a *Archive) incidentEntry(t *tree, day Date, id ulid.ULID) *IncidentEntry {
	known, err := a.knownIncident(t, day, id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &IncidentEntry{ID: id, Opened: ulid.Time(id.Time()).In(t.loc), Targets: []string{}, Unreadable: err.Error()}
	}
	return known.entry
}

func (a *Archive) knownIncident(t *tree, day Date, id ulid.ULID) (*knownIncident, error) {
	k := a.incidents
	k.mu.Lock()
	known := k.byID[id]
	k.mu.Unlock()
	if known != nil && known.entry != nil {
		return known, nil
	}
	inc, err := t.incident(day, id)
	if err != nil {
		return nil, err
	}
	entry := EntryOfIncident(inc)
	known = &knownIncident{entry: &entry}
	for i := range inc.Members {
		m := &inc.Members[i]
		known.members = append(known.members, k.hash(m.Target, netip.Addr{}))
		if m.Address.IsValid() {
			known.members = append(known.members, k.hash("", m.Address))
		}
	}
	k.keep(id, known)
	return known, nil
}

// keep remembers an incident.
func (k *knownIncidents) keep(id ulid.ULID, known *knownIncident) {
	slices.Sort(known.members)
	known.members = slices.Clone(slices.Compact(known.members))
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bytes += known.size()
	if old := k.byID[id]; old != nil {
		k.bytes -= old.size()
	}
	k.byID[id] = known
	if k.bytes > maxKnownBytes {
		clear(k.byID)
		k.bytes = 0
	}
}

func (i *knownIncident) size() int {
	n := 256 + 8*len(i.members)
	if i.entry != nil {
		n += 1024 + len(i.entry.Sentence)
	}
	return n
}

// hash is that of an address, however it is written, or else of a name.
func (k *knownIncidents) hash(target string, addr netip.Addr) uint64 {
	if !addr.IsValid() {
		addr, _ = netip.ParseAddr(target)
	}
	if addr.IsValid() {
		return maphash.String(k.seed, addr.WithZone("").Unmap().String())
	}
	return maphash.String(k.seed, targetText(target))
}

// realLoss says whether a verdict is that packets were lost on the way.
func realLoss(class []byte) bool { return string(class) == string(report.RealLoss) }
