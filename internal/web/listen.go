package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
)

// A Listener is an open place to be asked at.
type Listener struct {
	net.Listener
	TLS  bool
	done func() error // what closing has to do beside
}

// Close gives the place back.
func (l *Listener) Close() error {
	err := l.Listener.Close()
	if errors.Is(err, net.ErrClosed) || l.done == nil {
		return err
	}
	return errors.Join(err, l.done())
}

// String is where one can ask: "http://127.0.0.1:8081/", "unix:/run/mtrq/serve.sock".
func (l *Listener) String() string {
	switch {
	case l.Unix():
		return unixPrefix + l.Addr().String()
	case l.TLS:
		return "https://" + l.Addr().String() + "/"
	}
	return "http://" + l.Addr().String() + "/"
}

// Unix reports whether it is a unix socket.
func (l *Listener) Unix() bool { return l.Addr().Network() == "unix" }

// Public reports whether other machines may be able to connect.
func (l *Listener) Public() bool { return !l.Unix() && !remoteAddr(l.Addr().String()).IsLoopback() }

// speaking is the listener with TLS around it, where it has that.
func (l *Listener) speaking(c *Certificate) net.Listener {
	if !l.TLS {
		return l
	}
	return tls.NewListener(l, c.config())
}

// What an entry of [serve] listen may begin with or be, beside address:port.
const (
	unixPrefix    = "unix:"   // and a path
	tlsPrefix     = "tls:"    // and address:port, or systemd
	systemdListen = "systemd" // the sockets that systemd passes to us
)

// Listen opens what [serve] listen names ("127.0.0.1:8081", "[::1]:8081",
// "tls:192.0.2.10:8443", "unix:/run/mtrq/serve.sock", "systemd"), or
// none: where one fails, the others are closed.
func Listen(ctx context.Context, places []string) ([]*Listener, error) {
	var open []*Listener
	for _, place := range places {
		ls, err := listen(ctx, place)
		if err != nil {
			for _, o := range open {
				err = errors.Join(err, o.Close())
			}
			return nil, fmt.Errorf("listen on %s: %w", place, err)
		}
		open = append(open, ls...)
	}
	return open, nil
}

func listen(ctx context.Context, place string) ([]*Listener, error) {
	if path, ok := strings.CutPrefix(place, unixPrefix); ok {
		l, err := listenUnix(ctx, path)
		if err != nil {
			return nil, err
		}
		return []*Listener{l}, nil
	}
	addr, encrypted := strings.CutPrefix(place, tlsPrefix)
	if addr == systemdListen {
		return passedOn(encrypted)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return []*Listener{{Listener: l, TLS: encrypted}}, nil
}

// passedOn takes the sockets that systemd opened for us.
func passedOn(encrypted bool) ([]*Listener, error) {
	files := activation.Files(true)
	if len(files) == 0 {
		return nil, errors.New("no socket was passed: start by a .socket unit, or name an address")
	}
	var out []*Listener
	var errs []error
	for _, f := range files {
		l, err := net.FileListener(f)
		if err != nil {
			err = fmt.Errorf("socket %s: %w: a stream socket is needed (ListenStream=)", f.Name(), err)
		}
		errs = append(errs, err, f.Close())
		if err == nil {
			out = append(out, &Listener{Listener: l, TLS: encrypted && l.Addr().Network() != "unix"})
		}
	}
	err := errors.Join(errs...)
	if err != nil {
		for _, l := range out {
			err = errors.Join(err, l.Close())
		}
		return nil, err
	}
	return out, nil
}
