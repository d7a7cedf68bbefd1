package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What the door is measured by.
const (
	doorRate  = 50  // requests a second
	doorBurst = 500 // requests at once
	doorPause = 5 * time.Second
)

// door asks a real mtrq serve for traces as scripts do, each on a
// connection of its own. Nobody traces: what is measured is the way of a
// job onto the disk.
func (b *bench) door(ctx context.Context) (err error) {
	sv, err := b.serve(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sv.stop()) }()
	if _, err := sv.enqueue(ctx, 0); err != nil {
		return err
	}
	steady, err := sv.steady(ctx, sized(b, 30*time.Second, 3*time.Second))
	if err != nil {
		return err
	}
	var bursts []time.Duration
	var each []time.Duration
	for range sized(b, 10, 2) {
		time.Sleep(sized(b, doorPause, 0)) // or the limit of a client, which is on, is reached
		all, took, err := sv.burst(ctx)
		if err != nil {
			return err
		}
		each, bursts = append(each, all...), append(bursts, took)
	}
	slices.Sort(each)
	slices.Sort(bursts)
	lost, err := sv.lost()
	if err != nil {
		return err
	}
	used, err := usageOf(sv.cmd.Process.Pid)
	if err != nil {
		return err
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }
	b.printf("## The door: jobs over HTTP\n\n`GET /api/mtr?ip=…` to a real `mtrq serve`, each on a TCP connection of its own, from the call of connect to the last byte of the 202; "+
		"the spool is on %s, and each answer comes after the job is durable. %d requests in all.\n\n", filesystem(sv.dir), len(sv.ids))
	b.printf("| | measured | to reach |\n|---|---|---|\n")
	b.printf("| %d a second: p50, p99, slowest of %d | %s, %s, %s | p50 ≤ 5 ms, p99 ≤ 25 ms |\n",
		doorRate, len(steady), ms(quantile(steady, 0.5)), ms(quantile(steady, 0.99)), ms(steady[len(steady)-1]))
	b.printf("| %d at once: until all are answered, median and slowest of %d times | %s, %s | ≤ 1 s |\n", doorBurst, len(bursts), ms(quantile(bursts, 0.5)), ms(bursts[len(bursts)-1]))
	b.printf("| … one of them: p50, p99 | %s, %s | |\n", ms(quantile(each, 0.5)), ms(quantile(each, 0.99)))
	b.printf("| acknowledged and not in the spool | %d | 0 |\n", lost)
	b.printf("| memory and processor time of serve | %.0f MB, %.2f s | ≤ 64 MB |\n\n", float64(used.memory)/1e6, used.cpu.Seconds())
	return nil
}

// server is an mtrq serve.
type server struct {
	dir, url string
	cmd      *exec.Cmd
	log      bytes.Buffer
	ended    chan error
	mu       sync.Mutex
	ids      []string // acknowledged
}

// serve starts one and waits until it says where it listens.
func (b *bench) serve(ctx context.Context) (*server, error) {
	dir, err := os.MkdirTemp(b.dir, "serve-")
	if err != nil {
		return nil, err
	}
	sv := &server{dir: dir, ended: make(chan error, 1)}
	sv.cmd = exec.CommandContext(ctx, b.mtrq, "serve", "--listen", "127.0.0.1:0")
	sv.cmd.Env = append(os.Environ(), "MTRQ_SPOOL="+dir+"/spool", "MTRQ_ARCHIVE="+dir+"/archive", "MTRQ_CONFIG=")
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
		buf := make([]byte, 4096)
		for {
			n, err := said.Read(buf)
			sv.log.Write(buf[:n])
			if m := at.FindStringSubmatch(sv.log.String()); m != nil && sv.url == "" {
				sv.url = m[1]
				urls <- m[1]
			}
			if err != nil {
				break
			}
		}
		close(urls)
		sv.ended <- sv.cmd.Wait()
	}()
	if url, ok := <-urls; !ok || url == "" {
		return nil, fmt.Errorf("mtrq serve did not start: %w: %s", <-sv.ended, sv.log.String())
	}
	return sv, nil
}

func (sv *server) stop() error {
	if err := sv.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return <-sv.ended
}

// enqueue asks for one trace and gives how long that took.
func (sv *server) enqueue(ctx context.Context, n int) (time.Duration, error) {
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true, DialContext: new(net.Dialer).DialContext}}
	req, err := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("%sapi/mtr?ip=198.51.%d.%d&event=bench", sv.url, n>>8&255, n&255), nil)
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(resp.Body)
	took := time.Since(begun)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusAccepted {
		return 0, fmt.Errorf("request %d: %s: %s", n, resp.Status, body)
	}
	id, _, _ := strings.Cut(string(body), " ")
	sv.mu.Lock()
	defer sv.mu.Unlock()
	sv.ids = append(sv.ids, id)
	return took, nil
}

// steady asks doorRate times a second, whether the one before is
// answered or not.
func (sv *server) steady(ctx context.Context, long time.Duration) ([]time.Duration, error) {
	n := int(long.Seconds() * doorRate)
	return sv.ask(ctx, n, func(i int) time.Duration { return time.Duration(i) * time.Second / doorRate })
}

// burst asks doorBurst times at once.
func (sv *server) burst(ctx context.Context) (each []time.Duration, all time.Duration, err error) {
	begun := time.Now()
	each, err = sv.ask(ctx, doorBurst, func(int) time.Duration { return 0 })
	return each, time.Since(begun), err
}

// ask sends request i after its time, and gives how long each took, sorted.
func (sv *server) ask(ctx context.Context, n int, after func(i int) time.Duration) ([]time.Duration, error) {
	took, errs := make([]time.Duration, n), make([]error, n)
	begun := time.Now()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			time.Sleep(time.Until(begun.Add(after(i))))
			took[i], errs[i] = sv.enqueue(ctx, i)
		})
	}
	all.Wait()
	slices.Sort(took)
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return took, nil
}

// lost counts the acknowledged jobs that are not in new/.
func (sv *server) lost() (int, error) {
	lost := 0
	seen := map[string]bool{}
	for _, id := range sv.ids {
		_, err := os.Lstat(filepath.Join(sv.dir, "spool/new", id+".job"))
		switch {
		case errors.Is(err, os.ErrNotExist) || seen[id]:
			lost++
		case err != nil:
			return 0, err
		}
		seen[id] = true
	}
	return lost, nil
}

// filesystem names what a directory lies on.
func filesystem(dir string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "an unknown file system"
	}
	names := map[int64]string{unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "XFS", unix.BTRFS_SUPER_MAGIC: "Btrfs", unix.TMPFS_MAGIC: "tmpfs (which is no disk)", unix.OVERLAYFS_SUPER_MAGIC: "overlayfs"}
	if name, ok := names[int64(st.Type)]; ok {
		return name
	}
	return fmt.Sprintf("a file system of type %#x", st.Type)
}
