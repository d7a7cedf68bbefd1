package web

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func prefixes(s ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range s {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

func request(remote string, header ...string) *http.Request {
	r := httptest.NewRequest("GET", "http://127.0.0.1:8081/api/mtr?ip=203.0.113.7", nil)
	r.RemoteAddr = remote
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func TestMayEnqueue(t *testing.T) {
	loopback := prefixes("127.0.0.0/8", "::1/128")
	proxy := prefixes("127.0.0.1/32", "192.0.2.10/32")
	const local, lan = "127.0.0.1:4711", "192.0.2.10:4711"
	for _, tt := range []struct {
		name    string
		r       *http.Request
		allow   []netip.Prefix
		trusted []netip.Prefix
		want    bool
	}{
		{"loopback", request(local), loopback, nil, true},
		{"loopback IPv6", request("[::1]:4711"), loopback, nil, true},
		{"loopback, IPv4 mapped into IPv6", request("[::ffff:127.0.0.1]:4711"), loopback, nil, true},
		{"another machine", request(lan), loopback, nil, false},
		{"another machine that is allowed", request(lan), prefixes("192.0.2.0/24"), nil, true},
		{"nobody is allowed", request(local), nil, nil, false},
		{"no address", request("@"), prefixes("0.0.0.0/0", "::/0"), nil, false},

		{"untrusted proxy: X-Forwarded-For", request(local, "X-Forwarded-For", "127.0.0.1"), loopback, nil, false},
		{"untrusted proxy: empty X-Forwarded-For", request(local, "X-Forwarded-For", ""), loopback, nil, false},
		{"untrusted proxy: Forwarded", request(local, "Forwarded", "for=127.0.0.1"), loopback, nil, false},
		{"untrusted proxy: X-Real-IP", request(local, "X-Real-IP", "127.0.0.1"), loopback, nil, false},
		{"untrusted proxy: Via", request(local, "Via", "1.1 squid"), loopback, nil, false},
		{"untrusted proxy: X-Forwarded-Proto", request(local, "X-Forwarded-Proto", "https"), loopback, nil, false},
		{"another proxy is trusted", request("127.0.0.2:1", "X-Forwarded-For", "127.0.0.1"), loopback, proxy, false},

		{"trusted proxy names this machine", request(local, "X-Forwarded-For", "127.0.0.1"), loopback, proxy, true},
		{"trusted proxy names another", request(local, "X-Forwarded-For", "198.51.100.7"), loopback, proxy, false},
		{"trusted proxy names an allowed one", request(local, "X-Forwarded-For", "198.51.100.7"), prefixes("198.51.100.0/24"), proxy, true},
		{"client lied to the proxy", request(local, "X-Forwarded-For", "127.0.0.1, 198.51.100.7"), loopback, proxy, false},
		{"client names an allowed one", request(local, "X-Forwarded-For", "203.0.113.9, 198.51.100.7"), prefixes("203.0.113.0/24"), proxy, false},
		{"client lied in a header line of its own", request(local, "X-Forwarded-For", "127.0.0.1", "X-Forwarded-For", "198.51.100.7"), loopback, proxy, false},
		{"client lied in a header that the proxy leaves alone", request(local, "X-Forwarded-For", "198.51.100.7", "Forwarded", "for=127.0.0.1"), loopback, proxy, false},
		{"client lied in X-Real-IP", request(local, "X-Forwarded-For", "198.51.100.7", "X-Real-IP", "127.0.0.1"), loopback, proxy, false},
		{"two trusted proxies", request(local, "X-Forwarded-For", "198.51.100.7, 192.0.2.10"), prefixes("198.51.100.0/24"), proxy, true},
		{"trusted proxy names nobody", request(local, "Via", "1.1 nginx"), loopback, proxy, false},
		{"trusted proxy says unknown", request(local, "X-Forwarded-For", "unknown"), loopback, proxy, false},
		{"trusted proxy, RFC 7239 with port", request(local, "Forwarded", `proto=http;For="[2001:db8::7]:4711"`), prefixes("2001:db8::/32"), proxy, true},
		{"trusted proxy, RFC 7239 element without for", request(local, "Forwarded", "for=127.0.0.1, by=192.0.2.1"), loopback, proxy, false},
		{"trusted proxy, address with port", request(local, "X-Forwarded-For", "198.51.100.7:4711"), prefixes("198.51.100.7/32"), proxy, true},
		{"trusted proxy, address with zone", request(local, "X-Forwarded-For", "fe80::1%eth0"), prefixes("fe80::/10"), proxy, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := clientOf(tt.r, tt.trusted)
			if got := c.mayEnqueue(tt.allow); got != tt.want {
				t.Errorf("client %s, passed on %t: may enqueue %t, want %t", c, c.passedOn, got, tt.want)
			}
		})
	}
}
