package names

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mtrq/mtrq/report"
)

const (
	dnsAtOnce = 16                     // reverse look-ups under way together
	dnsKnown  = time.Hour              // how long a name is believed
	dnsNone   = 5 * time.Minute        // how long it is believed that there is none
	dnsFailed = 30 * time.Second       // how long nobody is asked again after silence
	dnsMost   = 20_000                 // names kept
	dnsQueue  = 1024                   // addresses that wait for Run
	dnsLater  = 4                      // look-ups of Run under way together …
	dnsPace   = 200 * time.Millisecond // … and how long each of them takes at least: 20 a second
	maxName   = 253                    // bytes; the longest that DNS knows
)

// Resolver is the part of *net.Resolver that reverse DNS needs.
type Resolver interface {
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// Options are where names come from.
type Options struct {
	Database string        // path of an MMDB file; empty: none
	Resolver Resolver      // nil: no reverse DNS
	Timeout  time.Duration // for all look-ups of one Look together, and for each of Run; 0: 2 s
	Pace     time.Duration // that each look-up of Run takes at least; 0: 200 ms
	Now      func() time.Time
}

// A Book finds names and AS numbers, and remembers names. It may be used by
// several goroutines.
type Book struct {
	opts Options
	db   *database // nil: none configured

	later chan netip.Addr

	mu      sync.Mutex
	cache   map[netip.Addr]cached
	waiting map[netip.Addr]bool // those that Later has put into the queue
	changes uint64              // of what the cache says
}

type cached struct {
	name   string // empty: there is none, or nobody has said so far
	until  time.Time
	failed bool // nobody answered the last time; the name is one from before
}

// New makes a Book. It reads nothing yet.
func New(opts Options) *Book {
	if opts.Timeout <= 0 {
		opts.Timeout = 2 * time.Second
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Pace <= 0 {
		opts.Pace = dnsPace
	}
	b := &Book{opts: opts, later: make(chan netip.Addr, dnsQueue), cache: make(map[netip.Addr]cached), waiting: make(map[netip.Addr]bool)}
	if opts.Database != "" {
		b.db = &database{path: opts.Database, now: opts.Now}
	}
	return b
}

// AS gives the AS of an address from the file alone; false: it is not known.
func (b *Book) AS(a netip.Addr) (report.Named, bool) {
	if b.db == nil {
		return report.Named{}, false
	}
	n, _ := b.db.lookup(a)
	return n, n.AS > 0
}

// Check says what is wrong with the file, if one is configured.
func (b *Book) Check() error {
	if b.db == nil {
		return nil
	}
	_, err := b.db.reader()
	return err
}

// Look finds what is known of addresses. It ends after Options.Timeout at
// the latest, having waited for all it began.
func (b *Book) Look(ctx context.Context, addrs []netip.Addr) report.Names {
	out := b.local(addrs)
	if b.opts.Resolver == nil {
		return out
	}
	complete := b.resolve(ctx, addrs)
	now := b.opts.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range addrs {
		if c, ok := b.cache[a]; ok && c.name != "" && now.Before(c.until) {
			n := out.Of[a]
			n.Name = c.name
			out.Of[a] = n
		}
	}
	if !complete {
		out.Missing = append(out.Missing, report.NamesLack{Kind: report.LackDNS})
	}
	return out
}

// local is what the file says, and that there is no file or no DNS.
func (b *Book) local(addrs []netip.Addr) report.Names {
	out := report.Names{Of: make(map[netip.Addr]report.Named, len(addrs))}
	if b.db == nil {
		out.Missing = append(out.Missing, report.NamesLack{Kind: report.LackDatabase})
	} else {
		var first error
		for _, a := range addrs {
			n, err := b.db.lookup(a)
			if n.AS > 0 {
				out.Of[a] = n
			}
			if first == nil {
				first = err
			}
		}
		if first != nil {
			out.Missing = append(out.Missing, report.NamesLack{Kind: report.LackRead, Detail: bounded(first.Error(), 300)})
		}
	}
	if b.opts.Resolver == nil {
		out.Missing = append(out.Missing, report.NamesLack{Kind: report.LackNoDNS})
	}
	return out
}

// resolve asks for the names that are not known, and says whether each look-up
// had an answer: a name, or that there is none.
func (b *Book) resolve(ctx context.Context, addrs []netip.Addr) bool {
	ctx, cancel := context.WithTimeout(ctx, b.opts.Timeout)
	defer cancel()
	complete := true
	var ask []netip.Addr
	now := b.opts.Now()
	b.mu.Lock()
	for _, a := range addrs {
		c, ok := b.cache[a]
		switch known := ok && now.Before(c.until); {
		case known && c.failed:
			complete = false
		case !known && a.IsValid() && !slices.Contains(ask, a):
			ask = append(ask, a)
		}
	}
	b.mu.Unlock()
	var wg sync.WaitGroup
	slots := make(chan struct{}, dnsAtOnce)
	for _, a := range ask {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			complete = false
			continue
		}
		wg.Go(func() {
			defer func() { <-slots }()
			b.keep(a, b.ask(ctx, a))
		})
	}
	wg.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range ask {
		complete = complete && !b.cache[a].failed
	}
	return complete
}

// ask makes one reverse look-up.
func (b *Book) ask(ctx context.Context, a netip.Addr) cached {
	names, err := b.opts.Resolver.LookupAddr(ctx, a.WithZone("").String())
	now := b.opts.Now()
	for _, n := range names {
		if n = hostName(n); n != "" {
			return cached{name: n, until: now.Add(dnsKnown)}
		}
	}
	var dns *net.DNSError
	if err == nil || errors.As(err, &dns) && dns.IsNotFound {
		return cached{until: now.Add(dnsNone)}
	}
	return cached{until: now.Add(dnsFailed), failed: true}
}

// keep remembers an answer. Silence does not take away a name that is known.
func (b *Book) keep(a netip.Addr, c cached) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, had := b.cache[a]
	if c.failed {
		c.name = old.name
	}
	if !had || old.name != c.name || old.failed != c.failed {
		b.changes++
	}
	if len(b.cache) >= dnsMost {
		now := b.opts.Now()
		for k, old := range b.cache {
			if now.After(old.until) {
				delete(b.cache, k)
			}
		}
		if len(b.cache) >= dnsMost { // all fresh: begin anew rather than grow
			clear(b.cache)
		}
	}
	b.cache[a] = c
}

// hostName is a name of DNS as it may be shown, "" for anything else: who
// owns an address decides what stands there.
func hostName(s string) string {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > maxName {
		return ""
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_':
		default:
			return ""
		}
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return "" // an address that poses as the name of another
	}
	return s
}
