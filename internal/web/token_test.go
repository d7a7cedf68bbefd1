package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	aToken       = "6f1c0a2be5d84f73a9b1c2d3e4f50617"
	anotherToken = "0000000000000000ffffffffffffffff"
)

func tokensFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func tokens(t *testing.T, text string) *Tokens {
	t.Helper()
	tk, err := OpenTokens(tokensFile(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return tk
}

func TestOpenTokens(t *testing.T) {
	tk := tokens(t, "# Zabbix\n"+aToken+"\n\n  "+anotherToken+"  \n#"+strings.Repeat("x", 40))
	if tk.Len() != 2 || tk.Exposed() {
		t.Errorf("%d tokens, exposed %t; want 2, false", tk.Len(), tk.Exposed())
	}
	for secret, want := range map[string]bool{
		aToken: true, anotherToken: true, "": false, aToken[:31]: false, aToken + "0": false, strings.ToUpper(aToken): false,
		" " + aToken: false, "#" + strings.Repeat("x", 40): false,
	} {
		if tk.Has(secret) != want {
			t.Errorf("%q: %t, want %t", secret, !want, want)
		}
	}
	for name, tt := range map[string]struct{ text, says string }{
		"short":     {aToken + "\nsecret\n", ":2: a token has 16 to 256 characters, this one has 6"},
		"long":      {strings.Repeat("x", 257), ":1: a token has"},
		"space":     {aToken + " Zabbix", ":1: a token has no spaces"},
		"not ASCII": {strings.Repeat("ü", 16), ":1: a token has no spaces and only ASCII"},
		"big":       {strings.Repeat(aToken+"\n", 2000), "longer than 65536 bytes"},
	} {
		_, err := OpenTokens(tokensFile(t, tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: error %v, want %q", name, err, tt.says)
		}
		if err != nil && strings.Contains(err.Error(), aToken) {
			t.Errorf("%s: the error tells a token: %v", name, err)
		}
	}
	if _, err := OpenTokens(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a directory: %v", err)
	}
}

// TestTokensChange: a file that is written or replaced is read again
// without a signal; a broken one leaves the tokens as they were, so does one
// that is gone, and one without a token takes all away.
func TestTokensChange(t *testing.T) {
	var log strings.Builder
	n := newNode(t, func(s *Server) { s.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	path := tokensFile(t, aToken+"\n")
	tk, err := OpenTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	n.SetAccess(Access{EnqueueTokens: tk})
	ask := func(token string) answer { return n.get("/api/mtr?ip=203.0.113.7", "Authorization: Bearer "+token) }
	later := func() { // a second has passed since the file was looked at
		tk.mu.Lock()
		defer tk.mu.Unlock()
		tk.looked = time.Time{}
	}
	ask(aToken).want(t, 202)
	if err := os.WriteFile(path, []byte("broken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	later()
	ask(aToken).want(t, 202)
	if err := os.WriteFile(path+".new", []byte(anotherToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	later()
	ask(anotherToken).want(t, 202)
	ask(aToken).want(t, 401, codeToken)
	if err := os.Remove(path); err != nil { // a slip, or a file that is being replaced
		t.Fatal(err)
	}
	for range 3 {
		later()
		ask(anotherToken).want(t, 202)
	}
	if k := strings.Count(log.String(), "no such file"); k != 1 {
		t.Errorf("the log has %d times that the file is gone, want once a minute:\n%s", k, log.String())
	}
	for _, none := range []string{"", "# taken away\n"} {
		if err := os.WriteFile(path, []byte(none), 0o600); err != nil {
			t.Fatal(err)
		}
		later()
		ask(anotherToken).want(t, 401, codeToken)
	}
}

// TestTokensEnqueue: who is not in allow_from may with a token, however
// he came.
func TestTokensEnqueue(t *testing.T) {
	const path = "/api/mtr?ip=203.0.113.7"
	basic := "Authorization: Basic YW55Ym9keTo2ZjFjMGEyYmU1ZDg0ZjczYTliMWMyZDNlNGY1MDYxNw==" // anybody:aToken
	for _, tt := range []struct {
		name   string
		header []string
		status int
	}{
		{"none", nil, 401},
		{"bearer", []string{"Authorization: Bearer " + aToken}, 202},
		{"bearer, small letters", []string{"Authorization: bearer " + aToken}, 202},
		{"browser", []string{basic}, 202},
		{"another", []string{"Authorization: Bearer " + anotherToken}, 401},
		{"empty", []string{"Authorization: Bearer "}, 401},
		{"no Base64", []string{"Authorization: Basic %%%"}, 401},
		{"another scheme", []string{"Authorization: Digest " + aToken}, 401},
		{"token as user", []string{"Authorization: Basic NmYxYzBhMmJlNWQ4NGY3M2E5YjFjMmQzZTRmNTA2MTc6"}, 401},
		{"through a proxy that nobody trusts", []string{"X-Forwarded-For: 203.0.113.9", "Authorization: Bearer " + aToken}, 202},
		{"through it without", []string{"X-Forwarded-For: 127.0.0.1"}, 401},
		{"from a foreign page", []string{"Origin: http://evil.example", basic}, 403},
		{"under a foreign name", []string{"Host: evil.example", "Authorization: Bearer " + aToken}, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNode(t)
			n.SetAccess(Access{EnqueueTokens: tokens(t, aToken)})
			a := n.get(path, tt.header...)
			a.want(t, tt.status)
			if got := strings.Join(a.Header.Values("WWW-Authenticate"), " | "); tt.status == 401 && !strings.Contains(got, "Bearer") || tt.status != 401 && got != "" {
				t.Errorf("WWW-Authenticate %q with %d", got, tt.status)
			}
			if strings.Contains(a.body, aToken) {
				t.Error("the answer tells the token")
			}
		})
	}
	n := newNode(t)
	n.SetAccess(Access{AllowFrom: prefixes("127.0.0.0/8"), EnqueueTokens: tokens(t, aToken)})
	n.get(path, "Authorization: Bearer "+anotherToken).want(t, 202) // allowed without one: a stale token must not cost the evidence
}

// TestGuessing: after ten wrong tokens not even the right one is looked
// at, for as long as the answer says.
func TestGuessing(t *testing.T) {
	now := time.Now()
	n := newNode(t, func(s *Server) { s.Now = func() time.Time { return now } })
	n.SetAccess(Access{EnqueueTokens: tokens(t, aToken)})
	guess := func(i int) answer {
		return n.get("/api/mtr?ip=203.0.113.7", fmt.Sprintf("Authorization: Bearer %032d", i))
	}
	right := func() answer { return n.get("/api/mtr?ip=203.0.113.7", "Authorization: Bearer "+aToken) }
	for i := range guessBurst {
		guess(i).want(t, 401, codeToken)
	}
	a := guess(99)
	a.want(t, 429, codeGuesses)
	if got := a.Header.Get("Retry-After"); got != "6" {
		t.Errorf("Retry-After %q, want 6", got)
	}
	right().want(t, 429)
	n.get("/api/mtr?ip=203.0.113.7").want(t, 401) // no token is no guess
	now = now.Add(guessEvery)
	right().want(t, 202)
	right().want(t, 202) // and costs none
	guess(1).want(t, 401)
	right().want(t, 429)
	n.get("/metrics").want(t, 200, fmt.Sprintf("mtrq_http_wrong_tokens_total %d\n", guessBurst+1), `mtrq_jobs_refused_total{reason="too-many-guesses"} 3`)
}

func TestReading(t *testing.T) {
	lan, loopback := prefixes("192.0.2.0/24"), prefixes("127.0.0.0/8", "::1/128")
	bearer := "Authorization: Bearer " + aToken
	for _, tt := range []struct {
		name   string
		access Access
		header []string
		status int
	}{
		{"whoever can connect", Access{}, nil, 200},
		{"from here", Access{ReadFrom: loopback}, nil, 200},
		{"from elsewhere", Access{ReadFrom: lan}, nil, 403},
		{"from elsewhere, and there are no tokens", Access{ReadFrom: lan}, []string{bearer}, 403},
		{"from elsewhere, with a token", Access{ReadFrom: lan, ReadTokens: tokens(t, aToken)}, []string{bearer}, 200},
		{"from elsewhere, without", Access{ReadFrom: lan, ReadTokens: tokens(t, aToken)}, nil, 401},
		{"by token alone, without", Access{ReadTokens: tokens(t, aToken)}, nil, 401},
		{"by token alone", Access{ReadTokens: tokens(t, aToken)}, []string{bearer}, 200},
		{"by a token for enqueuing", Access{ReadTokens: tokens(t, anotherToken), EnqueueTokens: tokens(t, aToken)}, []string{bearer}, 401},
		{"said to be from here", Access{ReadFrom: loopback}, []string{"X-Forwarded-For: 127.0.0.1"}, 403},
		{"a trusted proxy says so", Access{ReadFrom: lan, TrustedProxies: loopback}, []string{"X-Forwarded-For: 192.0.2.7"}, 200},
		{"rebound name", Access{ReadFrom: loopback}, []string{"Host: evil.example"}, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNode(t)
			n.SetAccess(tt.access)
			for _, path := range []string{"/metrics", "/api/v1/days", "/api/v1/targets", "/"} {
				n.get(path, tt.header...).want(t, tt.status)
			}
			for _, path := range []string{"/healthz", "/readyz"} {
				if a := n.get(path, tt.header...); a.StatusCode == http.StatusForbidden || a.StatusCode == http.StatusUnauthorized {
					t.Errorf("%s: %s", path, a.Status)
				}
			}
		})
	}
}
