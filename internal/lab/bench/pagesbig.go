package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
)

// idleConnections are opened at once, and each asked on once.
const idleConnections = 10_000

// pagesBig measures a real mtrq serve over an archive of 10 million requests,
// one reader at a time.
func (b *bench) pagesBig(ctx context.Context) (err error) {
	dir := filepath.Join(b.dir, "pages-big")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	g, err := generate(ctx, filepath.Join(dir, "archive"), sized(b, 360, 36), 27_778, 2000, sized(b, 300, 30), b.seed)
	if err != nil {
		return err
	}
	config := filepath.Join(dir, "config.toml")
	text := fmt.Sprintf("[node]\nname = \"hk1\"\n\n[spool]\ndir = %q\n\n[archive]\ndir = %q\n", filepath.Join(dir, "spool"), g.dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	sv, err := b.serveOn(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sv.stop()) }()
	load := &pageLoad{url: strings.TrimSuffix(sv.url, "/"), pid: sv.cmd.Process.Pid}
	counted, err := load.untilCounted(ctx)
	if err != nil {
		return err
	}
	b.printf("## Pages of a large archive\n\nA real `mtrq serve` on one core; %d requests over %d days, %d targets, %d incidents, without reports. One reader; pages as a browser gets them, packed. "+
		"\"First\" is for a day or target that nobody has asked for before. All days were counted for the calendar before, %.0f s after the start. Times in ms.\n\n", g.lines, g.days, len(g.targets), g.incidents, counted.Seconds())
	b.printf("| | requests | p50 | p95 | greatest | to reach | processor time p50 |\n|---|---|---|---|---|---|---|\n")
	if err := g.readPages(ctx, b, load); err != nil {
		return err
	}
	_, most, err := memory(load.pid)
	if err != nil {
		return err
	}
	b.printf("\nMemory of serve meanwhile, at most: %.1f MB (to reach: ≤ 64 MB).\n\n", float64(most)/1e6)
	return b.idleMemory(ctx, load)
}

// readPages prints a row for each kind of page.
func (g *bigArchive) readPages(ctx context.Context, b *bench, load *pageLoad) error {
	day := func(i int) archive.Date { return g.last.Add(-i * 7 % g.days) }
	page := func(i int) string { return "/" + day(i).Path() + "/" }
	// The first page of a day is kept by now, but not the day itself.
	again := func(i int) string { return page(i) + fmt.Sprintf("?limit=%d", 100+i) }
	other := func(i int) string { return page(i) + fmt.Sprintf("?limit=%d", 300+i) }
	filters := []string{"loss=10", "sort=loss", "sort=target", "reason=ZABBIX", "tag=circuit%3DGZ-0042", "verdict=real-loss&node=gz2&sort=verdict", "target=edge10.example.net"}
	target := func(i int) string { return g.targets[i*37%len(g.targets)].addr.String() }
	n := sized(b, 40, 15)
	for _, m := range []struct {
		name, reach string
		path        func(i int) string
		again       func(i int) string // asked first; nil: nothing is
	}{
		{"a day, first", "≤ 50", page, nil},
		{"a day, another page of it", "≤ 50", func(i int) string { return page(i) + fmt.Sprintf("?offset=%d", 200*(i+1)) }, again},
		{"a day, the same page", "≤ 50", page, page},
		{"a day filtered or sorted, first", "≤ 250", func(i int) string { return page(i+1000) + "?" + filters[i%len(filters)] }, nil},
		{"a day filtered or sorted, another filter of it", "≤ 50", func(i int) string { return page(i) + "?" + filters[i%len(filters)] }, other},
		{"a target, first", "≤ 50", func(i int) string { return "/target/" + target(i) }, nil},
		{"a target, its year, first", "≤ 50", func(i int) string { return "/target/" + target(i+500) + "?range=360d" }, nil},
		{"a target, the same page", "≤ 50", func(i int) string { return "/target/" + target(i) }, func(i int) string { return "/target/" + target(i) }},
		{"the busiest target, its year", "≤ 50", func(i int) string {
			return "/target/" + g.targets[0].addr.String() + fmt.Sprintf("?range=360d&limit=%d", 50+i)
		}, nil},
		{"search by target", "≤ 50", func(i int) string { return "/search?q=" + url.QueryEscape(target(i+700)) }, nil},
		{"search by prefix", "≤ 50", func(i int) string { return fmt.Sprintf("/search?q=198.18.%d.0/24", i%8) }, nil},
		{"search by part of a name", "≤ 50", func(i int) string { return fmt.Sprintf("/search?q=edge%d", i) }, nil},
		{"the first page", "", func(int) string { return "/" }, nil},
		{"the list of incidents", "", func(int) string { return "/incidents" }, nil},
	} {
		each, cpu, err := load.one(ctx, n, m.path, m.again)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		ms := func(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1000) }
		b.printf("| %s | %d | %s | %s | %s | %s | %s |\n", m.name, len(each), ms(quantile(each, 0.5)), ms(quantile(each, 0.95)), ms(each[len(each)-1]), m.reach, ms(quantile(cpu, 0.5)))
	}
	return nil
}

