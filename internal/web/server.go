package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/mtrq/mtrq/internal/trace"
)

// A Server answers HTTP for one node. It writes jobs into the spool and
// only reads the archive. Set the fields, then call Run, or Handler
// where somebody else listens.
type Server struct {
	Spool   Spool
	Archive Archive

	Policy         trace.Policy   // [targets] and [serve] ports: literal addresses are refused early
	AllowFrom      []netip.Prefix // who may enqueue; empty: nobody
	TrustedProxies []netip.Prefix // whose word for who asked is believed
	PublicURL      []*url.URL     // where people reach this server; links use the first

	Node    string // name of this node
	Version string
	Log     *slog.Logger
	Now     func() time.Time
}

// Limits of a connection. A header of mtrq's own clients is below 1 KiB;
// 16 KiB lets a browser's cookies of other services on localhost through.
const (
	maxHeader     = 16 << 10
	headerTimeout = 5 * time.Second
	readTimeout   = 15 * time.Second
	writeTimeout  = 30 * time.Second // of an answer that does not wait; a waiting one has its wait on top
	idleTimeout   = 60 * time.Second
	drainTimeout  = 10 * time.Second // for requests under way when Run is told to end
)

// Run serves on all listeners until ctx ends, then lets the requests
// under way finish; those that wait for a report are answered at once.
// It closes the listeners. A listener that fails ends Run.
func (s *Server) Run(ctx context.Context, listeners []net.Listener) error {
	if len(listeners) == 0 {
		return errors.New("serve: nothing to listen on: give [serve] listen an address such as 127.0.0.1:8081")
	}
	site := newSite(s)
	srv := &http.Server{
		Handler:           site.handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { ended <- srv.Serve(l) }()
	}
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

// Listen opens a TCP listener for each address ("127.0.0.1:8081",
// "[::1]:8081"), or none: where one fails, the others are closed.
func Listen(ctx context.Context, addrs []string) ([]net.Listener, error) {
	var open []net.Listener
	for _, addr := range addrs {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		if err != nil {
			for _, o := range open {
				err = errors.Join(err, o.Close())
			}
			return nil, fmt.Errorf("listen on %s: %w", addr, err)
		}
		open = append(open, l)
	}
	return open, nil
}
