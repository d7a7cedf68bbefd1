package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// client is who asks: the sender of the TCP connection, or behind a
// trusted proxy whoever that proxy names.
type client struct {
	addr netip.Addr // the zero Addr: cannot be told
	// passedOn says that the request came through somebody who is not
	// known to tell the truth about who asked. Such a request is never
	// taken for one made on this machine.
	passedOn bool
	peer     peer // at the other end of the connection
}

// peer is the other end of a connection.
type peer struct {
	addr netip.Addr // of a unix socket: loopback, which it is as good as
	unix bool
	uid  int // of a unix socket; -1: not known
}

// peerKey is the context key of the uid at the other end of a unix socket.
type peerKey struct{}

// peerOf tells who opened the connection.
func peerOf(r *http.Request) peer {
	if !onUnix(r) {
		return peer{addr: remoteAddr(r.RemoteAddr), uid: -1}
	}
	uid, known := r.Context().Value(peerKey{}).(int)
	if !known {
		uid = -1
	}
	return peer{addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}), unix: true, uid: uid}
}

// onUnix reports whether the connection came in on a unix socket.
func onUnix(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && local.Network() == "unix"
}

// onLoopback reports whether the connection came in on loopback.
func onLoopback(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && remoteAddr(local.String()).IsLoopback()
}

// forwardingHeaders are what proxies add. The presence of any means
// that the sender of the connection is not the one who asks.
var forwardingHeaders = []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Real-Ip", "Via"}

// clientOf finds who asks. A proxy that only adds to a header leaves
// what a stranger wrote into the others, so where several headers name
// a client they must name the same one; else it cannot be told.
func clientOf(r *http.Request, trusted []netip.Prefix) client {
	from := peerOf(r)
	forwarded := slices.ContainsFunc(forwardingHeaders, func(h string) bool { return len(r.Header.Values(h)) > 0 })
	if !forwarded {
		return client{addr: from.addr, peer: from}
	}
	if !within(from.addr, trusted) {
		return client{addr: from.addr, passedOn: true, peer: from}
	}
	var named []netip.Addr
	for _, chain := range [][]string{
		commaList(r.Header.Values("X-Forwarded-For")),
		commaList(r.Header.Values("X-Real-Ip")),
		forwardedFor(r.Header.Values("Forwarded")),
	} {
		if len(chain) > 0 {
			named = append(named, lastUntrusted(chain, trusted))
		}
	}
	named = slices.Compact(named)
	if len(named) != 1 || !named[0].IsValid() {
		return client{passedOn: true, peer: from}
	}
	return client{addr: named[0], peer: from}
}

// mayEnqueue reports whether a client may without a token: it came
// through a unix socket, which is guarded by its mode, or lies in
// allow_from.
func (c client) mayEnqueue(allowFrom []netip.Prefix) bool {
	return c.onSocket() || c.within(allowFrom)
}

// onSocket reports whether a program on this machine asks itself.
func (c client) onSocket() bool { return c.peer.unix && !c.passedOn && c.addr == c.peer.addr }

// within reports whether a client lies in one of the prefixes.
func (c client) within(prefixes []netip.Prefix) bool {
	if c.passedOn && (!c.addr.IsValid() || c.addr.IsLoopback()) {
		return false
	}
	return within(c.addr, prefixes)
}

// limitedAs is whose limits the client uses up: those of who opened the
// connection where a stranger's word is all there is beside it.
func (c client) limitedAs() netip.Addr {
	if c.passedOn {
		return c.peer.addr
	}
	return c.addr
}

// String is the client as a job's "by" has it.
func (c client) String() string {
	switch {
	case c.onSocket() && c.peer.uid >= 0:
		return "uid " + strconv.Itoa(c.peer.uid)
	case c.onSocket():
		return "unix socket"
	case !c.addr.IsValid():
		return "unknown"
	}
	return c.addr.String()
}

// sender is who opened the connection, for messages.
func (c client) sender() string {
	if c.peer.unix {
		return "a program on the unix socket"
	}
	return c.peer.addr.String()
}

// lastUntrusted walks a chain of proxies from this end: each trusted
// proxy's word for the one before it holds, up to the first address
// that is no trusted proxy. What stands before that is hearsay.
func lastUntrusted(chain []string, trusted []netip.Prefix) netip.Addr {
	var addr netip.Addr
	for _, s := range slices.Backward(chain) {
		addr = proxyAddr(s)
		if !addr.IsValid() || !within(addr, trusted) {
			return addr
		}
	}
	return addr
}

// proxyAddr reads an address as proxies write it: bare, in brackets, or
// with a port.
func proxyAddr(s string) netip.Addr {
	s = strings.TrimSpace(s)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

func commaList(values []string) []string {
	if len(values) == 0 {
		return nil
	}
	return strings.Split(strings.Join(values, ","), ",")
}

// forwardedFor gives the for= of every element of Forwarded (RFC 7239,
// section 4); an element without one counts as an unknown sender.
//
//	Forwarded: for=192.0.2.60;proto=http;by=203.0.113.43, for="[2001:db8::7]:4711"
func forwardedFor(values []string) []string {
	var chain []string
	for _, element := range commaList(values) {
		who := ""
		for pair := range strings.SplitSeq(element, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if strings.EqualFold(key, "for") {
				who = strings.Trim(value, `"`)
			}
		}
		chain = append(chain, who)
	}
	return chain
}

func remoteAddr(s string) netip.Addr {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

func within(addr netip.Addr, prefixes []netip.Prefix) bool {
	return addr.IsValid() && slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}
