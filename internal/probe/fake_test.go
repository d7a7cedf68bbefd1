package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// fakeVariable makes this test program an mtr-packet with a fault.
const fakeVariable = "MTRQ_PROBE_FAKE"

func TestMain(m *testing.M) {
	if mode := os.Getenv(fakeVariable); mode != "" {
		fake(mode)
		os.Exit(0)
	}
	os.Exit(lab.TestMain(m))
}

// fake speaks mtr-packet's protocol, without a network and with one fault.
func fake(mode string) {
	mode, arg, _ := strings.Cut(mode, "=")
	if mode == "permission" {
		fmt.Fprintln(os.Stderr, "mtr-packet: Failure to open IPv4 sockets: Operation not permitted")
		os.Exit(1)
	}
	count := func() int { // of the probes of all fakes of this test
		f, err := os.OpenFile(arg, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		_, _ = f.WriteString("x")
		fi, _ := f.Stat()
		f.Close()
		return int(fi.Size())
	}
	in := bufio.NewReader(os.Stdin)
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	bad := false
	for probes := 0; ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		w := strings.Fields(line)
		switch {
		case w[1] == "check-support" && mode == "mute":
		case w[1] == "check-support" && w[3] == "version":
			if mode == "frozen" && probes > 0 {
				continue
			}
			say("%s feature-support support 0.95", w[0])
		case w[1] == "check-support":
			ok := "ok"
			if mode == "lacks" && w[3] == arg {
				ok = "no"
			}
			say("%s feature-support support %s", w[0], ok)
		case len(w) == 4:
			say("%s invalid-argument", w[0])
		default:
			probes++
			reply := func(from string, rtt time.Duration) {
				say("%s reply ip-4 %s round-trip-time %d", w[0], from, rtt.Microseconds())
			}
			switch mode {
			case "good", "lacks":
				reply(w[3], 100*time.Microsecond)
			case "dies": // the first one, with its tenth probe
				if count() == 10 {
					_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV)
					select {}
				}
				reply(w[3], 0)
			case "crashes": // always
				os.Exit(3)
			case "silent", "frozen":
			case "deaf":
				select {}
			case "garbage": // the first one, always
				if probes == 1 {
					bad = count() == 1
				}
				if bad {
					say("%s reply ip-4 %s round-trip", w[0], w[3])
					say("\x00\xff%s", strings.Repeat("y", 30000))
					continue
				}
				reply(w[3], 0)
			case "foreign":
				reply("192.0.2.66", 0)
			case "says":
				say("%s %s", w[0], arg)
			case "late":
				d, _ := time.ParseDuration(arg)
				time.AfterFunc(d, func() { reply(w[3], d) })
			case "stepped": // the wall clock went an hour on
				time.AfterFunc(10*time.Millisecond, func() { reply(w[3], time.Hour) })
			}
		}
	}
}

func fakeOptions(t *testing.T, mode string) Options {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Path: exe, MaxPPS: 20000, env: []string{fakeVariable + "=" + mode}, greet: 10 * time.Second}
}

func pings(n int) []Request {
	rs := make([]Request, n)
	for i := range rs {
		rs[i] = Request{Spec: Spec{Addr: addr("127.0.0.1"), TTL: 64, Protocol: ICMP}, Class: Wave1, Trace: uint64(i / 17)}
	}
	return rs
}

// outcomes counts results: "Reply:9 Unsent(mtr-packet failed):1".
func tally(rs []Result) map[string]int {
	names := map[Outcome]string{Reply: "reply", Expired: "expired", Unreachable: "unreachable", NoRoute: "no route", Lost: "lost", Late: "late"}
	n := map[string]int{}
	for _, r := range rs {
		name := names[r.Outcome]
		if r.Outcome == Unsent {
			name = "unsent: unknown error " + fmt.Sprint(r.Err)
			for _, e := range []error{ErrMissing, ErrPermission, ErrInvalid, ErrProcess, ErrSystem, ErrForeign, ErrStalled, ErrCancelled, ErrStopped} {
				if errors.Is(r.Err, e) {
					name = "unsent: " + e.Error()
				}
			}
		}
		n[name]++
	}
	return n
}

