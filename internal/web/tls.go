package web

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// A Certificate is a TLS certificate and its key, from two PEM files,
// which are read again when they have changed. Two that do not belong
// together, as while they are being replaced, leave the old ones in use.
type Certificate struct {
	cert, key string // paths
	log       *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	stamp  string
	looked time.Time
}

// OpenCertificate reads both files.
func OpenCertificate(cert, key string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{cert: cert, key: key, log: log}
	if err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the files now.
func (c *Certificate) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reload()
}

func (c *Certificate) reload() error {
	c.looked = time.Now()
	c.stamp, _ = c.stampNow() // before reading: what changes meanwhile is seen next time
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("read certificate %s with key %s: %w", c.cert, c.key, err)
	}
	if pair.Leaf == nil {
		return fmt.Errorf("read certificate %s: it holds none", c.cert)
	}
	c.pair = &pair
	return nil
}

func (c *Certificate) stampNow() (string, error) {
	a, err := stampOf(c.cert)
	b, err2 := stampOf(c.key)
	return a + " " + b, errors.Join(err, err2)
}

// Leaf is the certificate in use.
func (c *Certificate) Leaf() *x509.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pair.Leaf
}

// current is the pair to shake hands with; at most once a second it
// looks whether the files have changed.
func (c *Certificate) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		if stamp, err := c.stampNow(); err == nil && stamp != c.stamp {
			if err := c.reload(); err != nil {
				c.log.Error("the old certificate stays in use", "err", err)
			} else {
				c.log.Info("certificate read again", "file", c.cert, "until", c.pair.Leaf.NotAfter)
			}
		}
	}
	return c.pair, nil
}

// config speaks HTTP/1.1 alone: its connections are what the bounds of
// this server count, and no page loads enough at once to gain by more.
func (c *Certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.current, NextProtos: []string{"http/1.1"}}
}
