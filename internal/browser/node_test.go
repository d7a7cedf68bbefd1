package browser

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mtrq/mtrq/internal/names/dnstest"
	"github.com/mtrq/mtrq/internal/names/mmdbtest"
	"github.com/mtrq/mtrq/internal/web/fixture"
)

// build compiles mtrq, with the race detector where the tests have it.
func build(dir string) (string, error) {
	program := filepath.Join(dir, "mtrq")
	args := append(append([]string{"build"}, raceFlags...), "-o", program, "./cmd/mtrq")
	cmd := exec.Command("go", args...)
	cmd.Dir = root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build mtrq: %w\n%s", err, out)
	}
	return program, nil
}

// node is `mtrq serve` over a fixture that is kept alive.
type node struct {
	*fixture.Fixture
	url  string // without a slash at its end
	cmd  *exec.Cmd
	keep context.CancelFunc
	wg   sync.WaitGroup
	kept error

	dns *dnstest.Server

	mu  sync.Mutex
	log strings.Builder
	at  chan string // the address, once it is said
}

var saysURL = regexp.MustCompile(`\burl="?(http://127\.0\.0\.1:\d+)`)

func startNode(program, dir string) (*node, error) {
	n := &node{at: make(chan string, 1)}
	var err error
	if n.Fixture, err = fixture.Write(dir, time.Now()); err != nil {
		return nil, fmt.Errorf("write the fixture: %w", err)
	}
	if err := n.nameRouters(dir); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.keep = cancel
	n.wg.Go(func() { n.kept = n.Keep(ctx) })
	n.cmd = exec.Command(program, "--config", n.Config, "serve", "--listen", "127.0.0.1:0")
	n.cmd.Env = append(os.Environ(), "MTRQ_CONFIG=", "MTRQ_SPOOL=", "MTRQ_ARCHIVE=", "GORACE=atexit_sleep_ms=0")
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it does not outlive a test that is killed
	out, err := n.cmd.StderrPipe()
	if err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start mtrq serve: %w", err), n.end())
	}
	n.wg.Go(func() { n.read(out) })
	select {
	case n.url = <-n.at:
		return n, nil
	case <-time.After(time.Minute):
		return nil, errors.Join(fmt.Errorf("mtrq serve said no address within a minute"), n.stop())
	}
}

// nameRouters gives the node AS numbers and a DNS server that has names for
// some routers: short and long ones, and what no name may be. Of others
// nobody knows anything.
func (n *node) nameRouters(dir string) (err error) {
	path := filepath.Join(dir, "asn.mmdb")
	data := mmdbtest.Build(mmdbtest.ASN("198.18.0.0/21", 64500, "Example Networks"), mmdbtest.ASN("198.18.10.0/24", 64510, "Pearl Delta Telecom"),
		mmdbtest.ASN("198.18.11.0/24", 64510, "Pearl Delta Telecom"),
		mmdbtest.ASN("198.18.13.0/24", 64513, "Northern Trunk of Many Provinces, Backbone"), mmdbtest.ASN("198.18.112.0/21", 64513, "Northern Trunk of Many Provinces, Backbone"),
		mmdbtest.ASN("198.51.100.0/24", 64497, "Customers of Beijing"), mmdbtest.ASN("198.18.60.0/22", 64560, "Company with a Name That Fills More Than the Column of a Table Has"),
		mmdbtest.ASN("198.18.120.0/21", 64520, "Transit <b class=injected>of Strangers"), mmdbtest.ASN("203.0.113.0/24", 64496, "Customers of Guangzhou"),
		mmdbtest.ASN("2001:db8:ff00::/40", 4200000001, "Six"))
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return err
	}
	if n.dns, err = dnstest.New(); err != nil {
		return err
	}
	for addr, name := range map[string]string{
		"192.0.2.254": "gw.hk1.example.net", "198.18.0.5": "ae1.core1.hkg.example.net", "198.18.0.9": "xe-0-0-1.border2.hongkong-tseung-kwan-o.backbone.transit.example.net",
		"198.18.10.17": strings.Repeat("very-long-label.", 12) + "example.net", "198.18.10.21": "<script id=injected>alert(1)</script>.example.net",
		"198.18.10.25": "\x1b[2J.example.net", "203.0.113.7": "customer7.example.net", "198.51.100.50": "customer50.example.net", "198.18.113.9": "ecmp-2.example.net", "198.18.120.5": "ecmp-1.example.net",
	} {
		n.dns.Set(netip.MustParseAddr(addr), name)
	}
	f, err := os.OpenFile(n.Config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "\n[asn]\ndatabase = %q\n\n[serve]\nreverse_dns = %q\n", path, n.dns.Addr())
	return errors.Join(err, f.Close())
}

// read keeps what serve says.
func (n *node) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m := saysURL.FindStringSubmatch(lines.Text()); m != nil {
			select {
			case n.at <- m[1]:
			default:
			}
		}
		n.mu.Lock()
		n.log.WriteString(lines.Text() + "\n")
		n.mu.Unlock()
	}
}

// said is all that serve has said.
func (n *node) said() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.log.String()
}

// stop ends serve as an operator does, and fails where it ended otherwise or
// raced.
func (n *node) stop() error {
	err := n.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(time.Minute, func() { _ = n.cmd.Process.Kill() })
	end := n.end() // what serve said is read to its end before Wait closes the pipe
	err = errors.Join(err, n.cmd.Wait(), end)
	late.Stop()
	if said := n.said(); err != nil || strings.Contains(said, "DATA RACE") || strings.Contains(said, "panic") {
		return errors.Join(err, errors.New("mtrq serve said:\n"+said))
	}
	return nil
}

// end lets the fixture go.
func (n *node) end() error {
	n.keep()
	n.wg.Wait()
	return errors.Join(n.kept, n.Close(), n.dns.Close())
}
