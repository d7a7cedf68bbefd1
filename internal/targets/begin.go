package targets

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
)

func (l *Lists) newRunning(changed func(List)) *running {
	r := &running{
		Lists: l, changed: changed, keep: keep{l.Dir}, groups: map[string]Group{},
		views: make(chan []view), webView: make(chan webView), resolved: make(chan lookup, lookupsAtOnce),
	}
	for _, g := range l.Groups {
		r.groups[g.Name] = g
	}
	r.config = l.configView()
	kept, err := r.keep.tidy(l.now())
	if err != nil {
		l.log().Warn("directory of last good lists not tidied", "err", err)
	}
	r.files = &files{
		entries: absolute(l.Files), keep: r.keep, now: l.now, log: l.log(),
		settle: l.fileSettle, scan: l.scan, poll: l.repoll, emptyAfter: l.emptyAfter,
	}
	r.files.restore(kept)
	r.disk = r.files.restored()
	var client *http.Client
	client, r.closeClient = newClient(l.Client)
	for _, u := range l.URLs {
		m := newRemote(l, client, u)
		r.remote = append(r.remote, m)
		r.web = append(r.web, m.view(u))
	}
	pins, err := r.keep.loadPins()
	if err != nil {
		l.log().Warn("addresses of names not known from before", "err", err)
	}
	r.names = names{pins: pins, every: l.RefreshNames, slots: map[string]*slot{}}
	return r
}

// configView is the configuration as a source. What it names was validated,
// and is checked again all the same: entries are always canonical.
func (l *Lists) configView() view {
	s := source{name: Config}
	p := parsed{faults: faults{unit: "target"}}
	n := 0
	line := func() int { return n }
	take := func(targets []string, o options) {
		for _, t := range targets {
			n++
			p.add(t, o, line)
		}
	}
	take(l.Targets, options{})
	for _, g := range l.Groups {
		take(g.Targets, options{group: g.Name})
	}
	if len(p.entries) > 0 || p.faults.String() == "" {
		s.accept(l.now(), p)
	} else {
		s.fail(errors.New(p.faults.String()))
	}
	return s.view(Config)
}

// absolute is what fsnotify's names are compared with.
func absolute(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = filepath.Clean(p)
		if abs, err := filepath.Abs(p); err == nil {
			out[i] = abs
		}
	}
	return out
}

func (r *running) start(ctx context.Context) {
	poke := func() chan struct{} {
		c := make(chan struct{}, 1)
		r.pokes = append(r.pokes, c)
		return c
	}
	if len(r.files.entries) > 0 {
		c := poke()
		r.wg.Go(func() { r.files.run(ctx, c, r.views) })
	}
	for i, m := range r.remote {
		c := poke()
		r.wg.Go(func() {
			m.run(ctx, c, func(v view) {
				select {
				case r.webView <- webView{i, v}:
				case <-ctx.Done():
				}
			})
		})
	}
}
