package targets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

const (
	fetchTimeout = 10 * time.Second // for all of an answer
	maxRedirects = 5
	firstRetry   = 5 * time.Second // after an error; doubled with each …
	lastRetry    = 5 * time.Minute // … up to this
)

// remote is one list behind a URL.
type remote struct {
	source
	url     string
	client  *http.Client // as newClient makes it
	keep    keep
	now     func() time.Time
	log     *slog.Logger
	refresh time.Duration

	etag      string // of the answer before, good or empty
	failed    int    // fetches in a row
	confirmed time.Time
}

// answer is what a URL gave.
type answer struct {
	same   bool // as the time before (304)
	body   []byte
	format format
	etag   string
}

func newRemote(l *Lists, client *http.Client, raw string) *remote {
	r := &remote{url: raw, client: client, keep: keep{l.Dir}, now: l.now, log: l.log(), refresh: l.RefreshURL}
	r.name, r.emptyAfter, r.wrong = "URL that cannot be read", l.emptyAfter, notLooked
	if u, err := url.Parse(raw); err == nil {
		r.name = u.Redacted()
	}
	if h, p, at, ok := r.keep.load(raw); ok {
		r.restore(at, p)
		r.etag = h.ETag
	}
	return r
}

// run fetches at once, every refresh, and when asked to.
func (r *remote) run(ctx context.Context, reload <-chan struct{}, out func(view)) {
	for ctx.Err() == nil {
		r.look(ctx)
		if ctx.Err() != nil {
			return // the failure is ours
		}
		out(r.view(r.url))
		select {
		case <-ctx.Done():
		case <-reload:
		case <-time.After(r.wait()):
		}
	}
}

// wait is how long until the next fetch. All of it is spread: many nodes
// fetch the same list, and start together after a power cut.
func (r *remote) wait() time.Duration {
	if r.failed > 0 {
		return spread(min(lastRetry, min(firstRetry, r.refresh)<<min(r.failed-1, 12)))
	}
	d := spread(r.refresh)
	if left := r.emptyAfter - r.now().Sub(r.empty); !r.empty.IsZero() && left > 0 {
		d = min(d, left+rand.N(left/10+1)) // as soon as it may be believed
	}
	return d
}

// look fetches once and takes what comes.
func (r *remote) look(ctx context.Context) {
	a, err := r.fetch(ctx)
	if err == nil && a.same {
		r.failed = 0
		r.look304()
		return
	}
	var p parsed
	if err == nil {
		p, err = parse(a.format, a.body)
	}
	if err != nil {
		r.failed++
		r.fail(err)
		return
	}
	r.failed, r.etag = 0, a.etag
	if r.take(r.now(), p) {
		r.store(keptHead{Format: a.format, ETag: a.etag}, a.body)
	}
	if r.wrong != "" {
		r.etag = "" // it may be mended without another ETag: ask for all of it
	}
}

func (r *remote) look304() {
	r.wrong = "" // the ETag is that of the last list, good or empty
	if r.again(r.now()) {
		r.store(keptHead{Format: formatPlain, ETag: r.etag}, nil)
	}
	if r.empty.IsZero() && r.at.Sub(r.confirmed) >= confirmEvery {
		r.confirmed = r.at
		r.warn(r.keep.confirm(r.url, r.at))
	}
}

func (r *remote) store(h keptHead, body []byte) {
	h.Source = r.name
	r.confirmed = r.at
	r.warn(r.keep.store(r.url, h, body, r.at))
}

func (r *remote) warn(err error) {
	if err != nil {
		r.log.Warn("last good list of targets not kept", "source", r.name, "err", err)
	}
}

// fetch asks once. Its errors do not repeat the URL.
func (r *remote) fetch(ctx context.Context) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil || req.URL.Scheme != "http" && req.URL.Scheme != "https" || req.URL.Host == "" {
		return answer{}, errors.New("is no URL of http or https")
	}
	req.Header.Set("User-Agent", "mtrq")
	req.Header.Set("Accept", "application/json, text/plain;q=0.9")
	// What Prometheus tells a server of http_sd.
	req.Header.Set("X-Prometheus-Refresh-Interval-Seconds", fmt.Sprintf("%.0f", r.refresh.Seconds()))
	if r.etag != "" {
		req.Header.Set("If-None-Match", r.etag)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return answer{}, fetchError(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }() // only read
	switch {
	case resp.StatusCode == http.StatusNotModified && r.etag != "":
		return answer{same: true}, nil
	case resp.StatusCode != http.StatusOK:
		return answer{}, fmt.Errorf("answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	a := answer{etag: tidyETag(resp.Header.Get("ETag"))}
	if a.format, err = formatOf(resp.Header.Get("Content-Type"), resp.Request.URL.Path); err != nil {
		return answer{}, err
	}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxList+1))
	switch {
	case err != nil:
		return answer{}, fetchError(ctx, err)
	case len(a.body) > maxList:
		return answer{}, fmt.Errorf("answers with more than %d MiB: split the list", maxList>>20)
	}
	return a, nil
}

// fetchError takes the URL out of an error; a password may stand in it.
func fetchError(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no whole answer within %s", fetchTimeout)
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// formatOf tells how a list is written. HTML is refused here: the page of a
// portal or a login would else be a list of broken targets.
func formatOf(contentType, urlPath string) (format, error) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media = ""
	}
	ext := strings.ToLower(path.Ext(urlPath))
	switch {
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		return formatSD, nil
	case media != "text/plain" && media != "application/octet-stream" && media != "":
		return "", fmt.Errorf("answers with %s: a list is application/json or text/plain", quoteShort(media))
	case ext == ".json": // as plain file servers give it
		return formatSD, nil
	case media == "text/plain" || ext == ".txt" || ext == ".list":
		return formatPlain, nil
	}
	return "", errors.New("answers without a Content-Type that says how the list is written: application/json or text/plain")
}

// tidyETag passes on only what may stand in a header.
func tidyETag(s string) string {
	if len(s) > 256 || strings.ContainsFunc(s, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
		return ""
	}
	return s
}

// newClient is c, or a client of its own, that follows redirects only to a
// scheme as good as the one before: a list that is fetched by https must not
// come by http in the end.
func newClient(c *http.Client) (_ *http.Client, done func()) {
	done = func() {}
	client := &http.Client{}
	if c != nil {
		*client = *c
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		own := t.Clone()
		client.Transport, done = own, own.CloseIdleConnections
	}
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		from, to := via[len(via)-1].URL.Scheme, req.URL.Scheme
		switch {
		case len(via) > maxRedirects:
			return fmt.Errorf("redirects more than %d times", maxRedirects)
		case to != from && to != "https":
			return fmt.Errorf("redirects from %s to %s: not followed", from, quoteShort(to))
		}
		return nil
	}
	return client, done
}