func TestProcessDies(t *testing.T) {
	s := run(t, fakeOptions(t, "dies="+filepath.Join(t.TempDir(), "count")))
	n := tally(collect(t, s, pings(400)))
	dead := n["unsent: mtr-packet failed"]
	if dead < 1 || dead+n["reply"] != 400 {
		t.Errorf("got %v, want the dead one's probes unsent and all others answered", n)
	}
	if n := tally(collect(t, s, pings(50))); n["reply"] != 50 {
		t.Errorf("got %v of the process that replaced it", n)
	}
	waitFor(t, func() bool { return s.Stats().Restarts > 0 })
	if st := s.Stats(); st.Restarts != 1 {
		t.Errorf("%d restarts, want 1", st.Restarts)
	}
}

// TestProcessKilled kills a real one while it has probes.
func TestProcessKilled(t *testing.T) {
	needPacket(t)
	s := run(t, Options{MaxPPS: 20000})
	collect(t, s, pings(1))
	rs := pings(200)
	kill := make(chan struct{})
	rs[100].OnSent = func(time.Time) { close(kill) }
	go func() {
		<-kill
		for _, pid := range children(t) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}()
	n := tally(collect(t, s, rs))
	if n["unsent: mtr-packet failed"]+n["reply"] != 200 {
		t.Errorf("got %v, want replies and unsent, nothing lost", n)
	}
}

// children are the pids of this process's mtr-packets.
func children(t testing.TB) (pids []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // ended since
		}
		pid, rest, _ := strings.Cut(string(b), " (")
		comm, after, _ := strings.Cut(rest, ") ")
		f := strings.Fields(after)
		if comm == "mtr-packet" && len(f) > 1 && f[1] == strconv.Itoa(os.Getpid()) {
			p, _ := strconv.Atoi(pid)
			pids = append(pids, p)
		}
	}
	return pids
}

func TestProcessCrashesAlways(t *testing.T) {
	s := run(t, fakeOptions(t, "crashes"))
	for range 3 {
		if n := tally(collect(t, s, pings(20))); n["unsent: mtr-packet failed"] != 20 {
			t.Fatalf("got %v, want all unsent", n)
		}
	}
	if st := s.Stats(); st.Restarts > 6 {
		t.Errorf("%d restarts within a moment: it spins", st.Restarts)
	}
}

func TestProcessHangs(t *testing.T) {
	for _, mode := range []string{"silent", "frozen", "deaf", "mute"} {
		t.Run(mode, func(t *testing.T) {
			opt := fakeOptions(t, mode)
			opt.word, opt.greet = 300*time.Millisecond, 10*time.Second // it greets, however busy this machine is
			rs := pings(3000)                                          // more than a pipe holds
			want := "unsent: mtr-packet failed"
			if mode == "silent" {
				// It is alive but gives no last word: after the deadline
				// that is a loss, and then it is replaced.
				rs, want = pings(20), "lost"
			}
			if mode == "mute" {
				opt.greet = 300 * time.Millisecond
			}
			for i := range rs {
				rs[i].Deadline = 200 * time.Millisecond
			}
			s := run(t, opt)
			if n := tally(collect(t, s, rs)); n[want] != len(rs) {
				t.Errorf("got %v, want all %s", n, want)
			}
			if mode != "mute" {
				waitFor(t, func() bool { return s.Stats().Restarts > 0 })
			}
		})
	}
}

// next is the next result, which has to come.
func next(t *testing.T, got <-chan Result) Result {
	t.Helper()
	select {
	case r := <-got:
		return r
	case <-time.After(time.Minute):
		t.Fatal("no result within 20 s")
		return Result{}
	}
}

