package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/trace"
	"github.com/mtrq/mtrq/report"
)

// A Server answers HTTP for one node. It writes jobs into the spool and
// only reads the archive. Set the fields, then call Run, or Handler
// where somebody else listens.
type Server struct {
	Spool   Spool
	Archive Archive

	Access    Access       // who may do what; SetAccess replaces it
	Policy    trace.Policy // [targets] and [serve] ports: literal addresses are refused early; SetPolicy replaces it
	PublicURL []*url.URL   // where people reach this server; links use the first
	TLS       *Certificate // of the listeners that speak TLS
	Limits    Limits

	AS    func(netip.Addr) (report.Named, bool) // the AS of an address; nil: nobody knows
	Names Names                                 // of addresses on pages; nil: none

	Node    string // name of this node
	Version string
	Log     *slog.Logger
	Now     func() time.Time

	access atomic.Pointer[Access]       // the one that is in force since SetAccess
	policy atomic.Pointer[trace.Policy] // likewise
}

// Limits bound what clients may use up. The zero value of a field stands
// for its default.
type Limits struct {
	Rate           float64 // jobs a second that one client may ask for, on top of Burst
	Burst          float64 // jobs that one client may ask for at once
	Connections    int     // of all clients together
	MetricsTargets int     // watched targets that /metrics names; 0: none
	Header         time.Duration
	Read, Idle     time.Duration // for a whole request; between two
}

const (
	defaultRate        = 100
	defaultBurst       = 5000
	defaultConnections = 2000

	// A header of mtrq's own clients is below 1 KiB; 16 KiB lets a
	// browser's cookies of other services on localhost through.
	maxHeader     = 16 << 10
	headerTimeout = 5 * time.Second
	readTimeout   = 15 * time.Second
	writeTimeout  = 30 * time.Second // of an answer that does not wait; a waiting one has its wait on top
	idleTimeout   = 60 * time.Second
	drainTimeout  = 10 * time.Second // for requests under way when Run is told to end
)

func (l Limits) orDefaults() Limits {
	l.Rate, l.Burst = cmp.Or(l.Rate, defaultRate), cmp.Or(l.Burst, defaultBurst)
	l.Connections = cmp.Or(l.Connections, min(defaultConnections, halfOfFiles()))
	l.Header, l.Read, l.Idle = cmp.Or(l.Header, headerTimeout), cmp.Or(l.Read, readTimeout), cmp.Or(l.Idle, idleTimeout)
	return l
}

// halfOfFiles is what connections may take of the files that this
// process may open: jobs and reports need some as well.
func halfOfFiles() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 2*defaultConnections {
		return defaultConnections
	}
	return max(1, int(limit.Cur/2))
}

// Run serves on all listeners until ctx ends, then lets the requests
// under way finish; those that wait for a report are answered at once.
// It closes the listeners. A listener that fails ends Run.
func (s *Server) Run(ctx context.Context, listeners []*Listener) error {
	if len(listeners) == 0 {
		return errors.New("serve: nothing to listen on: give [serve] listen an address such as 127.0.0.1:8081")
	}
	site, limits := newSite(s), s.Limits.orDefaults()
	srv := &http.Server{
		Handler:           site.handler(),
		ReadHeaderTimeout: limits.Header,
		ReadTimeout:       limits.Read,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       limits.Idle,
		MaxHeaderBytes:    maxHeader,
		ConnState:         site.conns.state,
		ConnContext:       withPeer,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		bounded := site.conns.listener(l.speaking(s.TLS))
		go func() { ended <- srv.Serve(bounded) }()
	}
	// The calendar counts days that nobody has asked for yet.
	aside, stopAside := context.WithCancel(ctx)
	var besides sync.WaitGroup
	besides.Go(func() { s.Archive.CountDays(aside) })
	if s.Names != nil {
		besides.Go(func() { s.Names.Run(aside) })
	}
	defer func() {
		stopAside()
		besides.Wait()
	}()
	var err error
	left := len(listeners)
	select {
	case <-ctx.Done():
	case err = <-ended:
		left--
		err = fmt.Errorf("serve: %w", err)
	}
	close(site.stopping)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if srv.Shutdown(drain) != nil {
		// Somebody reads slower than we are willing to wait for.
		err = errors.Join(err, srv.Close())
	}
	for range left {
		<-ended // http.ErrServerClosed
	}
	return err
}

// Handler answers every path of the server.
func (s *Server) Handler() http.Handler { return newSite(s).handler() }
