package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/targets"
)

// checkNode is what a node that runs says is wrong; of its jobs checkSpool does.
func checkNode(cfg *config.Config) (out []finding) {
	sp, err := lookAtSpool(cfg)
	if err != nil {
		return nil // checkSpool says it
	}
	st, tracing, _ := sp.RunState(time.Now())
	for _, h := range st.Health {
		if tracing && !h.OK && h.What != "claim" && h.What != "drop" {
			out = append(out, finding{what: "node", err: fmt.Errorf("process %d: %s: %s", st.PID, h.What, printable(h.Hint))})
		}
	}
	return out
}

// notAsked resolves no name: check sends nothing.
type notAsked struct{}

func (notAsked) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, errors.New("not asked")
}

// listFaults reads the files of [watch] as a node does, and says what is wrong
// with them. URLs are left alone.
func listFaults(ctx context.Context, cfg *config.Config) (faults []string) {
	if len(cfg.Watch.Files) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second) // what was read by then is told
	defer cancel()
	l := newLists(cfg, slog.New(slog.DiscardHandler))
	l.URLs, l.Dir, l.Resolver = nil, "", notAsked{}
	told := 0
	err := l.Run(ctx, func(targets.List) {
		if told++; told > 1 { // the first is of the configuration alone
			cancel()
		}
	})
	if err != nil {
		faults = append(faults, err.Error())
	}
	for _, s := range l.Sources() {
		if s.Err != "" {
			faults = append(faults, s.Source+": "+s.Err)
		}
	}
	return faults
}

// checkHooks looks for the programs and templates of hooks. Nothing is run.
func checkHooks(cfg *config.Config) (out []finding) {
	for i, h := range cfg.Hooks {
		var errs []error
		if len(h.Command) > 0 {
			if _, err := exec.LookPath(h.Command[0]); err != nil {
				errs = append(errs, fmt.Errorf("number %d: %w", i+1, err))
			}
		}
		if h.Template != "" {
			if _, err := os.Stat(h.Template); err != nil {
				errs = append(errs, fmt.Errorf("number %d, template: %w", i+1, err))
			}
		}
		if err := errors.Join(errs...); err != nil {
			out = append(out, finding{what: "hook", err: err, do: "mend [[hook]], or put the file there: nobody is told of incidents by it"})
		}
	}
	return out
}

// notYet are the tables of the configuration that nothing goes by in this version.
func notYet(cfg *config.Config) (tables []string) {
	if cfg.Zabbix != (config.Zabbix{}) {
		tables = append(tables, "[zabbix]")
	}
	if cfg.S3 != (config.S3{}) {
		tables = append(tables, "[s3]")
	}
	if len(cfg.Nodes) > 0 {
		tables = append(tables, "[[nodes]]")
	}
	return tables
}

func checkNotYet(cfg *config.Config) []finding {
	tables := notYet(cfg)
	if len(tables) == 0 {
		return nil
	}
	return []finding{{what: "not yet", warn: true, text: strings.Join(tables, ", ") + ": kept for a later version; nothing goes by it yet",
		do: "leave it out, or leave it in and expect nothing of it"}}
}

// silentListeners are the places where mtrq serve should listen and nobody
// does. Only this machine's own addresses are tried, which go through its
// loopback; of the others, and of sockets of systemd, nobody knows here.
func silentListeners(listen []string) (silent []string) {
	for _, l := range listen {
		network, at := "tcp", strings.TrimPrefix(l, "tls:")
		if path, ok := strings.CutPrefix(l, "unix:"); ok {
			network, at = "unix", path
		} else if at = ownAddress(at); at == "" {
			continue
		}
		conn, err := net.DialTimeout(network, at, time.Second)
		if err == nil {
			conn.Close() // nothing was sent
		} else if !errors.Is(err, os.ErrPermission) { // who may not connect cannot tell
			silent = append(silent, l)
		}
	}
	return silent
}

// ownAddress is where a listener of this machine can be reached, or "".
func ownAddress(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "0" {
		return ""
	}
	if host == "" || host == "localhost" {
		return net.JoinHostPort("localhost", port)
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	switch {
	case ip == netip.IPv4Unspecified():
		return net.JoinHostPort("127.0.0.1", port)
	case ip == netip.IPv6Unspecified():
		return net.JoinHostPort("::1", port)
	case ip.IsLoopback():
		return listen
	}
	own, err := net.InterfaceAddrs()
	if err == nil && slices.ContainsFunc(own, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr() == ip
	}) {
		return listen
	}
	return ""
}
