package lab_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/mtrq/mtrq/internal/lab"
)

func TestMain(m *testing.M) {
	if job := os.Getenv(blastVariable); job != "" {
		if err := blast(job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(lab.TestMain(m))
}

// start makes a network that ends with the test.
func start(t *testing.T, cfg lab.Config, programs ...string) *lab.Net {
	t.Helper()
	lab.Need(t, programs...)
	n, err := lab.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if got := n.Truth().Overload(); got != 0 {
			t.Errorf("the lab itself dropped %d packets", got)
		}
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

// output runs a program inside and returns what it printed, whatever its exit code.
func output(t *testing.T, s *lab.Space, name string, args ...string) string {
	t.Helper()
	out, err := s.Command(t.Context(), name, args...).CombinedOutput()
	t.Logf("%s %v: %v\n%s", name, args, err, out)
	return string(out)
}

// hub is a line of mtr's JSON report.
type hub struct {
	Count int     `json:"count"`
	Host  string  `json:"host"`
	Loss  float64 `json:"Loss%"`
	Snt   int     `json:"Snt"`
	Avg   float64 `json:"Avg"`
	Best  float64 `json:"Best"`
}

func mtr(t *testing.T, s *lab.Space, args ...string) []hub {
	t.Helper()
	var doc struct {
		Report struct {
			Hubs []hub `json:"hubs"`
		} `json:"report"`
	}
	text := output(t, s, "mtr", append([]string{"-n", "-r", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("mtr's JSON: %v", err)
	}
	return doc.Report.Hubs
}

func TestMtrSeesThePath(t *testing.T) {
	n := start(t, lab.Config{Targets: 3, Seed: 1}, "mtr")
	target := n.Target(1)
	hubs := mtr(t, n.Space(), "-c", "5", "-i", "0.2", target.Addr4.String())
	t.Log(n.Truth().Toward(1, lab.Window{}), n.Truth().Noise(), hubs)
}
