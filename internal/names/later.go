package names

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/mtrq/mtrq/report"
)

// Known is what is known of addresses now: from the file, and of names what
// was looked up before. It asks nobody and does not wait. A name stays known
// after its time until there is another answer. Missing holds LackDNS while
// an address was not looked up yet, or nobody answered the last time.
func (b *Book) Known(addrs []netip.Addr) report.Names {
	out := b.local(addrs)
	if b.opts.Resolver == nil {
		return out
	}
	complete := true
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range addrs {
		c, ok := b.cache[a]
		complete = complete && ok && !c.failed
		if c.name != "" {
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

// Version changes whenever Known may say something else than before.
func (b *Book) Version() uint64 {
	b.mu.Lock()
	v := b.changes
	b.mu.Unlock()
	if b.db != nil {
		v += b.db.version() // both only grow
	}
	return v
}

// Later has names that are not known, or were looked up too long ago, looked
// up by Run. What does not fit into the queue is left out: whoever shows the
// same again asks again. It does not wait.
func (b *Book) Later(addrs []netip.Addr) {
	if b.opts.Resolver == nil {
		return
	}
	now := b.opts.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range addrs {
		if c, ok := b.cache[a]; ok && now.Before(c.until) || b.waiting[a] || !a.IsValid() {
			continue
		}
		select {
		case b.later <- a:
			b.waiting[a] = true
		default:
			return
		}
	}
}

// Run looks up what Later was given, at most 20 names a second, until ctx
// ends. It returns when all it began has ended.
func (b *Book) Run(ctx context.Context) {
	if b.opts.Resolver == nil {
		return
	}
	var wg sync.WaitGroup
	for range dnsLater {
		wg.Go(func() { b.work(ctx) })
	}
	wg.Wait()
}

func (b *Book) work(ctx context.Context) {
	pace := time.NewTicker(b.opts.Pace)
	defer pace.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-b.later:
			b.one(ctx, a)
		}
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
	}
}

// one is a look-up of Run. One that was cut off by its end is forgotten.
func (b *Book) one(ctx context.Context, a netip.Addr) {
	asking, cancel := context.WithTimeout(ctx, b.opts.Timeout)
	defer cancel()
	c := b.ask(asking, a)
	if ctx.Err() == nil {
		b.keep(a, c)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waiting, a)
}