// waitFor polls what a scheduler publishes about once a turn.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("did not come true within 20 s")
		}
	}
}

func TestProcessWritesGarbage(t *testing.T) {
	s := run(t, fakeOptions(t, "garbage="+filepath.Join(t.TempDir(), "count")))
	n := tally(collect(t, s, pings(200)))
	if n["unsent: mtr-packet failed"] == 0 || n["reply"]+n["unsent: mtr-packet failed"] != 200 {
		t.Errorf("got %v, want unsent, perhaps some replies", n)
	}
	if n := tally(collect(t, s, pings(50))); n["reply"] != 50 {
		t.Errorf("got %v of the process that replaced it", n)
	}
	waitFor(t, func() bool { st := s.Stats(); return st.Garbage >= maxGarbage && st.Restarts > 0 })
}

func TestProcessMissing(t *testing.T) {
	s := run(t, Options{Path: "/nonexistent/mtr-packet"})
	rs := append(pings(8500), Request{Spec: Spec{Addr: addr("127.0.0.1"), TTL: 1, Protocol: TCP, Port: 80}, Class: FirstOwn})
	got := collect(t, s, rs)
	if n := tally(got); n["unsent: mtr-packet is missing"] != 8501 {
		t.Errorf("got %v, want all unsent", n)
	}
	for i, o := range got {
		if !errors.Is(o.Err, ErrUnable) {
			t.Fatalf("probe %d: %v, which does not say that nothing can be sent", i, o.Err)
		}
	}
	waitFor(t, func() bool { return s.Stats().Err != nil })
	if err := s.Stats().Err; !errors.Is(err, ErrMissing) || !errors.Is(err, ErrUnable) || !strings.Contains(err.Error(), "install") {
		t.Errorf("state %v, want what to do about it", err)
	}
}

func TestProcessWithoutRights(t *testing.T) {
	s := run(t, fakeOptions(t, "permission"))
	if n := tally(collect(t, s, pings(10))); n["unsent: no permission"] != 10 {
		t.Errorf("got %v, want all unsent", n)
	}
	waitFor(t, func() bool { return s.Stats().Err != nil })
	if err := s.Stats().Err; !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), "CAP_NET_RAW") {
		t.Errorf("state %v, want what to do about it", err)
	}
	if _, err := os.Stat("/etc/passwd"); err == nil { // a file that cannot be run
		s := run(t, Options{Path: "/etc/passwd"})
		if n := tally(collect(t, s, pings(1))); n["unsent: no permission"] != 1 {
			t.Errorf("got %v, want all unsent", n)
		}
	}
}

func TestAnswers(t *testing.T) {
	for mode, want := range map[string]string{
		"says=no-route":     "no route",
		"says=network-down": "no route",
		"says=no-route ip-4 198.51.100.9 round-trip-time 0":    "unreachable",
		"says=ttl-expired ip-4 198.51.100.9 round-trip-time 0": "expired",
		"says=no-reply":                   "lost",
		"says=permission-denied":          "unsent: no permission",
		"says=invalid-argument":           "unsent: invalid probe",
		"says=unexpected-error errno 90":  "unsent: invalid probe",
		"says=unexpected-error errno 105": "unsent: the system refused the packet",
		"says=address-in-use":             "unsent: the system refused the packet",
		"says=probes-exhausted":           "unsent: mtr-packet failed",
		"foreign":                         "unsent: answer from a foreign address",
		"lacks=icmp":                      "unsent: invalid probe",
		"lacks=ip-4":                      "unsent: invalid probe",
		"lacks=ip-6":                      "reply",
		"stepped":                         "reply",
	} {
		t.Run(mode, func(t *testing.T) {
			s := run(t, fakeOptions(t, mode))
			rs := collect(t, s, pings(5))
			if n := tally(rs); n[want] != 5 {
				t.Errorf("got %v, want 5 %s", n, want)
			}
			for _, r := range rs {
				if r.RTT > 10*time.Second {
					t.Errorf("round trip %s", r.RTT)
				}
				if errors.Is(r.Err, ErrUnable) {
					t.Errorf("%v: it says that nothing can be sent to anybody", r.Err)
				}
			}
			if mode == "foreign" {
				waitFor(t, func() bool { return s.Stats().Foreign == 5 })
			}
		})
	}
}

