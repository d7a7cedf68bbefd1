package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// Names say what addresses are called and which AS they are of. None of it
// may wait for anybody but the disk: names come later, from Run.
type Names interface {
	Known(addrs []netip.Addr) report.Names
	Later(addrs []netip.Addr) // has Run look up what is not known
	Version() uint64          // changes when Known may say something else
	Run(ctx context.Context)  // until ctx ends
}

const (
	namesMost  = 200              // addresses of a page that are named
	namesAgain = 30 * time.Second // after which a page that is shown again has its names looked up again
	maxOrg     = 60               // characters of the name of an AS
	maxName    = 44               // characters of a host name: the table has room for so many
)

// who is what is known of an address; what is not is empty.
type who struct {
	AS, Org  string // "AS64500", "Example Networks"
	Name     string // of DNS, cut where it is long
	FullName string
}

// Known says that there is something to show.
func (w who) Known() bool { return w != who{} }

func whoOf(n report.Names, a netip.Addr) who {
	x, ok := n.Of[a]
	if !ok {
		return who{}
	}
	w := who{FullName: clean(x.Name)}
	w.Name = cutMiddle(w.FullName, maxName)
	if x.AS > 0 {
		w.AS, w.Org = "AS"+strconv.FormatUint(uint64(x.AS), 10), cutMiddle(clean(x.Org), maxOrg)
	}
	return w
}

// cutMiddle shortens to n characters: of a router's name the beginning says
// which port, the end whose it is.
func cutMiddle(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:n/2-1]) + "…" + string(r[len(r)-n/2:])
}

// namesNote says below a table what is missing of names and AS numbers, and
// of what time they are.
type namesNote struct {
	AnyAS bool // some address has an AS: the table has a column for it
	Any   bool
	Lacks []string
}

func (h head) namesNote(n report.Names, addrs []netip.Addr) namesNote {
	var out namesNote
	for _, a := range addrs {
		x := n.Of[a]
		out.AnyAS = out.AnyAS || x.AS > 0
		out.Any = out.Any || x.AS > 0 || x.Name != ""
	}
	for _, l := range n.Missing {
		// The detail of a fault is a path of this machine: mtrq check has it.
		out.Lacks = append(out.Lacks, h.wordOf("names.lack", string(l.Kind)))
	}
	return out
}

// names is what is known of addresses now; what is not is looked up for the
// next time.
func (s *site) names(addrs []netip.Addr) report.Names {
	if s.Names == nil {
		return report.Names{Missing: []report.NamesLack{{Kind: report.LackDatabase}, {Kind: report.LackNoDNS}}}
	}
	s.Names.Later(addrs)
	return s.Names.Known(addrs)
}

// whoIs is what is known of a target that is an address. Only one that is
// ours is looked up: anybody may ask for the page of any address.
func (s *site) whoIs(h head, target string, ours bool) (who, namesNote) {
	a, err := netip.ParseAddr(target)
	if err != nil || s.Names == nil {
		return who{}, namesNote{}
	}
	addrs := []netip.Addr{a}
	if ours {
		s.Names.Later(addrs)
	}
	n := s.Names.Known(addrs)
	n.Missing = slices.DeleteFunc(n.Missing, func(l report.NamesLack) bool {
		return !ours || l.Kind == report.LackDatabase || l.Kind == report.LackNoDNS // what the node is set up for, its reports say
	})
	return whoOf(n, a), h.namesNote(n, addrs)
}

// namedList remembers which addresses the pages of reports and incidents
// name: whether a page is still as it was is known without reading the
// report, and without looking anything up while nothing changes.
type namedList struct {
	mu  sync.Mutex
	ids map[ulid.ULID]*namedPage
}

// A namedPage is made of addresses alone: with names it would take 3 kB.
type namedPage struct {
	addrs   []netip.Addr
	version uint64    // of Names when tag was made
	tag     string    // of all that is known of addrs
	asked   time.Time // when Names was last told to look them up
}

// namesMade is names for a page that is kept, and the tag of what it says.
func (s *site) namesMade(id ulid.ULID, addrs []netip.Addr) (report.Names, string) {
	if s.Names == nil {
		return s.names(addrs), ""
	}
	version := s.Names.Version() // before Known: a change in between is seen the next time
	n := s.names(addrs)
	p := &namedPage{addrs: addrs, version: version, tag: namesTag(n, addrs), asked: s.Now()}
	l := &s.named
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ids == nil || len(l.ids) >= foundMost {
		l.ids = map[ulid.ULID]*namedPage{}
	}
	l.ids[id] = p
	return n, p.tag
}

// namesKept is the tag of what is known of the addresses of a page; false:
// nobody knows which those are, and the page has to be made.
func (s *site) namesKept(id ulid.ULID) (string, bool) {
	if s.Names == nil {
		return "", true
	}
	version, now := s.Names.Version(), s.Now()
	l := &s.named
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.ids[id]
	if p == nil {
		return "", false
	}
	if p.version != version {
		p.version, p.tag = version, namesTag(s.Names.Known(p.addrs), p.addrs)
	}
	if age := now.Sub(p.asked); age < 0 || age > namesAgain {
		p.asked = now
		s.Names.Later(p.addrs)
	}
	return p.tag, true
}

func namesTag(n report.Names, addrs []netip.Addr) string {
	h := sha256.New()
	for _, a := range addrs {
		x := n.Of[a]
		fmt.Fprintf(h, "%d\x00%s\x00%s\x00", x.AS, x.Org, x.Name) // a hash cannot fail
	}
	for _, l := range n.Missing {
		_, _ = io.WriteString(h, string(l.Kind)+"\x00")
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// addressesOf are those that the page of a report names.
func addressesOf(rep *report.Report) []netip.Addr {
	ev := &rep.Evidence
	var l addrList
	l.add(ev.Target.Address)
	l.add(ev.Addresses...)
	return l.all
}

// addrList is addresses of others, each once, at most namesMost.
type addrList struct {
	all  []netip.Addr
	seen map[netip.Addr]bool
}

func (l *addrList) add(addrs ...netip.Addr) {
	for _, a := range addrs {
		if !a.IsValid() || a.IsLoopback() || l.seen[a] || len(l.all) == namesMost {
			continue
		}
		if l.seen == nil {
			l.seen = map[netip.Addr]bool{}
		}
		l.seen[a] = true
		l.all = append(l.all, a)
	}
}
