package web

import (
	"crypto/tls"
	"net/http/httptest"
	"net/url"
	"testing"
)

func publicURLs(t *testing.T, s ...string) []*url.URL {
	t.Helper()
	var out []*url.URL
	for _, u := range s {
		p, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

func TestHostAllowed(t *testing.T) {
	public := publicURLs(t, "https://mtr.example.net", "http://hk1.example.net:8081/")
	for _, tt := range []struct {
		host string
		want bool
	}{
		{"127.0.0.1:8081", true},
		{"127.0.0.1", true},
		{"[::1]:8081", true},
		{"[2001:db8::1]", true},
		{"192.0.2.1:8081", true},
		{"localhost", true},
		{"LOCALHOST:8081", true},
		{"mtr.example.net", true},
		{"MTR.example.net:443", true},
		{"hk1.example.net:8081", true},
		{"", false},
		{"evil.example", false},
		{"evil.example:8081", false},
		{"localhost.evil.example", false},
		{"127.0.0.1.evil.example", false},
		{"mtr.example.net.evil.example", false},
		{"127.0.0.1@evil.example", false},
		{"2130706433", false},
	} {
		t.Run(tt.host, func(t *testing.T) {
			if got := hostAllowed(tt.host, public); got != tt.want {
				t.Errorf("Host %q: allowed %t, want %t", tt.host, got, tt.want)
			}
		})
	}
}

func TestForeignPage(t *testing.T) {
	public := publicURLs(t, "https://mtr.example.net")
	for _, tt := range []struct {
		name   string
		header []string
		tls    bool
		want   bool
	}{
		{"curl", nil, false, false},
		{"address bar", []string{"Sec-Fetch-Site", "none"}, false, false},
		{"own page", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://127.0.0.1:8081", "Referer", "http://127.0.0.1:8081/"}, false, false},
		{"own page behind the proxy", []string{"Origin", "https://mtr.example.net"}, false, false},
		{"other site", []string{"Sec-Fetch-Site", "cross-site"}, false, true},
		{"other port of this machine", []string{"Sec-Fetch-Site", "same-site"}, false, true},
		{"value that nobody knows", []string{"Sec-Fetch-Site", "unheard-of"}, false, true},
		{"origin of another site", []string{"Origin", "http://evil.example"}, false, true},
		{"origin of another port", []string{"Origin", "http://127.0.0.1:3000"}, false, true},
		{"origin with another scheme", []string{"Origin", "https://127.0.0.1:8081"}, false, true},
		{"http page, https server", []string{"Origin", "http://127.0.0.1:8081"}, true, true},
		{"https page, https server", []string{"Origin", "https://127.0.0.1:8081"}, true, false},
		{"sandboxed page", []string{"Origin", "null"}, false, true},
		{"empty origin", []string{"Origin", ""}, false, true},
		{"two origins", []string{"Origin", "http://127.0.0.1:8081", "Origin", "http://evil.example"}, false, true},
		{"picture on a page, old browser", []string{"Referer", "http://evil.example/page"}, false, true},
		{"picture on a page that tells nothing", []string{"Accept", "image/avif,image/webp,*/*;q=0.8", "User-Agent", "Mozilla/5.0"}, false, true},
		{"style sheet of such a page", []string{"Accept", "text/css,*/*;q=0.1"}, false, true},
		{"typed by hand, http", []string{"Accept", "text/html,*/*;q=0.8", "User-Agent", "Mozilla/5.0"}, false, false},
		{"a script of PowerShell", []string{"User-Agent", "Mozilla/5.0 (Windows NT) WindowsPowerShell/5.1"}, false, false},
		{"referer with our address as user", []string{"Referer", "http://127.0.0.1:8081@evil.example/"}, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := request("127.0.0.1:1", tt.header...)
			if tt.tls {
				r.TLS = &tls.ConnectionState{}
			}
			if header, got := foreignPage(r, public); got != tt.want {
				t.Errorf("foreign %t (%s), want %t", got, header, tt.want)
			}
		})
	}
}

func TestFormatOf(t *testing.T) {
	for _, tt := range []struct {
		name, accept string
		want         format
	}{
		{"none", "", formatText},
		{"curl", "*/*", formatText},
		{"firefox", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", formatHTML},
		{"chromium", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7", formatHTML},
		{"json", "application/json", formatJSON},
		{"problem json", "application/problem+json", formatJSON},
		{"axios", "application/json, text/plain, */*", formatJSON},
		{"plain before json", "text/plain, application/json", formatText},
		{"lower q", "text/html;q=0.5, application/json;q=0.9", formatJSON},
		{"refused by q=0", "text/plain;q=0, */*", formatHTML},
		{"only refused", "text/html;q=0", formatText},
		{"family", "text/*", formatText},
		{"family application", "application/*", formatJSON},
		{"nothing of ours", "image/png", formatText},
		{"q out of range", "application/json;q=7, text/html", formatHTML},
		{"q not a number", "application/json;q=NaN, text/html", formatHTML},
		{"garbage", ";;;,,,=", formatText},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			if tt.accept != "" {
				r.Header.Set("Accept", tt.accept)
			}
			if got := formatOf(r); got != tt.want {
				t.Errorf("Accept %q: %s, want %s", tt.accept, got, tt.want)
			}
		})
	}
}