func TestLateFollowsLost(t *testing.T) {
	s := run(t, fakeOptions(t, "late=400ms"))
	got := make(chan Result, 4)
	rs := pings(1)
	rs[0].Deadline = 200 * time.Millisecond
	rs[0].Done = func(r Result) { got <- r }
	s.SubmitAll(rs)
	first, second := next(t, got), next(t, got)
	if first.Outcome == Unsent && errors.Is(first.Err, ErrStalled) {
		t.Skip("this machine stalled")
	}
	if first.Outcome != Lost || first.RTT != 0 || first.From.IsValid() {
		t.Errorf("first %+v, want lost", first)
	}
	if second.Outcome != Late || second.RTT != 400*time.Millisecond || second.From != addr("127.0.0.1") || !second.Sent.Equal(first.Sent) {
		t.Errorf("then %+v, want late, 400 ms", second)
	}
}

func TestCancel(t *testing.T) {
	opt := fakeOptions(t, "good")
	opt.MaxPPS, opt.PolitePPS = 10, 1
	s := run(t, opt)
	collect(t, s, pings(1))
	rs := pings(40)
	got := make(chan Result, 2*len(rs))
	for i := range rs {
		rs[i].Deadline = time.Second
		rs[i].Done = func(r Result) { got <- r }
		if i%2 == 1 {
			rs[i].Class, rs[i].Router = LongLook, RouterKey{Addr: addr("198.51.100.1")}
		}
	}
	hs := s.SubmitAll(rs)
	next(t, got) // one has left
	for _, h := range hs {
		h.Cancel()
		h.Cancel()
	}
	cancelled := 0
	for range len(rs) - 1 {
		if r := next(t, got); errors.Is(r.Err, ErrCancelled) {
			cancelled++
			if r.Outcome != Unsent || !r.Sent.IsZero() {
				t.Errorf("got %+v", r)
			}
		}
	}
	if cancelled < 30 {
		t.Errorf("%d of 39 cancelled", cancelled)
	}
	st := s.Stats()
	waitFor(t, func() bool { st = s.Stats(); return st.Waiting == 0 && st.Queued == [Baseline + 1]int{} })
	if n := tally(collect(t, s, pings(2))); n["reply"] != 2 {
		t.Errorf("afterwards got %v", n)
	}
}

func TestStopTellsEverybody(t *testing.T) {
	opt := fakeOptions(t, "silent")
	opt.MaxPPS = 50
	opt.word = 10 * time.Second
	s := New(opt)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	rs := pings(300)
	left := make(chan struct{}, len(rs))
	got := make(chan Result, 2*len(rs)+2)
	for i := range rs {
		rs[i].Deadline = time.Second
		rs[i].OnSent = func(time.Time) { left <- struct{}{} }
		rs[i].Done = func(r Result) { got <- r }
		if i%3 == 0 {
			rs[i].Class, rs[i].Router = Baseline, RouterKey{Addr: addr("198.51.100.1")}
		}
	}
	s.SubmitAll(rs)
	<-left
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if len(got) != len(rs) {
		t.Fatalf("%d of %d were told when Run had returned", len(got), len(rs))
	}
	s.Submit(rs[0])
	for range len(rs) + 1 {
		if r := next(t, got); r.Outcome != Unsent || !errors.Is(r.Err, ErrStopped) {
			t.Fatalf("got %+v", r)
		}
	}
}