// untilCounted waits until the calendar knows all days: it would take part of
// the time that is measured.
func (l *pageLoad) untilCounted(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	t := &http.Transport{}
	defer t.CloseIdleConnections()
	for {
		page, err := l.form(ctx, t, "/", "text/html")
		if err != nil {
			return 0, err
		}
		if !strings.Contains(page, `class="unknown`) {
			return time.Since(began), nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// one asks for n paths one after the other, and gives, sorted, how long each
// took and how much processor time serve took meanwhile.
func (l *pageLoad) one(ctx context.Context, n int, path, before func(int) string) (each, cpu []time.Duration, err error) {
	t := &http.Transport{DisableCompression: true}
	defer t.CloseIdleConnections()
	ask := func(path string) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+path, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Accept", "text/html")
		req.Header.Set("Accept-Encoding", "gzip")
		resp, err := t.RoundTrip(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		// A search with one hit leads there.
		if err == nil && resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusSeeOther {
			err = fmt.Errorf("%s: %s", path, resp.Status)
		}
		return errors.Join(err, resp.Body.Close())
	}
	for i := range n {
		if before != nil {
			if err := ask(before(i)); err != nil {
				return nil, nil, err
			}
		}
		was, err := scheduled(l.pid)
		if err != nil {
			return nil, nil, err
		}
		at := time.Now()
		if err := ask(path(i)); err != nil {
			return nil, nil, err
		}
		each = append(each, time.Since(at))
		is, err := scheduled(l.pid)
		if err != nil {
			return nil, nil, err
		}
		cpu = append(cpu, is-was)
	}
	slices.Sort(each)
	slices.Sort(cpu)
	return each, cpu, nil
}

// scheduled is the processor time of a process, by the ns: of its threads
// that live.
func scheduled(pid int) (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var all time.Duration
	for _, t := range threads {
		data, err := os.ReadFile(t)
		if err != nil {
			continue // it has ended
		}
		var ns int64
		if _, err := fmt.Sscan(string(data), &ns); err != nil {
			return 0, fmt.Errorf("%s: %w", t, err)
		}
		all += time.Duration(ns)
	}
	return all, nil
}

// idleMemory measures serve while as many connections as it takes are open
// and idle.
func (b *bench) idleMemory(ctx context.Context, load *pageLoad) error {
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close() // serve may have closed it before
		}
	}()
	host := strings.TrimPrefix(load.url, "http://")
	dialer := net.Dialer{Timeout: 10 * time.Second}
	answered := 0
	for range sized(b, idleConnections, idleConnections/4) {
		c, err := dialer.DialContext(ctx, "tcp", host)
		if err != nil {
			return err
		}
		open = append(open, c)
		buf := make([]byte, 512)
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			return err
		}
		if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			continue
		}
		if n, err := c.Read(buf); err == nil && strings.Contains(string(buf[:n]), " 200 ") {
			answered++
		}
	}
	at := time.Now()
	t := &http.Transport{}
	defer t.CloseIdleConnections()
	if _, err := load.text(ctx, t, "/healthz"); err != nil {
		return fmt.Errorf("beside idle connections: %w", err)
	}
	took := time.Since(at)
	now, most, err := memory(load.pid)
	if err != nil {
		return err
	}
	b.printf("%d connections opened one after the other, asked on once and left open (%d were answered; serve closes those idle for longest): a request beside them takes %.1f ms, and serve has %.1f MB, at most %.1f MB (to reach: ≤ 64 MB).\n\n",
		len(open), answered, took.Seconds()*1000, float64(now)/1e6, float64(most)/1e6)
	return nil
}
