package contrib_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// zabbixCommand is the command with its macros filled in as Zabbix does it (as they are) and the door replaced.
func zabbixCommand(t *testing.T, door, conn string) string {
	t.Helper()
	line := strings.TrimSpace(read(t, "contrib/zabbix/remote-command.txt"))
	if !strings.Contains(line, "http://127.0.0.1:8081") {
		t.Fatalf("the command does not ask mtrq's own address: %s", line)
	}
	return strings.NewReplacer("http://127.0.0.1:8081", door,
		"{HOST.CONN}", conn, "{EVENT.ID}", "481516", "{TRIGGER.ID}", "2342", "{HOST.ID}", "10084").Replace(line)
}

func TestZabbixCommandIsSafe(t *testing.T) {
	line := strings.TrimSpace(read(t, "contrib/zabbix/remote-command.txt"))
	if !strings.Contains(read(t, "contrib/zabbix/README.md"), "\n"+line+"\n") {
		t.Error("README.md shows another command than remote-command.txt")
	}
	// Macros reach the shell as they are. These four hold numbers and an address; anything else can hold $(…).
	safe := []string{"{HOST.CONN}", "{EVENT.ID}", "{TRIGGER.ID}", "{HOST.ID}"}
	for _, macro := range regexp.MustCompile(`\{[^}]*\}`).FindAllString(line, -1) {
		if !slices.Contains(safe, macro) {
			t.Errorf("%s in the command: somebody else can write what it holds", macro)
		}
	}
	if strings.Contains(line, "\n") {
		t.Error("the command has more than one line")
	}
}

func TestZabbixCommandAsks(t *testing.T) {
	need(t, "curl")
	for name, conn := range map[string]string{"IPv4": "203.0.113.7", "IPv6": "2001:db8::7", "name": "edge.example.net"} {
		for _, shell := range []string{"dash", "bash"} {
			t.Run(name+" "+shell, func(t *testing.T) {
				need(t, shell)
				asked := make(chan *http.Request, 1)
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					asked <- r
					w.WriteHeader(http.StatusAccepted)
					_, _ = w.Write([]byte("01KAR1ABTB5H2ZJ0Q4V7W8X9YZ http://x/r/y\n"))
				}))
				defer server.Close()
				out := mustRun(t, command(t, shell, "-c", zabbixCommand(t, server.URL, conn)))
				if want := "01KAR1ABTB5H2ZJ0Q4V7W8X9YZ http://x/r/y\n"; out != want {
					t.Errorf("printed %q, want %q", out, want)
				}
				r := <-asked
				want := url.Values{"ip": {conn}, "event": {"zabbix-481516"}, "tag": {"trigger=2342", "host=10084"}}
				if diff := cmp.Diff(want, r.URL.Query()); r.URL.Path != "/api/mtr" || diff != "" {
					t.Errorf("asked for %s (-want +got):\n%s", r.URL, diff)
				}
			})
		}
	}
}

// TestZabbixCommandFailsAloud: Zabbix notes a failure and keeps what the command printed, so both must be there.
func TestZabbixCommandFailsAloud(t *testing.T) {
	need(t, "curl", "dash")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "ip is empty: use {HOST.CONN}", http.StatusBadRequest)
	}))
	r := run(t, command(t, "dash", "-c", zabbixCommand(t, server.URL, "")))
	if r.code != 22 || !strings.Contains(r.stdout, "use {HOST.CONN}") {
		t.Errorf("refused: exit code %d, stdout %q; want 22 and the words of the answer", r.code, r.stdout)
	}
	server.Close()
	r = run(t, command(t, "dash", "-c", zabbixCommand(t, server.URL, "203.0.113.7")))
	if r.code == 0 || r.stderr == "" {
		t.Errorf("nobody there: exit code %d, stderr %q; want a failure that says so", r.code, r.stderr)
	}
}

// TestCronLines: cron takes a % for a line break and knows no continuation lines.
func TestCronLines(t *testing.T) {
	fields := regexp.MustCompile(`^[0-9*/,-]+( +[0-9*/,-]+){4} +mtrq +\S`)
	jobs := 0
	for line := range strings.Lines(read(t, "contrib/cron/mtrq.cron")) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "PATH=") || line == "" {
			continue
		}
		jobs++
		if !fields.MatchString(line) || strings.Contains(line, "%") || strings.HasSuffix(line, `\`) {
			t.Errorf("cron would misread: %s", line)
		}
	}
	if jobs != 2 {
		t.Errorf("%d jobs, want 2", jobs)
	}
}
