package targets

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// folding is all that a List is made of. It is pure.
type folding struct {
	views    []view // in order: the first source that names a target has it
	groups   map[string]Group
	pins     map[string]*pin
	interval time.Duration
	maxPPS   int // 0: no bound
	limit    int // MaxTargets
	now      time.Time
}

// place is an address and how it is asked: two names for it are one target.
type place struct {
	addr     netip.Addr
	protocol string
}

// fold gives the list, and all names in it that need an address: those that
// share one with others, too, for it may change.
func (f folding) fold() (List, []string) {
	n := 0
	for _, v := range f.views {
		n += len(v.entries)
	}
	var (
		l       List
		names   []string
		byName  = make(map[string]int, n) // index in l.Targets
		byPlace = make(map[place]int, n)
		refused int
	)
	l.Targets = make([]Target, 0, min(n, f.limit))
	for _, v := range f.views {
		var dup duplicates
		over := 0
		for _, e := range v.entries {
			if i, known := byName[e.name]; known {
				dup.add(e.name, &l.Targets[i])
				merge(&l.Targets[i], f.target(e, v.Source.Source))
				continue
			}
			if len(l.Targets) >= f.limit {
				over++
				continue
			}
			t := f.target(e, v.Source.Source)
			if !e.addr.IsValid() {
				names = append(names, e.name)
			}
			if t.Addr.IsValid() {
				at := place{t.Addr, t.Protocol}
				if i, known := byPlace[at]; known {
					byName[e.name] = i
					dup.add(e.name, &l.Targets[i])
					merge(&l.Targets[i], t)
					addNote(&l.Targets[i], "also listed as "+e.name)
					continue
				}
				byPlace[at] = len(l.Targets)
			}
			byName[e.name] = len(l.Targets)
			l.Targets = append(l.Targets, t)
		}
		refused += over
		s := v.Source
		s.Note = dup.note()
		if over > 0 {
			s.Err = join(s.Err, fmt.Sprintf("%d of its targets are not watched: there are more than %d in all", over, f.limit))
		}
		l.Sources = append(l.Sources, s)
	}
	var all []string
	if refused > 0 {
		all = append(all, fmt.Sprintf("%d targets are not watched: %d is the most for one node, give the others to another", refused, f.limit))
	}
	if s := stretch(l.Targets, f.maxPPS); s != "" {
		all = append(all, s)
	}
	if len(all) > 0 {
		l.Sources = append(l.Sources, Source{Source: All, Targets: len(l.Targets), At: f.now, Err: strings.Join(all, "; ")})
	}
	return l, names
}

// target makes an entry whole: from its group, then from the defaults.
func (f folding) target(e entry, source string) Target {
	g := f.groups[e.group]
	t := Target{
		Name: e.name, Addr: e.addr, Group: e.group, Source: source, Tags: e.tags,
		Interval: first(e.interval, g.Interval, f.interval), Protocol: first(e.protocol, g.Protocol, "icmp"),
	}
	if len(t.Tags) == 0 {
		t.Tags = g.Tags
	} else {
		t.Tags = union(t.Tags, g.Tags)
	}
	if !e.addr.IsValid() {
		p := f.pins[e.name]
		t.Note = p.note()
		if p != nil {
			t.Addr = p.Addr
		}
	}
	return t
}

// first is the first of them that is said.
func first[T comparable](of ...T) T {
	var zero T
	for _, v := range of {
		if v != zero {
			return v
		}
	}
	return zero
}

// merge adds to a target what another entry says of it: the first one's word
// stands, but nobody is asked less often than somebody wants.
func merge(t *Target, u Target) {
	t.Tags = union(t.Tags, u.Tags)
	t.Interval = min(t.Interval, u.Interval)
	if t.Group == "" {
		t.Group = u.Group
	}
}

// union gives a with the tags of b that it lacks, as many as a job may have.
// Neither is changed: both may belong to many targets.
func union(a, b map[string]string) map[string]string {
	if len(a) == 0 {
		return b
	}
	out, copied := a, false
	for _, k := range sortedKeys(b) {
		if _, known := out[k]; known || len(out) >= maxTags {
			continue
		}
		if !copied {
			out, copied = maps.Clone(a), true
		}
		out[k] = b[k]
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// notedAliases bounds what is told of one address with many names.
const notedAliases = 500

func addNote(t *Target, note string) {
	if len(t.Note) < notedAliases {
		t.Note = join(t.Note, note)
	}
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// duplicates counts entries of one source that are named before.
type duplicates struct {
	n     int
	first string
}

func (d *duplicates) add(name string, of *Target) {
	d.n++
	if d.n > 1 {
		return
	}
	d.first = name
	if of.Name != name {
		d.first += ", the same address as " + of.Name
	}
	d.first += ", from " + of.Source
}

func (d *duplicates) note() string {
	switch d.n {
	case 0:
		return ""
	case 1:
		return "1 target is named before: " + d.first
	}
	return strconv.Itoa(d.n) + " targets are named before; the first is " + d.first
}
