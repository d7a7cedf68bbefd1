package targets

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

const saveEvery = 5 * time.Second // names.json, while addresses change

// running is one call of Run. All of it belongs to the goroutine of Run;
// the others send it what they saw.
type running struct {
	*Lists
	changed func(List)
	keep    keep
	groups  map[string]Group

	config view
	files  *files
	disk   []view // of files and directories
	remote []*remote
	web    []view // by index of URLs

	names   names
	busy    int // look-ups under way
	unsaved bool
	saveAt  time.Time

	last   List
	told   bool      // last is valid
	dirty  bool      // something changed since last
	emitAt time.Time // not before

	views       chan []view
	webView     chan webView
	resolved    chan lookup
	pokes       []chan struct{} // of files and URLs
	wg          sync.WaitGroup
	closeClient func()
}

type webView struct {
	index int
	view  view
}

type lookup struct {
	name  string
	addrs []netip.Addr
	err   error
}

// loop takes what the others saw until ctx ends.
func (r *running) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	reload := r.reloads()
	for ctx.Err() == nil {
		now := time.Now()
		if r.dirty && !now.Before(r.emitAt) {
			r.emit(now)
		}
		if r.unsaved && !now.Before(r.saveAt) {
			r.save(now)
		}
		r.lookUp(ctx)
		timer.Reset(time.Until(r.wake(now)))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-reload:
			for _, c := range r.pokes {
				select {
				case c <- struct{}{}:
				default:
				}
			}
			r.names.hurry(time.Now())
		case v := <-r.views:
			r.dirty = r.dirty || !slices.EqualFunc(r.disk, v, view.same)
			r.logViews(r.disk, v)
			r.disk = v
			r.publish()
		case v := <-r.webView:
			old := r.web[v.index]
			r.dirty = r.dirty || !old.same(v.view)
			r.logViews([]view{old}, []view{v.view})
			r.web[v.index] = v.view
			r.publish()
		case a := <-r.resolved:
			r.busy--
			if r.names.done(a.name, a.addrs, a.err, time.Now(), r.now()) {
				r.dirty, r.unsaved = true, true
			}
		}
	}
}

// wake is when there is something to do without anybody saying so.
func (r *running) wake(now time.Time) time.Time {
	at := now.Add(time.Hour)
	sooner := func(t time.Time) {
		if t.Before(at) {
			at = t
		}
	}
	if r.dirty {
		sooner(r.emitAt)
	}
	if r.unsaved {
		sooner(r.saveAt)
	}
	if due, ok := r.names.next(); ok && r.busy < lookupsAtOnce {
		sooner(due)
	}
	return at
}

// lookUp starts the look-ups that are due, as many as may be.
func (r *running) lookUp(ctx context.Context) {
	for r.busy < lookupsAtOnce {
		name, ok := r.names.take(time.Now())
		if !ok {
			return
		}
		r.busy++
		r.wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
			defer cancel()
			addrs, err := r.Resolver.LookupNetIP(ctx, "ip", name)
			r.resolved <- lookup{name, addrs, err} // has room for all that may be under way
		})
	}
}

// emit folds and tells, where the list differs from the last one.
func (r *running) emit(now time.Time) {
	l, names := r.folding().fold()
	r.names.set(names, now)
	r.dirty = false
	gap := 250 * time.Millisecond
	if len(l.Targets) > 10_000 {
		gap = 2 * time.Second // folding and whatever the receiver does cost as much as that
	}
	r.emitAt = now.Add(gap)
	if r.told && r.last.equal(l) {
		return
	}
	r.last, r.told = l, true
	r.publish()
	r.changed(List{Targets: l.Targets, Sources: slices.Clone(l.Sources)})
}

func (r *running) folding() folding {
	return folding{
		views: slices.Concat([]view{r.config}, r.disk, r.web), groups: r.groups, pins: r.names.pins,
		interval: r.Interval, maxPPS: r.MaxPPS, limit: MaxTargets, now: r.now(),
	}
}

// publish makes the sources as of now what Sources gives.
func (r *running) publish() {
	at := map[string]time.Time{}
	for _, v := range slices.Concat(r.disk, r.web) {
		at[v.Source.Source] = v.At
	}
	s := slices.Clone(r.last.Sources)
	for i := range s {
		if t, ok := at[s[i].Source]; ok {
			s[i].At = t
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sources = s
}

func (r *running) save(now time.Time) {
	r.unsaved = false
	r.saveAt = now.Add(saveEvery)
	if len(r.names.pins) > 10_000 {
		r.saveAt = now.Add(time.Minute)
	}
	if err := r.keep.savePins(&r.names, r.now()); err != nil {
		r.log().Warn("addresses of names not kept", "err", err)
	}
}

// logViews logs what began or ceased to be wrong with sources.
func (r *running) logViews(old, now []view) {
	was := make(map[string]string, len(old))
	for _, v := range old {
		was[v.key] = v.Err
	}
	for _, v := range now {
		before := was[v.key]
		delete(was, v.key)
		switch {
		case v.Err != "" && v.Err != before:
			r.log().Warn("list of targets", "source", v.Source.Source, "err", v.Err)
		case v.Err == "" && before != "" && !strings.HasPrefix(before, notLooked):
			r.log().Info("list of targets is well", "source", v.Source.Source)
		}
	}
	for key := range was {
		r.log().Info("list of targets is no more", "source", clean(key))
	}
}

// same says whether nothing but the time of reading differs. Lists that
// were not read anew are the same slice.
func (v view) same(w view) bool {
	if len(v.entries) != len(w.entries) || len(v.entries) > 0 && &v.entries[0] != &w.entries[0] {
		return false
	}
	w.At = v.At
	return v.key == w.key && v.Source == w.Source
}
