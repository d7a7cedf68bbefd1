package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// serving is a real mtrq serve with a spool and an archive of its own.
type serving struct {
	t   *testing.T
	dir string
	at  string // host:port
	cmd *exec.Cmd
	log strings.Builder
	end chan error
}

func startServing(t *testing.T, dir string) *serving {
	t.Helper()
	s := &serving{t: t, dir: dir, end: make(chan error, 1)}
	config := filepath.Join(dir, "config.toml")
	text := labConfig + "[serve]\nclient_burst = 100000\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.Command("mtrq", "--config", config, "--spool", filepath.Join(dir, "spool"), "--archive", filepath.Join(dir, "archive"), "serve", "--listen", "127.0.0.1:0")
	said, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill()
			<-s.end
		}
	})
	found := make(chan string, 1)
	go func() {
		at := regexp.MustCompile(`msg=serving url=http://([^/ ]+)/`)
		for sc := bufio.NewScanner(said); sc.Scan(); {
			if m := at.FindStringSubmatch(sc.Text()); m != nil {
				found <- m[1]
			}
			s.log.WriteString(sc.Text() + "\n")
		}
		close(found)
		s.end <- s.cmd.Wait()
	}()
	var ok bool
	if s.at, ok = <-found; !ok {
		t.Fatalf("mtrq serve: %v\n%s", <-s.end, s.log.String())
	}
	return s
}

// stop sends a signal and waits for the end.
func (s *serving) stop(sig syscall.Signal) error {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
	return <-s.end
}

// queued says whether a job lies in new/.
func (s *serving) queued(id string) bool {
	_, err := os.Stat(filepath.Join(s.dir, "spool", "new", id+".job"))
	return err == nil
}

// TestServeKilled kills serve while many ask: what was acknowledged is
// in the spool, and the next serve takes up where it was.
func TestServeKilled(t *testing.T) {
	dir := t.TempDir()
	var acknowledged []string
	for round := range 6 {
		s := startServing(t, dir)
		ctx, cancel := context.WithCancel(t.Context())
		ids := make(chan string, 1000)
		var askers sync.WaitGroup
		for n := range 16 {
			askers.Go(func() {
				client := &http.Client{Transport: &http.Transport{DisableKeepAlives: n%2 == 0}}
				defer client.CloseIdleConnections()
				for ctx.Err() == nil {
					req, err := http.NewRequestWithContext(ctx, "GET", "http://"+s.at+"/api/mtr?ip=203.0.113."+strconv.Itoa(n), nil)
					if err != nil {
						return
					}
					resp, err := client.Do(req)
					if err != nil {
						return // killed
					}
					body, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if err == nil && resp.StatusCode == http.StatusAccepted {
						ids <- strings.Fields(string(body))[0]
					}
				}
			})
		}
		before := len(acknowledged)
		for id := range ids {
			acknowledged = append(acknowledged, id)
			if len(acknowledged)-before == 20+15*round { // somewhere else in the work each time
				break
			}
		}
		if err := s.stop(syscall.SIGKILL); err == nil {
			t.Error("killed, but ended well")
		}
		go func() { askers.Wait(); close(ids) }()
		for id := range ids { // answered before it died
			acknowledged = append(acknowledged, id)
		}
		cancel()
		for _, id := range acknowledged {
			if !s.queued(id) {
				t.Fatalf("round %d: job %s was acknowledged and is not in the spool", round, id)
			}
		}
	}
}

// TestFiveHundredCurls: a storm of scripts, as a monitoring system starts
// them when an uplink fails: each gets an ID of its own, and none is lost.
func TestFiveHundredCurls(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal("needs curl: ", err)
	}
	s := startServing(t, t.TempDir())
	const storm = 500
	outs, errs := make([]string, storm), make([]error, storm)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i := range storm {
		all.Go(func() {
			<-begin
			out, err := exec.Command(curl, "-q", "-sS", "--noproxy", "*", "--fail-with-body", "-m", "100",
				fmt.Sprintf("http://%s/api/mtr?ip=198.51.%d.%d&event=%d", s.at, 100+i/250, i%250+1, i)).CombinedOutput()
			outs[i], errs[i] = string(out), err
		})
	}
	close(begin)
	all.Wait()
	seen := map[string]bool{}
	for i, out := range outs {
		id, link, _ := strings.Cut(strings.SplitN(out, "\n", 2)[0], " ")
		switch {
		case errs[i] != nil:
			t.Fatalf("curl %d: %v: %s", i, errs[i], out)
		case seen[id] || link != "http://"+s.at+"/r/"+id || !s.queued(id):
			t.Fatalf("curl %d: %q: twice, no link or not in the spool", i, out)
		}
		seen[id] = true
	}
	if err := s.stop(syscall.SIGTERM); err != nil {
		t.Errorf("after TERM: %v", err)
	}
}

// TestTenThousandConnections: those who connect and say nothing are
// bounded, and the door stays open for those who ask.
func TestTenThousandConnections(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	const want, most = 10_000, 2000
	n := min(want, int(limit.Cur)-500)
	if n <= most {
		t.Fatalf("needs more than %d open files: ulimit -n", most+500)
	}
	s := startServing(t, t.TempDir())
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for range n {
		c, err := net.Dial("tcp", s.at)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(path string) string {
		t.Helper()
		resp, err := client.Get("http://" + s.at + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.Status + "\n" + string(body)
	}
	for range 20 {
		if got := get("/api/mtr?ip=203.0.113.7"); !strings.HasPrefix(got, "202 ") {
			t.Fatalf("asked beside %d connections: %s", n, got)
		}
	}
	m := regexp.MustCompile(`(?m)^mtrq_http_connections (\d+)$`).FindStringSubmatch(get("/metrics"))
	if m == nil {
		t.Fatal("/metrics does not tell of connections")
	}
	// Who says nothing is let go in the end, on a busy machine before we ask.
	if got, _ := strconv.Atoi(m[1]); got > most || got < 1 {
		t.Errorf("%d connections are open, want at most %d", got, most)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("memory of serve: %s", regexp.MustCompile(`VmHWM:.*|VmRSS:.*`).FindAllString(string(status), -1))
	if err := s.stop(syscall.SIGTERM); err != nil {
		t.Errorf("after TERM: %v", err)
	}
}

// TestSystemdSockets passes serve its sockets as systemd does.
func TestSystemdSockets(t *testing.T) {
	dir := t.TempDir()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s.sock")
	local, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	local.SetUnlinkOnClose(false) // systemd's own, as far as serve is concerned
	var files []*os.File
	for _, l := range []interface{ File() (*os.File, error) }{tcp.(*net.TCPListener), local} {
		f, err := l.File()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=2 exec mtrq --spool "$1/spool" --archive "$1/archive" serve --listen systemd`, "sh", dir)
	cmd.Env = append(os.Environ(), "MTRQ_CONFIG="+os.DevNull)
	cmd.ExtraFiles = files
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []io.Closer{tcp, local, files[0], files[1]} {
		if err := c.Close(); err != nil { // only the child listens now; who connects waits for it
			t.Error(err)
		}
	}
	for _, tt := range []struct{ network, address string }{{"tcp", tcp.Addr().String()}, {"unix", path}} {
		client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, tt.network, tt.address)
		}}}
		resp, err := client.Get("http://127.0.0.1/healthz")
		if err != nil {
			t.Fatalf("%s: %v\n%s", tt.network, err, log.String())
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", tt.network, resp.Status)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after TERM: %v\n%s", err, log.String())
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("systemd's socket was taken away: %v", err)
	}
}
