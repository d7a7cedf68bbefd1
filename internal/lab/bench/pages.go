package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtrq/mtrq/internal/web/fixture"
)

// pagesReaders is how many read at once, each on a connection that stays.
const pagesReaders = 16

// pages measures how many readers of the archive a real mtrq serve has on
// one core, with an archive of some hundred reports of real size.
func (b *bench) pages(ctx context.Context) (err error) {
	dir := filepath.Join(b.dir, "pages")
	f, err := fixture.Write(dir, time.Now())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.RemoveAll(dir)) }()
	sv, err := b.serveOn(ctx, f.Config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sv.stop()) }()
	load := &pageLoad{url: strings.TrimSuffix(sv.url, "/"), pid: sv.cmd.Process.Pid, lasts: sized(b, 5*time.Second, time.Second)}

	days, reports, targets, err := load.places(ctx, f)
	if err != nil {
		return err
	}
	html := "text/html"
	b.printf("## Pages\n\nA real `mtrq serve` that may run on one core only, %d readers on connections that stay, gzip accepted; %d reports over %d days. "+
		"A request's share of processor time is what other work on the machine disturbs least: its inverse stands in the last column.\n\n", pagesReaders, len(reports), len(days))
	b.printf("| | requests/s | p50 | p99 | body | requests per second of processor time (to reach: 2,000) |\n|---|---|---|---|---|---|\n")
	again := map[string]string{}
	for _, row := range []struct {
		name   string
		paths  []string
		accept string
		tags   map[string]string // where to keep tags; filled: asked with
		once   bool
	}{
		{"reports, each for the first time", reports, html, nil, true},
		{"reports", reports, html, again, false},
		{"reports that the browser has (304)", reports, html, again, false},
		{"reports as text", reports, "text/plain", nil, false},
		{"reports as JSON", reports, "application/json", nil, false},
		{"days", days, html, nil, false},
		{"days, filtered", suffixed(days, "?loss=5&sort=loss"), html, nil, false},
		{"targets", targets, html, nil, false},
		{"the first page", []string{"/"}, html, nil, false},
		{"all of these as people read them", mixed(days, reports, targets), html, nil, false},
		{"the style sheet", []string{"/assets/style.css"}, "*/*", nil, false},
	} {
		r, err := load.run(ctx, row.paths, row.accept, row.tags, row.once)
		if err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		b.printf("| %s | %.0f | %.1f ms | %.1f ms | %.1f kB | %.0f |\n", row.name, float64(r.n)/r.took.Seconds(),
			float64(quantile(r.each, 0.5))/1e6, float64(quantile(r.each, 0.99))/1e6, float64(r.bytes)/float64(r.n)/1e3, float64(r.n)/r.cpu.Seconds())
	}
	_, most, err := memory(sv.cmd.Process.Pid)
	if err != nil {
		return err
	}
	b.printf("\nMemory of serve meanwhile, at most: %.1f MB (to reach: ≤ 64 MB).\n\n", float64(most)/1e6)
	return nil
}

// serveOn starts serve on one core, where there are two.
func (b *bench) serveOn(ctx context.Context, config string) (*server, error) {
	sv := &server{ended: make(chan error, 1)}
	args := []string{b.mtrq, "--config", config, "serve", "--listen", "127.0.0.1:0"}
	if _, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		args = append([]string{"taskset", "-c", "0"}, args...)
	}
	sv.cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	said, err := sv.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := sv.cmd.Start(); err != nil {
		return nil, err
	}
	urls := make(chan string, 1)
	go func() {
		at := regexp.MustCompile(`msg=serving url=(http://\S+/)`)
		var log bytes.Buffer
		buf := make([]byte, 4096)
		for told := false; ; {
			n, err := said.Read(buf)
			log.Write(buf[:n])
			if m := at.FindStringSubmatch(log.String()); m != nil && !told {
				told = true
				urls <- m[1]
			}
			if err != nil {
				break
			}
		}
		close(urls)
		sv.ended <- sv.cmd.Wait()
	}()
	url, ok := <-urls
	if !ok {
		return nil, fmt.Errorf("mtrq serve did not start: %w", <-sv.ended)
	}
	sv.url = url
	return sv, nil
}

