package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// A page of a stranger, open in the browser of somebody who may
// enqueue, must not enqueue in his name (cross-site request forgery),
// nor read reports by giving its own name this machine's address (DNS
// rebinding). Three things tell such a page from curl and from our own
// pages: the Host that the browser was told to ask, and the Origin and
// Sec-Fetch-Site that it adds by itself.

// hostAllowed reports whether Host is one that only we can be behind:
// an IP literal, localhost, or a host of public_url. Any other name
// may be a stranger's, pointing here.
func hostAllowed(host string, public []*url.URL) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	ours := func(u *url.URL) bool { return strings.EqualFold(name, u.Hostname()) }
	if strings.EqualFold(name, "localhost") || slices.ContainsFunc(public, ours) {
		return true
	}
	_, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
	return err == nil
}

// foreignPage reports whether a request was caused by a page that is
// not ours, and by which header that shows. Sec-Fetch-Site is sent only
// to https and loopback, so Origin and Referer are looked at as well;
// curl and scripts send none of the three. Over plain http a page with
// Referrer-Policy: no-referrer can leave out all of them. Its pictures and the
// like show in Accept, since nobody wants a trace as a picture. A script that
// it loads, or a fetch of it that does not look at the answer, accepts */* as
// curl does, a frame or a link what an address typed by hand does: those
// cannot be told apart. Where such pages are to be feared, tls: closes that,
// or allow_from without the desks.
func foreignPage(r *http.Request, public []*url.URL) (header string, foreign bool) {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return "Sec-Fetch-Site", true
	}
	if origins := r.Header.Values("Origin"); len(origins) > 1 || len(origins) == 1 && !sameOrigin(origins[0], r, public) {
		return "Origin", true
	}
	if ref := r.Header.Get("Referer"); ref != "" && !sameOrigin(ref, r, public) {
		return "Referer", true
	}
	for _, part := range []string{"image/", "audio/", "video/", "font/", "text/css"} {
		if strings.HasPrefix(r.Header.Get("Accept"), part) {
			return "Accept", true
		}
	}
	return "", false
}

// sameOrigin reports whether a URL lies where this request went, or
// below public_url. "null", the origin of a sandboxed page, does not.
func sameOrigin(s string, r *http.Request, public []*url.URL) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return false
	}
	is := func(scheme, host string) bool {
		return strings.EqualFold(u.Scheme, scheme) && strings.EqualFold(u.Host, host)
	}
	ours := func(u *url.URL) bool { return is(u.Scheme, u.Host) }
	return is(requestScheme(r), r.Host) || slices.ContainsFunc(public, ours)
}

// prefetched reports whether a browser asks ahead of a click that may
// never come. A guess must not cause a trace.
func prefetched(r *http.Request) bool {
	for _, h := range []string{"Sec-Purpose", "Purpose", "X-Moz"} {
		if strings.Contains(strings.ToLower(r.Header.Get(h)), "prefetch") {
			return true
		}
	}
	return false
}

func requestScheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// baseURL is what links in answers begin with, without a slash at the
// end: the first public_url, or the way the request came.
func baseURL(r *http.Request, public []*url.URL) string {
	if len(public) > 0 {
		return strings.TrimSuffix(public[0].String(), "/")
	}
	return requestScheme(r) + "://" + r.Host
}
