package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/web"
)

// checkServe looks at what mtrq serve will need: where it listens, the
// files of tokens, the certificate.
func checkServe(cfg *config.Config) []finding {
	v := cfg.Serve
	out := []finding{checkListen(cfg)}
	for _, f := range []struct{ key, path string }{{"tokens_file", v.TokensFile}, {"read_tokens", v.ReadTokens}} {
		if f.path != "" {
			out = append(out, checkTokens(f.key, f.path))
		}
	}
	if v.TLSCert != "" && v.TLSKey != "" {
		out = append(out, checkCertificate(v.TLSCert, v.TLSKey, time.Now()))
	}
	return out
}

func checkListen(cfg *config.Config) finding {
	v := cfg.Serve
	f := finding{what: "serve", text: "listens on " + strings.Join(v.Listen, ", ") + "; enqueue: " + prefixText(v.AllowFrom)}
	if v.TokensFile != "" {
		f.text += " and who has a token"
	}
	public := false
	for _, l := range v.Listen {
		if path, ok := strings.CutPrefix(l, "unix:"); ok {
			if st, err := os.Stat(filepath.Dir(path)); err != nil || !st.IsDir() {
				f.warn, f.do = true, "make the directory "+filepath.Dir(path)+" (RuntimeDirectory= in the unit does), writable for the user of mtrq serve"
			}
			continue
		}
		public = public || isPublic(l)
	}
	if silent := silentListeners(v.Listen); len(silent) > 0 {
		f.warn, f.text = true, "nobody listens on "+strings.Join(silent, ", ")+" now"+strings.TrimPrefix(f.text, "listens on "+strings.Join(v.Listen, ", "))
		f.do = cmp.Or(f.do, "start mtrq serve (or mtrq up)")
	}
	if public && len(v.ReadFrom) == 0 && v.ReadTokens == "" {
		f.warn = true
		f.text += "; whoever can connect may read"
		f.do = "set [serve] read_from to the networks that may read, or read_tokens to a file of tokens"
	}
	return f
}

// isPublic says whether other machines may be able to connect. Of
// sockets that systemd opens nobody knows here.
func isPublic(listen string) bool {
	host, _, err := net.SplitHostPort(strings.TrimPrefix(listen, "tls:"))
	if err != nil || host == "localhost" {
		return false
	}
	ip := net.ParseIP(host)
	return ip == nil || !ip.IsLoopback()
}

func checkTokens(key, path string) finding {
	f := finding{what: key, text: path}
	t, err := web.OpenTokens(path)
	if err != nil {
		f.err, f.do = err, "write one token a line into it, such as openssl rand -hex 24 makes, readable for the user of mtrq serve"
		return f
	}
	f.text = fmt.Sprintf("%s in %s", plural(t.Len(), "token"), path)
	if t.Exposed() {
		f.warn, f.do = true, "every user of this machine may read it: chmod o-r "+path
	}
	if t.Len() == 0 {
		f.warn, f.do = true, "nobody has a valid token: write one a line into it, such as openssl rand -hex 24 makes"
	}
	return f
}

// soon is when a certificate that ends is worth a warning.
const soon = 14 * 24 * time.Hour

func checkCertificate(cert, key string, now time.Time) finding {
	f := finding{what: "certificate", text: cert}
	c, err := web.OpenCertificate(cert, key, slog.New(slog.DiscardHandler))
	if err != nil {
		f.err, f.do = err, "tls_cert is the certificate and those that signed it, tls_key its key, both PEM; a running serve keeps the old ones until both fit"
		return f
	}
	leaf := c.Leaf()
	names := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	f.text = fmt.Sprintf("for %s until %s", printable(strings.Join(names, ", ")), leaf.NotAfter.Local().Format("2006-01-02 15:04:05"))
	switch {
	case now.After(leaf.NotAfter):
		f.err = fmt.Errorf("%s has ended on %s", cert, leaf.NotAfter.Local().Format("2006-01-02 15:04:05"))
	case now.Before(leaf.NotBefore):
		f.err = fmt.Errorf("%s begins on %s only", cert, leaf.NotBefore.Local().Format("2006-01-02 15:04:05"))
	case leaf.NotAfter.Sub(now) < soon:
		f.warn = true
	default:
		return f
	}
	f.do = "renew it: a running serve reads the files again by itself"
	return f
}
