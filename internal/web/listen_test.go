package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// serving starts Run on what listen names.
func serving(t *testing.T, s *Server, places ...string) (ls []*Listener, stop func() error) {
	t.Helper()
	ls, err := Listen(t.Context(), places)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, ls) }()
	return ls, func() error { cancel(); return <-ended }
}

func unixClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
}

func fetch(t *testing.T, c *http.Client, url string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestUnixSocket: the mode of the socket is the guard; who is let in may
// call the server what he likes, and the job says which user it was.
func TestUnixSocket(t *testing.T) {
	defer goleak.VerifyNone(t)
	n := newNode(t, func(s *Server) { s.Access = Access{ReadFrom: prefixes("192.0.2.0/24")} })
	defer n.http.Close()
	path := filepath.Join(t.TempDir(), "serve.sock")
	_, stop := serving(t, n.Server, "unix:"+path)
	if st, err := os.Lstat(path); err != nil || st.Mode() != os.ModeSocket|0o660 {
		t.Errorf("socket %v, %v; want mode 0660", st.Mode(), err)
	}
	c := unixClient(path)
	if code, body := fetch(t, c, "http://mtrq/api/mtr?ip=203.0.113.7"); code != 202 {
		t.Errorf("enqueue: %d %s", code, body)
	}
	if code, body := fetch(t, c, "http://mtrq/api/v1/days"); code != 200 {
		t.Errorf("read: %d %s", code, body)
	}
	for _, header := range []string{"X-Forwarded-For: 127.0.0.1", "Origin: http://evil.example", "Sec-Fetch-Site: cross-site"} {
		if code, _ := fetch(t, c, "http://mtrq/api/mtr?ip=203.0.113.8", header); code != 403 {
			t.Errorf("%s: %d, want 403", header, code)
		}
	}
	// A proxy on the socket that is trusted is believed, also when it names
	// somebody who may not.
	n.SetAccess(Access{AllowFrom: prefixes("198.51.100.0/24"), TrustedProxies: prefixes("127.0.0.1/32")})
	for from, want := range map[string]int{"203.0.113.9": 403, "198.51.100.7": 202} {
		if code, _ := fetch(t, c, "http://mtrq/api/mtr?ip=203.0.113.9", "X-Forwarded-For: "+from); code != want {
			t.Errorf("a proxy names %s: %d, want %d", from, code, want)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
	claims := n.claims()
	if len(claims) != 2 || claims[0].Job.By != fmt.Sprintf("uid %d", os.Getuid()) || claims[1].Job.By != "198.51.100.7" {
		t.Errorf("jobs %+v", claims)
	}
}

func TestUnixSocketInTheWay(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "serve.sock")
	listen := func() error {
		ls, err := Listen(t.Context(), []string{"unix:" + path})
		for _, l := range ls {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
		return err
	}
	leave := func() { // as a server does that is killed
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	leave()
	if err := listen(); err != nil {
		t.Errorf("a socket on which nobody answers: %v", err)
	}
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := listen(); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "somebody answers") {
		t.Errorf("a socket on which somebody answers: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	first, err := Listen(t.Context(), []string{"unix:" + path})
	if err != nil {
		t.Fatal(err)
	}
	if err := listen(); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "another mtrq serve") {
		t.Errorf("a socket of another mtrq serve: %v", err)
	}
	if err := first[0].Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := listen(); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "precious" {
		t.Errorf("the file holds %q (%v)", b, err)
	}
	path = filepath.Join(dir, "nothing", "serve.sock")
	if err := listen(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

// certificate writes a new pair of files, valid for loopback.
func certificate(t *testing.T, dir string, serial int64) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "hk1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := errors.Join(os.WriteFile(cert, certPEM, 0o644), os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600)); err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return cert, key, pool
}

// TestTLS: the certificate is renewed while the server runs; two files
// that do not fit leave the old one in use.
func TestTLS(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	cert, key, pool := certificate(t, dir, 1)
	n := newNode(t, func(s *Server) {
		var err error
		if s.TLS, err = OpenCertificate(cert, key, slog.New(slog.NewTextHandler(t.Output(), nil))); err != nil {
			t.Fatal(err)
		}
	})
	n.tracing()
	defer n.http.Close()
	ls, stop := serving(t, n.Server, "tls:127.0.0.1:0", "127.0.0.1:0")
	if got := ls[0].String(); !strings.HasPrefix(got, "https://127.0.0.1:") {
		t.Errorf("listener %s", got)
	}
	ask := func(pool *x509.CertPool) (serial int64, body string) {
		t.Helper()
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
		resp, err := c.Get(ls[0].String() + "api/mtr?ip=203.0.113.7")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 202 || resp.ProtoMajor != 1 {
			t.Errorf("%s %s: %s", resp.Proto, resp.Status, b)
		}
		return resp.TLS.PeerCertificates[0].SerialNumber.Int64(), string(b)
	}
	serial, body := ask(pool)
	if serial != 1 || !strings.Contains(body, " https://127.0.0.1:") {
		t.Errorf("certificate %d, answer %s", serial, body)
	}
	later := func() {
		n.TLS.mu.Lock()
		defer n.TLS.mu.Unlock()
		n.TLS.looked = time.Time{}
	}
	if err := os.WriteFile(key, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	later()
	if serial, _ := ask(pool); serial != 1 {
		t.Errorf("certificate %d, want the old one", serial)
	}
	if err := n.TLS.Reload(); err == nil || !strings.Contains(err.Error(), key) {
		t.Errorf("a broken key: %v", err)
	}
	_, _, pool = certificate(t, dir, 2)
	later()
	if serial, _ := ask(pool); serial != 2 {
		t.Errorf("certificate %d, want the new one", serial)
	}
	if _, body := fetch(t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, ls[1].String()+"api/mtr?ip=203.0.113.7"); !strings.Contains(body, " http://127.0.0.1:") {
		t.Errorf("without TLS: %s", body)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestListenSystemd(t *testing.T) {
	if _, err := Listen(t.Context(), []string{"systemd"}); err == nil || !strings.Contains(err.Error(), "no socket was passed") {
		t.Errorf("error %v", err)
	}
}
