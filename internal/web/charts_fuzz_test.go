package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/spool"
)

// FuzzChartPages: whatever stands in a path or a query, there is an answer
// that is no fault of ours and does nothing to who reads it.
func FuzzChartPages(f *testing.F) {
	for _, seed := range [][2]string{
		{"203.0.113.7", "range=10d"}, {"2001:db8::7", "from=2026-11-23T00:00:00%2b08:00&to=24:00"}, {"edge.example.net", "loss=5&verdict=real-loss"},
		{"01KAR1ABTB5H2ZJ0Q4V7W8X9YZ", "members=all"}, {"x.svg", "range=24h"}, {"\x1b[2J", "q=AS64500"}, {"..%2f", "q=%ff%fe"}, {"a.csv", "tag=k%3dv&tag=%00"},
		{"fe80::1%25eth0", "q=203.0.113.0/24"}, {"0", "before=2026-13-45&since=x"}, {"[::1]", "from=9999-12-31T23:59:59Z&to=0001-01-01T00:00:00Z"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, query string) {
		n := newNode(t)
		n.happened(lossy(lastTuesday(), 2))
		n.opens(lossy(time.Now().Add(-time.Minute), 1))
		n.watches(time.Now(), watched("edge.example.net", "2001:db8::7", spool.TargetLossy))
		handler := n.Handler()
		for _, base := range []string{"/target/", "/incident/", "/badge/", "/node/", "/incidents?", "/incidents.atom?", "/search?"} {
			target := base + url.PathEscape(name)
			if !strings.HasSuffix(base, "?") {
				target += "?"
			} else {
				target = base
			}
			u, err := url.ParseRequestURI(target + strings.NewReplacer("#", "", " ", "+").Replace(query))
			if err != nil {
				return
			}
			for _, accept := range []string{"text/html", "text/plain", "application/json"} {
				r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/", nil)
				r.URL, r.RequestURI = u, u.RequestURI()
				r.Header.Set("Accept", accept)
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code >= 500 {
					t.Fatalf("%s: %d\n%s", u, w.Code, w.Body)
				}
				if strings.ContainsAny(w.Body.String(), "\x1b\x00\u202e") {
					t.Fatalf("%s as %s: a control character gets through", u, accept)
				}
			}
		}
	})
}
