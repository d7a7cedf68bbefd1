package archive

import (
	"bytes"
	"io"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
)

// maxTargetIncidents is how many incidents of a target are listed.
const maxTargetIncidents = 1000

// incidentsOf lists the incidents of a target, newest first, that were open
// between two times. Those that were never read are searched for its name
// before they are decoded.
func (a *Archive) incidentsOf(t *tree, target string, from, to time.Time) ([]IncidentEntry, error) {
	days, err := a.Days()
	if err != nil {
		return nil, err
	}
	k := a.incidents
	hash := k.hash(target, netip.Addr{})
	var out []IncidentEntry
	var buf []byte
	for i, day := range days {
		if !to.IsZero() && day.Compare(DateOf(to, t.loc)) > 0 {
			continue
		}
		for _, id := range t.namesOf(a, day, i >= lively) {
			k.mu.Lock()
			known := k.byID[id]
			k.mu.Unlock()
			if known == nil {
				known = a.skim(t, day, id, &buf)
			}
			if known == nil {
				continue
			}
			if _, ok := slices.BinarySearch(known.members, hash); !ok && !slices.Contains(known.members, anyMember) {
				continue
			}
			if known.entry == nil {
				if known, err = a.knownIncident(t, day, id); err != nil {
					continue
				}
				if _, ok := slices.BinarySearch(known.members, hash); !ok {
					continue
				}
			}
			e := *known.entry
			if !to.IsZero() && !e.Opened.Before(to) || !from.IsZero() && e.Closed != nil && e.Closed.Before(from) {
				continue
			}
			if out = append(out, e); len(out) == maxTargetIncidents {
				return out, nil
			}
		}
	}
	return out, nil
}

// anyMember stands for members that cannot be told without decoding.
const anyMember = math.MaxUint64

// skim finds out which targets an incident may have, without decoding a file
// of up to some MB: what its keys "target" and "address" say, of members and
// of others. nil where there is no such file. buf is used again.
func (a *Archive) skim(t *tree, day Date, id ulid.ULID, buf *[]byte) *knownIncident {
	f, err := openFile(t.root, incidentPath(day, id)+"."+IncidentJSON)
	if err != nil {
		return nil
	}
	defer f.Close() // only read from
	if *buf == nil {
		*buf = make([]byte, 256<<10)
	}
	known := &knownIncident{}
	r := io.LimitReader(f, maxIncidentBytes)
	n, keys := 0, 0
	for {
		got, err := io.ReadFull(r, (*buf)[n:])
		n += got
		whole := n // up to here a key is not cut
		if err == nil {
			whole -= longestMember
		}
		read := 0
		for _, key := range []string{`"target":`, `"address":`} {
			for i := 0; ; keys++ {
				next := bytes.Index((*buf)[i:n], []byte(key))
				if next < 0 || i+next >= whole {
					break
				}
				i += next + len(key)
				read = max(read, i)
				known.members = append(known.members, a.incidents.memberHash((*buf)[i:n]))
			}
		}
		if err != nil {
			break // its end, or as good as that
		}
		n = copy(*buf, (*buf)[max(whole, read):n])
	}
	if keys == 0 {
		known.members = append(known.members, anyMember)
	}
	a.incidents.keep(id, known)
	return known
}

// longestMember is more than a key with the longest name needs.
const longestMember = 1 << 10

// memberHash is the hash of the string that begins here.
func (k *knownIncidents) memberHash(b []byte) uint64 {
	b = bytes.TrimLeft(b[:min(len(b), longestMember)], " \t\r\n")
	if len(b) == 0 || b[0] != '"' {
		return anyMember
	}
	end := bytes.IndexByte(b[1:], '"')
	if end < 0 || bytes.IndexByte(b[1:1+end], '\\') >= 0 {
		return anyMember
	}
	return k.hash(string(b[1:1+end]), netip.Addr{})
}
