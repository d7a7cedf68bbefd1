package targets

import (
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	lookupsAtOnce   = 32
	lookupTimeout   = 2 * time.Second
	firstLookup     = 5 * time.Second    // until a name that failed is tried again; doubled with each failure
	pinKept         = 7 * 24 * time.Hour // after a name is in no list any more
	namesFile       = "names.json"
	maxNamesOnDisk  = 2 * MaxTargets
	maxNamesInBytes = 128 << 20
)

// A Resolver finds the addresses of a name; *net.Resolver is one.
// network is "ip".
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// pin is the address of a name.
type pin struct {
	Addr    netip.Addr `json:"address,omitzero"`
	At      time.Time  `json:"at,omitzero"`            // when the resolver last gave it
	Failing time.Time  `json:"failing_since,omitzero"` // zero: it resolves
	Was     netip.Addr `json:"was,omitzero"`           // the address before …
	Moved   time.Time  `json:"moved,omitzero"`         // … and when it changed
}

// note says what is strange about a name.
func (p *pin) note() string {
	switch {
	case p == nil:
		return "not resolved yet"
	case !p.Addr.IsValid():
		return "does not resolve since " + stamp(p.Failing)
	case !p.Failing.IsZero():
		return "does not resolve since " + stamp(p.Failing) + ": its last address is used"
	case p.Was.IsValid():
		return fmt.Sprintf("moved from %s on %s", p.Was, stamp(p.Moved))
	}
	return ""
}

// resolved takes what a resolver gave, and says whether anything changed that
// is worth telling. No usable address is a failure, whatever err is.
func (p *pin) resolved(addrs []netip.Addr, err error, now time.Time) bool {
	before := p.note() + p.Addr.String()
	a, ok := choose(p.Addr, addrs)
	switch {
	case err != nil || !ok:
		if p.Failing.IsZero() {
			p.Failing = now
		}
	default:
		if p.Addr.IsValid() && a != p.Addr {
			p.Was, p.Moved = p.Addr, now
		}
		p.Addr, p.At, p.Failing = a, now, time.Time{}
	}
	return p.note()+p.Addr.String() != before
}

// choose keeps the old address where it is still one of them: many names
// give several in turn, and a history belongs to one.
func choose(old netip.Addr, addrs []netip.Addr) (netip.Addr, bool) {
	var usable []netip.Addr
	for _, a := range addrs {
		a = a.Unmap()
		if a.IsValid() && a.Zone() == "" && !a.IsUnspecified() && !a.IsMulticast() {
			usable = append(usable, a)
		}
	}
	if len(usable) == 0 {
		return netip.Addr{}, false
	}
	if slices.Contains(usable, old) {
		return old, true
	}
	return usable[0], true
}

// names is who is to be resolved when. It is pure: the caller does the
// look-ups and keeps count of those under way.
type names struct {
	pins  map[string]*pin
	every time.Duration

	slots map[string]*slot
	queue slots // those not under way
	gen   int
}

// slot is one name and its next look-up.
type slot struct {
	name   string
	due    time.Time
	gen    int // of the list that had it last
	failed int // look-ups in a row
}

// set is the names of a list: new ones are queued, and those that are gone
// drop out when their turn comes. Names with an address from before are
// spread over a refresh, the others are resolved now.
func (n *names) set(list []string, now time.Time) {
	n.gen++
	for _, name := range list {
		if s := n.slots[name]; s != nil {
			s.gen = n.gen
			continue
		}
		s := &slot{name: name, due: now, gen: n.gen}
		if p := n.pins[name]; p != nil && p.Addr.IsValid() {
			s.due = now.Add(rand.N(n.every))
		}
		n.slots[name] = s
		heap.Push(&n.queue, s)
	}
}

// take gives the next name that is due.
func (n *names) take(now time.Time) (string, bool) {
	for len(n.queue) > 0 && !n.queue[0].due.After(now) {
		s, _ := heap.Pop(&n.queue).(*slot)
		if s.gen == n.gen {
			return s.name, true
		}
		delete(n.slots, s.name)
	}
	return "", false
}

// next is when a name is due; false: there is none.
func (n *names) next() (time.Time, bool) {
	if len(n.queue) == 0 {
		return time.Time{}, false
	}
	return n.queue[0].due, true
}

// done is the answer for a name that take gave. It says whether its address
// or its note changed. now is of the clock that look-ups are due by, at what
// is told of them.
func (n *names) done(name string, addrs []netip.Addr, err error, now, at time.Time) bool {
	p := n.pins[name]
	if p == nil {
		p = &pin{}
		n.pins[name] = p
	}
	fresh := !p.Addr.IsValid()
	changed := p.resolved(addrs, err, at)
	s := n.slots[name]
	switch {
	case !p.Failing.IsZero():
		s.failed++
		wait := min(n.every, min(firstLookup, n.every)<<min(s.failed-1, 12))
		s.due = now.Add(spread(wait))
	case fresh: // those of one list came all at once: from now on they do not
		s.failed, s.due = 0, now.Add(n.every/2+rand.N(n.every/2+1))
	default:
		s.failed, s.due = 0, now.Add(spread(n.every))
	}
	heap.Push(&n.queue, s)
	return changed
}

func spread(d time.Duration) time.Duration { return d - d/10 + rand.N(d/5+1) }

// hurry makes every name due.
func (n *names) hurry(now time.Time) {
	for _, s := range n.queue {
		s.due = now
	}
	heap.Init(&n.queue)
}

// slots is a heap by time.
type slots []*slot

func (q slots) Len() int           { return len(q) }
func (q slots) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q slots) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *slots) Push(x any)        { s, _ := x.(*slot); *q = append(*q, s) }
func (q *slots) Pop() any {
	old := *q
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return s
}

// namesOnDisk is names.json.
type namesOnDisk struct {
	Schema int             `json:"schema"`
	Names  map[string]*pin `json:"names"`
}

// savePins writes the addresses of names. Those of names that are in no list
// for long are forgotten.
func (k keep) savePins(n *names, now time.Time) error {
	if k.dir == "" {
		return nil
	}
	d := namesOnDisk{Schema: 1, Names: map[string]*pin{}}
	for name, p := range n.pins {
		if s := n.slots[name]; (s == nil || s.gen != n.gen) && now.Sub(p.At) > pinKept {
			delete(n.pins, name)
			continue
		}
		if p.Addr.IsValid() && len(d.Names) < maxNamesOnDisk {
			d.Names[name] = p
		}
	}
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if err := writeDurable(filepath.Join(k.dir, namesFile), append(data, '\n')); err != nil {
		return fmt.Errorf("keep the addresses of names: %w", err)
	}
	return nil
}

// loadPins reads names.json; nothing where there is none.
func (k keep) loadPins() (map[string]*pin, error) {
	pins := map[string]*pin{}
	if k.dir == "" {
		return pins, nil
	}
	path := filepath.Join(k.dir, namesFile)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return pins, nil
	case err == nil && info.Size() > maxNamesInBytes:
		err = errors.New("is too large")
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	var d namesOnDisk
	if err == nil {
		err = json.Unmarshal(data, &d)
	}
	if err != nil {
		return pins, fmt.Errorf("read the addresses of names from %s, which is written anew: %w", path, err)
	}
	for name, p := range d.Names {
		if p != nil && p.Addr.IsValid() {
			pins[name] = p
		}
	}
	return pins, nil
}
