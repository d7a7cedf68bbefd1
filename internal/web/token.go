package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Limits of a file of tokens. 24 random bytes in hex have 48 characters;
// below 16 a token can be guessed.
const (
	maxTokensFile = 64 << 10
	minToken      = 16
	maxToken      = 256
	lookEvery     = time.Second // for a changed file
	tellEvery     = time.Minute // that the file cannot be looked at
)

// Tokens are the secrets of a file, one a line:
//
//	# the Zabbix proxy in Guangzhou
//	6f1c0a2be5d84f73a9b1c2d3e4f50617
//
// Only their hashes are kept. A file that has changed is read again; one
// that then cannot be read leaves the tokens as they were, and one that reads
// well and has none leaves none: nobody has a valid token then.
type Tokens struct {
	path string

	mu     sync.Mutex
	hashes [][sha256.Size]byte
	stamp  string    // of the file that was looked at last
	looked time.Time // when
	told   time.Time // when it last could not be looked at, and that was told
	open   bool      // others on this machine may read the file
}

// OpenTokens reads a file. The error names the line that is no token.
func OpenTokens(path string) (*Tokens, error) {
	t := &Tokens{path: path}
	if err := t.Reload(); err != nil {
		return nil, err
	}
	return t, nil
}

// Reload reads the file now.
func (t *Tokens) Reload() error {
	stamp, _ := stampOf(t.path) // before reading: what changes meanwhile is seen next time
	hashes, open, err := readTokens(t.path)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stamp, t.looked = stamp, time.Now()
	if err != nil {
		return fmt.Errorf("read tokens: %w", err)
	}
	t.hashes, t.open = hashes, open
	return nil
}

// Len is how many tokens there are.
func (t *Tokens) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.hashes)
}

// Exposed reports whether any user of this machine may read the file.
func (t *Tokens) Exposed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open
}

// Changed reports, at most once a second, whether the file is another
// than the one that was read last, and once a minute that it is gone: reading
// it again says why.
func (t *Tokens) Changed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Sub(t.looked) < lookEvery {
		return false
	}
	t.looked = now
	stamp, err := stampOf(t.path)
	if err != nil {
		tell := now.Sub(t.told) >= tellEvery
		if tell {
			t.told = now
		}
		return tell
	}
	t.told = time.Time{}
	return stamp != t.stamp
}

// Has reports whether a secret is one of the tokens. It takes equally
// long whichever it is, and however much of it is right.
func (t *Tokens) Has(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	t.mu.Lock()
	defer t.mu.Unlock()
	found := 0
	for i := range t.hashes {
		found |= subtle.ConstantTimeCompare(t.hashes[i][:], sum[:])
	}
	return found == 1
}

func readTokens(path string) (hashes [][sha256.Size]byte, open bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer f.Close() // only read from
	st, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	if !st.Mode().IsRegular() {
		return nil, false, fmt.Errorf("%s is no regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxTokensFile+1))
	if err != nil {
		return nil, false, err
	}
	if len(data) > maxTokensFile {
		return nil, false, fmt.Errorf("%s is longer than %d bytes", path, maxTokensFile)
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := checkToken(line); err != nil {
			return nil, false, fmt.Errorf("%s:%d: %w", path, n, err) // never with the token itself
		}
		hashes = append(hashes, sha256.Sum256([]byte(line)))
	}
	return hashes, st.Mode().Perm()&0o004 != 0, nil
}

// checkToken wants what can stand in a header.
func checkToken(s string) error {
	if len(s) < minToken || len(s) > maxToken {
		return fmt.Errorf("a token has %d to %d characters, this one has %d: openssl rand -hex 24 makes one", minToken, maxToken, len(s))
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return errors.New("a token has no spaces and only ASCII characters: openssl rand -hex 24 makes one")
		}
	}
	return nil
}

// stampOf changes when a file is written or replaced.
func stampOf(path string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	sys, _ := st.Sys().(*syscall.Stat_t)
	if sys == nil {
		return st.ModTime().String(), nil
	}
	return fmt.Sprintf("%d %d %d %d %d %d", sys.Dev, sys.Ino, sys.Size, st.ModTime().UnixNano(), sys.Ctim.Sec, sys.Ctim.Nsec), nil
}

// secretOf takes the token out of a request: a bearer's, or for browsers,
// which send no such header, the password of Basic, with any user.
func secretOf(r *http.Request) (secret string, given bool) {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return rest, true
	case strings.EqualFold(scheme, "Basic"):
		plain, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return "", true
		}
		_, password, _ := strings.Cut(string(plain), ":")
		return password, true
	}
	return "", scheme != ""
}
