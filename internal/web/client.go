package web

import (
	"net/http"
	"net/netip"
	"slices"
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
}

// forwardingHeaders are what proxies add. The presence of any means
// that the sender of the connection is not the one who asks.
var forwardingHeaders = []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Real-Ip", "Via"}

// clientOf finds who asks. A proxy that only adds to a header leaves
// what a stranger wrote into the others, so where several headers name
// a client they must name the same one; else it cannot be told.
func clientOf(r *http.Request, trusted []netip.Prefix) client {
	peer := remoteAddr(r.RemoteAddr)
	forwarded := slices.ContainsFunc(forwardingHeaders, func(h string) bool { return len(r.Header.Values(h)) > 0 })
	if !forwarded {
		return client{addr: peer}
	}
	if !within(peer, trusted) {
		return client{addr: peer, passedOn: true}
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
		return client{passedOn: true}
	}
	return client{addr: named[0]}
}

// mayEnqueue reports whether a client lies in allow_from.
func (c client) mayEnqueue(allowFrom []netip.Prefix) bool {
	if c.passedOn && (!c.addr.IsValid() || c.addr.IsLoopback()) {
		return false
	}
	return within(c.addr, allowFrom)
}

// String is the client as a job's "by" has it.
func (c client) String() string {
	if !c.addr.IsValid() {
		return "unknown"
	}
	return c.addr.String()
}

// lastUntrusted walks a chain of proxies from this end: each trusted
// proxy's word for the one before it holds, up to the first address
// that is no trusted proxy. What stands before that is hearsay.
func lastUntrusted(chain []string, trusted []netip.Prefix) netip.Addr {
	var addr netip.Addr
	for _, s := range slices.Backward(chain) {
		addr = hopAddr(s)
		if !addr.IsValid() || !within(addr, trusted) {
			return addr
		}
	}
	return addr
}

// hopAddr reads an address as proxies write it: bare, in brackets, or
// with a port.
func hopAddr(s string) netip.Addr {
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
