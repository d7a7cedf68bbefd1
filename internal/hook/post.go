package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	maxRedirects = 3
	maxAnswer    = 64 << 10 // bytes of an answer that are read, for the sake of its connection
)

// newClient is a client that goes where it was sent. Given one, it uses that
// one's transport. release gives back what was made.
func newClient(given *http.Client) (client *http.Client, release func()) {
	if given != nil {
		c := *given
		c.CheckRedirect, c.Jar = checkRedirect, nil
		return &c, func() {}
	}
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{Transport: t, CheckRedirect: checkRedirect}, t.CloseIdleConnections
}

// checkRedirect follows a receiver to another path, or from http to https,
// but not to another host: what a message says is for the one that was named.
// One that asks to come back with GET does not want the message.
func checkRedirect(req *http.Request, via []*http.Request) error {
	from, to := via[0].URL, req.URL
	same := from.Scheme == to.Scheme && from.Host == to.Host ||
		from.Scheme == "http" && to.Scheme == "https" && from.Hostname() == to.Hostname()
	if !same || req.Method != http.MethodPost || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// post sends one message.
func post(ctx context.Context, client *http.Client, to, id, kind string, body []byte, now func() time.Time) outcome {
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return outcome{err: withoutURL(err), final: true}
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Idempotency-Key", id) // also lets the transport repeat it on a connection that was dead
	req.Header.Set("User-Agent", "mtrq")
	resp, err := client.Do(req)
	if err != nil {
		return outcome{err: why(ctx, withoutURL(err)), away: !connected.Load()}
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // the status has said it all
	_ = resp.Body.Close()
	return judge(resp.StatusCode, resp.Header.Get("Retry-After"), now())
}

// judge is what a status means (RFC 9110, section 15).
func judge(status int, retryAfter string, now time.Time) outcome {
	said := fmt.Errorf("it answers %d %s", status, http.StatusText(status))
	switch {
	case status >= 200 && status <= 299:
		return outcome{}
	case status >= 300 && status <= 399:
		return outcome{err: fmt.Errorf("%w, a redirect that is not followed: set url to where it points", said)}
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return outcome{err: said, away: true, after: parseRetryAfter(retryAfter, now)}
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return outcome{err: said}
	case status >= 400 && status <= 499:
		return outcome{err: said, final: true}
	}
	return outcome{err: said}
}

// parseRetryAfter reads seconds or a date (RFC 9110, section 10.2.3), at most
// maxAfter; 0: none, or nonsense.
func parseRetryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return min(time.Duration(n)*time.Second, maxAfter)
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(max(at.Sub(now), 0), maxAfter)
	}
	return 0
}

// withoutURL takes the URL out of an error, as it may hold what lets one in.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// origin is scheme and host of a URL.
func origin(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "URL"
	}
	return u.Scheme + "://" + u.Host
}
