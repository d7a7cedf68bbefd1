package archive

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// names are the nodes, tags and names of targets that stand in days that
// were counted. They come from strangers, so there is an end to them: when
// the book is full, what stood only in the oldest days makes room.
type names struct {
	mu    *sync.Mutex
	bytes int // of all names
	// fullOf is the day that last wanted more room than earlier days had: none
	// of those is left.
	fullOf Date
	nodes  map[string]Date // the newest day
	tags   map[string]Date // "key=value"
	asked  map[string]*askedName
}

// askedName is a name that was asked for and found at addresses.
type askedName struct {
	addrs []netip.Addr
	day   Date
}

const (
	// maxNamesBytes bounds what is kept of names.
	maxNamesBytes = 4 << 20
	// namesRoom is how much of that is made free at once, so that not each
	// new name has to look for the oldest.
	namesRoom = maxNamesBytes / 8
	// maxAddrs bounds the addresses of a name; the newest stay.
	maxAddrs = 8
	// maxNameLen leaves out what is no name of anything.
	maxNameLen = 256
)

func newNames() names {
	return names{mu: &sync.Mutex{}, nodes: map[string]Date{}, tags: map[string]Date{}, asked: map[string]*askedName{}}
}

// learn takes in the names of a day.
func (n *names) learn(t *table, day Date) {
	nodes, tags := map[uint32]bool{}, map[uint32]bool{}
	asked := map[[2]uint32]bool{}
	for row := range t.rows() {
		nodes[t.node[row]] = true
		tags[t.tags[row]] = true
		if t.target[row] != 0 && t.asked[row] != t.target[row] {
			asked[[2]uint32{t.asked[row], t.target[row]}] = true
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for w := range nodes {
		n.note(n.nodes, string(t.words.word(w)), day)
	}
	for w := range tags {
		for k, v := range tagsOf(t.words.word(w)) {
			n.note(n.tags, k+"="+v, day)
		}
	}
	for pair := range asked {
		name, addr := string(t.words.word(pair[0])), addrOf(t.words.word(pair[1]))
		if _, err := netip.ParseAddr(name); err == nil || !addr.IsValid() {
			continue
		}
		n.noteAddr(strings.ToLower(strings.TrimSuffix(name, ".")), addr, day)
	}
}

// room takes room for a name of a day. Only names of earlier days go for it.
func (n *names) room(text string, day Date) bool {
	if text == "" || len(text) > maxNameLen {
		return false
	}
	size := nameBytes(text)
	if n.bytes+size > maxNamesBytes {
		n.makeRoom(day)
	}
	if n.bytes+size > maxNamesBytes {
		return false
	}
	n.bytes += size
	return true
}

// nameBytes is about what a name takes in memory.
func nameBytes(text string) int { return len(text) + 128 }

// makeRoom drops the names of the oldest days, all of them before day, until
// namesRoom is free.
func (n *names) makeRoom(day Date) {
	if day.Compare(n.fullOf) <= 0 {
		return // looked through before: there is nothing older
	}
	sizes := map[Date]int{}
	n.each(func(text string, of Date) {
		if of.Compare(day) < 0 {
			sizes[of] += nameBytes(text)
		}
	})
	last, left := Date{}, n.bytes
	for _, of := range slices.SortedFunc(maps.Keys(sizes), Date.Compare) {
		if left <= maxNamesBytes-namesRoom {
			break
		}
		last, left = of, left-sizes[of]
	}
	n.forget(func(of Date) bool { return of.Compare(last) <= 0 })
	if left+namesRoom > maxNamesBytes {
		n.fullOf = day
	}
}

// each calls fn for each name and its newest day.
func (n *names) each(fn func(text string, of Date)) {
	for _, in := range []map[string]Date{n.nodes, n.tags} {
		for text, of := range in {
			fn(text, of)
		}
	}
	for text, known := range n.asked {
		fn(text, known.day)
	}
}

// forget drops the names whose newest day goes.
func (n *names) forget(goes func(Date) bool) {
	for _, in := range []map[string]Date{n.nodes, n.tags} {
		maps.DeleteFunc(in, func(_ string, of Date) bool { return goes(of) })
	}
	maps.DeleteFunc(n.asked, func(_ string, known *askedName) bool { return goes(known.day) })
	n.bytes = 0
	n.each(func(text string, _ Date) { n.bytes += nameBytes(text) })
}

// keepOnly forgets the names that stood only in days that were pruned.
func (n *names) keepOnly(days []Date) {
	there := map[Date]struct{}{}
	for _, day := range days {
		there[day] = struct{}{}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.forget(func(of Date) bool { _, ok := there[of]; return !ok })
	n.fullOf = Date{}
}

func (n *names) note(in map[string]Date, text string, day Date) {
	if known, ok := in[text]; ok {
		if known.Compare(day) < 0 {
			in[text] = day
		}
	} else if n.room(text, day) {
		in[text] = day
	}
}

func (n *names) noteAddr(name string, addr netip.Addr, day Date) {
	known := n.asked[name]
	if known == nil {
		if !n.room(name, day) {
			return
		}
		known = &askedName{day: day}
		n.asked[name] = known
	}
	newer := known.day.Compare(day) < 0
	if newer {
		known.day = day
	}
	if slices.Contains(known.addrs, addr) || !newer && len(known.addrs) == maxAddrs {
		return
	}
	if len(known.addrs) == maxAddrs {
		known.addrs = known.addrs[1:]
	}
	known.addrs = append(known.addrs, addr)
}

// addressesOf are the addresses that a name led to. Before the days are
// counted it is known of the newest two.
func (a *Archive) addressesOf(name string) ([]netip.Addr, error) {
	n := &a.calendar.names
	known := n.addressesOf(name)
	if known == nil {
		if err := a.learnNewest(); err != nil {
			return nil, err
		}
		known = n.addressesOf(name)
	}
	return known, nil
}

func (n *names) addressesOf(name string) []netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	if known := n.asked[targetText(name)]; known != nil {
		return slices.Clone(known.addrs)
	}
	return nil
}
