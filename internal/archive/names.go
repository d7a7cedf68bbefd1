package archive

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// names are the nodes, tags and names of targets that stand in days that
// were counted. They come from strangers, so there is an end to them.
type names struct {
	mu    *sync.Mutex
	bytes int
	nodes map[string]Date // the newest day
	tags  map[string]Date // "key=value"
	asked map[string]*askedName
}

// askedName is a name that was asked for and found at addresses.
type askedName struct {
	addrs []netip.Addr
	day   Date
}

const (
	// maxNamesBytes bounds what is kept of names; new ones are left out then.
	maxNamesBytes = 4 << 20
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

func (n *names) room(text string) bool {
	if text == "" || len(text) > maxNameLen || n.bytes+len(text)+128 > maxNamesBytes {
		return false
	}
	n.bytes += len(text) + 128
	return true
}

func (n *names) note(in map[string]Date, text string, day Date) {
	if known, ok := in[text]; ok {
		if known.Compare(day) < 0 {
			in[text] = day
		}
	} else if n.room(text) {
		in[text] = day
	}
}

func (n *names) noteAddr(name string, addr netip.Addr, day Date) {
	known := n.asked[name]
	if known == nil {
		if !n.room(name) {
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