// pageLoad is readers of one server.
type pageLoad struct {
	url   string
	pid   int
	lasts time.Duration
}

type pageResult struct {
	n, bytes int64
	took     time.Duration
	cpu      time.Duration
	each     []time.Duration // sorted
}

// run reads the paths in turn, for a while or each once. With tags, those
// of the answers are kept, or, where there are some, sent.
func (l *pageLoad) run(ctx context.Context, paths []string, accept string, tags map[string]string, once bool) (pageResult, error) {
	var out pageResult
	var mu sync.Mutex
	var failed error
	var next, sent atomic.Int64
	ask := len(tags) > 0
	before, err := usageOf(l.pid)
	if err != nil {
		return out, err
	}
	begun := time.Now()
	var readers sync.WaitGroup
	client := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: pagesReaders}
	defer client.CloseIdleConnections()
	for range pagesReaders {
		readers.Go(func() {
			var each []time.Duration
			var size int64
			for ctx.Err() == nil && (once || time.Since(begun) < l.lasts) {
				i := next.Add(1) - 1
				if once && i >= int64(len(paths)) {
					break
				}
				path := paths[i%int64(len(paths))]
				mu.Lock()
				tag := tags[path]
				mu.Unlock()
				at := time.Now()
				n, got, err := l.get(ctx, client, path, accept, map[bool]string{true: tag}[ask])
				each, size = append(each, time.Since(at)), size+n
				sent.Add(1)
				mu.Lock()
				if err != nil {
					failed = errors.Join(failed, err)
				}
				if tags != nil && !ask {
					tags[path] = got
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
			mu.Lock()
			out.each, out.bytes = append(out.each, each...), out.bytes+size
			mu.Unlock()
		})
	}
	readers.Wait()
	out.took, out.n = time.Since(begun), sent.Load()
	after, err := usageOf(l.pid)
	out.cpu = max(after.cpu-before.cpu, 10*time.Millisecond)
	slices.Sort(out.each)
	return out, errors.Join(failed, err)
}

func (l *pageLoad) get(ctx context.Context, t *http.Transport, path, accept, tag string) (size int64, etag string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+path, nil)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("Accept-Encoding", "gzip")
	want := http.StatusOK
	if tag != "" {
		req.Header.Set("If-None-Match", tag)
		want = http.StatusNotModified
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	size, err = io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("%s: %s, want %d", path, resp.Status, want)
	}
	return size, resp.Header.Get("Etag"), err
}

// places are what is read: of the days with reports their pages, and all
// their reports that can be read.
func (l *pageLoad) places(ctx context.Context, f *fixture.Fixture) (days, reports, targets []string, err error) {
	t := &http.Transport{}
	defer t.CloseIdleConnections()
	link := regexp.MustCompile(`http://\S+?(/\d{4}/\d\d/\d\d/)\n`)
	home, err := l.text(ctx, t, "/")
	if err != nil {
		return nil, nil, nil, err
	}
	inDay := regexp.MustCompile(`(?m)^\S+\s+(\S+) .*?(01[0-9A-Z]{24})`)
	for _, m := range link.FindAllStringSubmatch(home, 12) {
		list, err := l.text(ctx, t, m[1])
		if err != nil {
			continue // written by a newer mtrq
		}
		days = append(days, m[1])
		for _, e := range inDay.FindAllStringSubmatch(list, -1) {
			place := m[1] + e[2]
			if _, err := l.text(ctx, t, place+".json"); err == nil && place != f.Reports["newer"].URL() {
				reports = append(reports, place)
				targets = append(targets, "/target/"+e[1])
			}
		}
	}
	slices.Sort(targets)
	targets = slices.Compact(targets)
	if len(days) == 0 || len(reports) == 0 {
		return nil, nil, nil, errors.New("nothing to read")
	}
	return days, reports, targets[:min(len(targets), 20)], nil
}

func (l *pageLoad) text(ctx context.Context, t *http.Transport, path string) (string, error) {
	return l.form(ctx, t, path, "*/*")
}

func (l *pageLoad) form(ctx context.Context, t *http.Transport, path, accept string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+path, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", accept)
	resp, err := t.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, resp.Status)
	}
	return string(body), err
}

func suffixed(in []string, end string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = s + end
	}
	return out
}
