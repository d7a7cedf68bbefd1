package web

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mtrq/mtrq/spool"
)

// running starts Run on loopback and gives the address.
func running(t *testing.T, s *Server) (addr string, stop func() error) {
	t.Helper()
	listeners, err := Listen(t.Context(), []string{"127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, listeners) }()
	return listeners[0].Addr().String(), func() error { cancel(); return <-ended }
}

// TestCurl: what a script sees, with the real curl.
func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("needs curl: " + err.Error())
	}
	n := newNode(t)
	n.tracing()
	addr, stop := running(t, n.Server)
	base := "http://" + addr
	for _, tt := range []struct {
		name string
		args []string
		out  string // how it begins, then the status
		code string
	}{
		{"GET", []string{base + "/api/mtr?ip=203.0.113.7&event=481516"}, "01", "202"},
		{"form", []string{"-d", "ip=203.0.113.7", "-d", "event=481516", base + "/api/mtr"}, "01", "202"},
		{"form, encoded by curl", []string{"--data-urlencode", "ip=2001:db8::7", "--data-urlencode", "reason=loss over 20 %", base + "/api/mtr"}, "01", "202"},
		{"query, encoded by curl", []string{"-G", "--data-urlencode", "ip=[2001:db8::7]", "--data-urlencode", "tag=circuit=GZ 2231", base + "/api/mtr"}, "01", "202"},
		{"IPv6 in brackets as it stands", []string{"-g", base + "/api/mtr?ip=[2001:db8::7]"}, "01", "202"},
		{"JSON", []string{"-H", "Content-Type: application/json", "-d", `{"target":"203.0.113.7"}`, base + "/api/v1/jobs"}, `{"id":"01`, "202"},
		{"empty macro", []string{"--fail-with-body", base + "/api/mtr?ip="}, "mtrq: bad-target: parameter ip is empty\n", "400"},
		{"HEAD", []string{"-I", base + "/api/mtr?ip=203.0.113.7"}, "HTTP/1.1 405 Method Not Allowed\r\n", "405"},
		{"multipart", []string{"-F", "ip=203.0.113.7", base + "/api/mtr"}, "mtrq: unsupported-media", "415"},
		{"localhost", []string{"--resolve", "localhost:" + port(addr) + ":127.0.0.1", "http://localhost:" + port(addr) + "/api/mtr?ip=203.0.113.7"}, "01", "202"},
		{"rebound name", []string{"--resolve", "evil.example:" + port(addr) + ":127.0.0.1", "http://evil.example:" + port(addr) + "/api/mtr?ip=203.0.113.7"}, "mtrq: unknown-host", "403"},
		{"first page", []string{base + "/"}, "hk1: tracing", "200"},
		{"header beyond 16 KiB", []string{"-H", "X-Long: " + strings.Repeat("x", 24<<10), base + "/"}, "431 Request Header Fields Too Large", "431"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"-sS", "-q", "--noproxy", "*", "-m", "20", "-w", "\n%{http_code}"}, tt.args...)
			b, _ := exec.CommandContext(t.Context(), curl, args...).Output() // --fail-with-body exits 22
			out := string(b)
			if !strings.HasPrefix(out, tt.out) || !strings.HasSuffix(out, "\n"+tt.code) {
				t.Errorf("curl %q:\n%s", tt.args, out)
			}
		})
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if got := len(n.claims()); got != 7 {
		t.Errorf("%d jobs in the spool, want 7", got)
	}
}

func port(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// TestRunEnds: a request that waits for its report is answered when the
// server ends, and nothing is left running.
func TestRunEnds(t *testing.T) {
	defer goleak.VerifyNone(t)
	n := newNode(t)
	defer n.http.Close()
	addr, stop := running(t, n.Server)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	got := make(chan string, 1)
	go func() {
		resp, err := client.Get("http://" + addr + "/api/mtr?ip=203.0.113.7&wait=60")
		if err != nil {
			got <- err.Error()
			return
		}
		resp.Body.Close()
		got <- resp.Status
	}()
	for len(n.claims()) == 0 { // ends with the test's own deadline at the latest
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if s := <-got; s != "202 Accepted" {
		t.Errorf("the waiting request got %s", s)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("still listening after Run has ended")
	}
}

func TestRunReportsABrokenListener(t *testing.T) {
	n := newNode(t)
	listeners, err := Listen(t.Context(), []string{"127.0.0.1:0", "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := listeners[1].Close(); err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context(), listeners); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("error %v", err)
	}
	if err := n.Run(t.Context(), nil); err == nil {
		t.Error("Run without listeners does not fail")
	}
}

func TestListenAllOrNone(t *testing.T) {
	taken, err := Listen(t.Context(), []string{"127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer taken[0].Close()
	free, err := Listen(t.Context(), []string{"127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	addr := free[0].Addr().String()
	if err := free[0].Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(t.Context(), []string{addr, taken[0].Addr().String()}); err == nil || !strings.Contains(err.Error(), taken[0].Addr().String()) {
		t.Fatalf("error %v does not name the address", err)
	}
	again, err := Listen(t.Context(), []string{addr})
	if err != nil {
		t.Fatalf("the first one was left open: %v", err)
	}
	again[0].Close()
}

// TestEnqueueTogether: a storm of callers shares the syncs of the spool,
// and everyone gets an ID of his own.
func TestEnqueueTogether(t *testing.T) {
	n := newNode(t)
	const callers = 100
	ids := make(chan string, callers)
	for i := range callers {
		go func() {
			resp, err := http.Get(fmt.Sprintf("%s/api/mtr?ip=203.0.113.%d", n.http.URL, i))
			if err != nil {
				ids <- err.Error()
				return
			}
			ids <- resp.Header.Get("Location")
			resp.Body.Close()
		}()
	}
	seen := map[string]bool{}
	for range callers {
		seen[<-ids] = true
	}
	if got := len(n.claims()); len(seen) != callers || got != callers {
		t.Errorf("%d IDs and %d jobs for %d callers", len(seen), got, callers)
	}
}

// BenchmarkEnqueue is one caller after another on a connection that
// stays: what a script waits for, without the start of curl.
func BenchmarkEnqueue(b *testing.B) {
	sp, err := spool.Open(b.TempDir(), spool.Options{})
	if err != nil {
		b.Fatal(err)
	}
	s := &Server{Spool: sp, Access: Access{AllowFrom: prefixes("127.0.0.0/8")}, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	h := httptest.NewServer(s.Handler())
	defer h.Close()
	for b.Loop() {
		resp, err := http.Get(h.URL + "/api/mtr?ip=203.0.113.7")
		if err != nil || resp.StatusCode != http.StatusAccepted {
			b.Fatal(resp, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}
