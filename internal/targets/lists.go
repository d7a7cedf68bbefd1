package targets

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Lists is what is watched, from all its sources. Set its fields, then call
// Run once.
type Lists struct {
	Targets  []string      // of [watch]
	Groups   []Group       // of [[watch.group]]
	Files    []string      // files, and directories of them
	URLs     []string      // http and https
	Interval time.Duration // of targets that do not say it; 0: 1s
	MaxPPS   int           // pings a second of all targets together; 0: no bound

	Dir      string       // for last good lists and addresses, made where it is missing; empty: none are kept
	Resolver Resolver     // nil: net.DefaultResolver
	Client   *http.Client // nil: one of its own. CheckRedirect is not used
	Now      func() time.Time
	Log      *slog.Logger

	RefreshURL   time.Duration // 0: 60s
	RefreshNames time.Duration // 0: 5m

	// Of tests: how long it takes to believe an empty list, and how files are looked at.
	emptyAfter               time.Duration
	fileSettle, scan, repoll time.Duration

	mu      sync.Mutex
	reload  chan struct{}
	sources []Source
}

// Run calls changed at once with what is known without asking anybody: the
// configuration, the last good lists, the addresses that names had. Then
// with each change, until ctx ends; what changes within 250 ms (2 s where
// there are more than 10,000 targets) comes together. Lists and the maps in
// them are not written any more, and must not be. changed is never called
// twice at once; it should return soon.
//
// Whatever is wrong with a source is told in its Source.Err and logged
// once. Run itself fails only when it cannot keep the addresses at the end.
func (l *Lists) Run(ctx context.Context, changed func(List)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.defaults()
	r := l.newRunning(changed)
	r.emit(time.Now())
	r.start(ctx)
	r.loop(ctx)
	cancel()
	r.wg.Wait()
	r.closeClient()
	if len(r.names.pins) == 0 {
		return nil
	}
	return r.keep.savePins(&r.names, l.now())
}

// Reload makes Run look at all files and URLs, and resolve all names, now.
func (l *Lists) Reload() {
	select {
	case l.reloads() <- struct{}{}:
	default: // one is waiting already
	}
}

// Sources is how the sources are now. A List has them as of its last
// change: that a source was read once more, and is the same, is none.
func (l *Lists) Sources() []Source {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.sources)
}

func (l *Lists) reloads() chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reload == nil {
		l.reload = make(chan struct{}, 1)
	}
	return l.reload
}

func (l *Lists) now() time.Time {
	if l.Now == nil {
		return time.Now()
	}
	return l.Now()
}

func (l *Lists) log() *slog.Logger {
	if l.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l.Log
}

func (l *Lists) defaults() {
	if l.Resolver == nil {
		l.Resolver = net.DefaultResolver
	}
	l.Interval = first(l.Interval, time.Second)
	l.RefreshURL = first(l.RefreshURL, time.Minute)
	l.RefreshNames = first(l.RefreshNames, 5*time.Minute)
	l.emptyAfter = first(l.emptyAfter, emptyAfter)
	l.fileSettle = first(l.fileSettle, settle)
	l.scan = first(l.scan, scanEvery)
	l.repoll = first(l.repoll, pollEvery)
}
