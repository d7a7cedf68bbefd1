package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/names"
	"github.com/mtrq/mtrq/internal/web"
	"github.com/mtrq/mtrq/spool"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "take requests and show the archive over HTTP",
		Description: `Writes jobs into the spool and only reads the archive; traces nothing itself.

   curl 'http://127.0.0.1:8081/api/mtr?ip=203.0.113.7'          trace now; prints ID and link
   curl 'http://127.0.0.1:8081/api/mtr?ip=203.0.113.7&wait=40'  the same, and the report
   curl --data-binary @targets http://127.0.0.1:8081/api/mtr    a list, one target a line
   curl http://127.0.0.1:8081/                                  what there is, as text
   http://127.0.0.1:8081/                                       the same in a browser
   http://127.0.0.1:8081/metrics                                for Prometheus
   http://127.0.0.1:8081/api/v1/openapi.json                    what programs can ask

Where: --listen, or [serve] listen, takes any number of
   127.0.0.1:8081               this machine alone (the default)
   192.0.2.10:8081              others, too; then set read_from or read_tokens
   tls:192.0.2.10:8443          encrypted, with [serve] tls_cert and tls_key
   unix:/run/mtrq/serve.sock    programs of this machine: curl --unix-socket
   systemd                      the sockets of mtrq-serve.socket

Who may ask for a trace: [serve] allow_from (this machine) without a token, anybody
with a token of tokens_file: curl -H 'Authorization: Bearer TOKEN'. A container has an
address of its own and is not this machine: mtrq check prints the lines to add.
Who may read: whoever can connect, unless read_from or read_tokens says otherwise.

202 means that the job is on the disk, whether anybody traces now or not; the answer
says so when nobody does. HUP reads tokens, certificate and who may do what again (a
bad file keeps the old); TERM answers what was asked and ends.`,
		Flags: []cli.Flag{listenFlag()},
		Action: func(c *cli.Context) error {
			on := takeHUPs(reloader(c))
			cfg, err := load(c, listen(c)...)
			if err != nil {
				return err
			}
			log := newLog(c)
			boundMemory(cfg)
			ctx, stop, end := signals(c.Context, func() { notify(log, daemon.SdNotifyStopping) })
			defer end()
			return serveNode(ctx, stop, cfg, on, log)
		},
	}
}

// boundMemory makes the garbage collector work harder as memory comes near
// what is promised for serve, 64 MB with the program itself: without, a
// burst of large pages leaves the process at twice what it uses. A database
// of AS numbers is in memory beside that, twice while it is replaced.
func boundMemory(cfg *config.Config) {
	most := int64(48 << 20)
	if st, err := os.Stat(cfg.ASN.Database); cfg.ASN.Database != "" && err == nil {
		most += 2 * st.Size()
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(most)
	}
}

func listenFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "listen", Aliases: []string{"l"}, Usage: "`PLACE`: HOST:PORT, tls:HOST:PORT, unix:PATH or systemd; may be repeated"}
}

func listen(c *cli.Context) []config.Flag {
	if !c.IsSet("listen") {
		return nil
	}
	return []config.Flag{{Name: "--listen", Key: "serve.listen", Values: c.StringSlice("listen")}}
}

// reloader loads the configuration again, with the same flags.
func reloader(c *cli.Context) func() (*config.Config, error) {
	return func() (*config.Config, error) { return load(c, listen(c)...) }
}

func serveNode(ctx context.Context, stop <-chan struct{}, cfg *config.Config, on reloads, log *slog.Logger) error {
	sp, err := openSpool(cfg, nil)
	if err != nil {
		return err
	}
	s, err := newServer(cfg, sp, log)
	if err != nil {
		return err
	}
	ls, err := web.Listen(ctx, cfg.Serve.Listen)
	if err != nil {
		return fail(exitUnavailable, err, listenHint(err))
	}
	sayServing(log, cfg, &s.Access, ls)
	defer reloadOnHUP(s, cfg, on, log)()
	notify(log, daemon.SdNotifyReady)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return s.Run(ctx, ls)
}

func listenHint(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "another server may have the port or socket: give --listen another one"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "it is no address of this machine now: mtrq check prints those of container networks"
	case errors.Is(err, fs.ErrNotExist): // of a unix socket; a host that does not exist is another error
		return "make the directory of the socket first; with systemd, RuntimeDirectory= does"
	case errors.Is(err, fs.ErrPermission):
		return "a port below 1024 needs CAP_NET_BIND_SERVICE, a unix socket a directory that this user may write"
	}
	return ""
}

// sayServing says where to ask and who may.
func sayServing(log *slog.Logger, cfg *config.Config, a *web.Access, ls []*web.Listener) {
	for _, l := range ls {
		log.Info("serving", "url", l.String(), "enqueue", mayEnqueue(cfg, l), "read", mayRead(cfg, l))
		if l.Public() && a.OpenToAll() {
			log.Warn("whoever can connect may read: set [serve] read_from or read_tokens", "url", l.String())
		}
	}
	if os.Getenv("LISTEN_PID") == fmt.Sprint(os.Getpid()) {
		log.Warn(`systemd passed sockets that nobody listens on: add "systemd" to [serve] listen`)
	}
}

func mayEnqueue(cfg *config.Config, l *web.Listener) string {
	if l.Unix() {
		return withToken(cfg, "owner and group of the socket")
	}
	return enqueuers(cfg)
}

func enqueuers(cfg *config.Config) string { return withToken(cfg, prefixText(cfg.Serve.AllowFrom)) }

func withToken(cfg *config.Config, who string) string {
	if cfg.Serve.TokensFile != "" {
		who += " and who has a token"
	}
	return who
}

func mayRead(cfg *config.Config, l *web.Listener) string {
	if l.Unix() {
		return "owner and group of the socket"
	}
	return readers(cfg)
}

func readers(cfg *config.Config) string {
	var who []string
	switch {
	case len(cfg.Serve.ReadFrom) == 0 && cfg.Serve.ReadTokens == "":
		return "everybody who can connect"
	case len(cfg.Serve.ReadFrom) > 0:
		who = append(who, prefixText(cfg.Serve.ReadFrom))
	}
	if cfg.Serve.ReadTokens != "" {
		who = append(who, "who has a token")
	}
	return strings.Join(who, " and ")
}

func prefixText(ps []netip.Prefix) string {
	if len(ps) == 0 {
		return "nobody"
	}
	out := make([]string, len(ps))
	for i, p := range ps {
		out[i] = p.String()
	}
	return strings.Join(out, ", ")
}

// reloadOnHUP puts new rules in force when a HUP comes, until end is
// called. What cannot be read leaves the old rules.
func reloadOnHUP(s *web.Server, cfg *config.Config, on reloads, log *slog.Logger) (end func()) {
	return on.each(func() {
		notify(log, daemon.SdNotifyReloading)
		if err := reload(s, cfg, on.again, log); err != nil {
			log.Error("who may do what stays as it was", "err", err)
		}
		notify(log, daemon.SdNotifyReady)
	})
}

// reload puts the rules of the configuration as it is now in force, and says
// what it does not change of those that the server began with.
func reload(s *web.Server, began *config.Config, again func() (*config.Config, error), log *slog.Logger) error {
	cfg, err := again()
	if err != nil {
		return err
	}
	a, err := access(cfg, log)
	if err != nil {
		return err
	}
	s.SetAccess(a)
	s.SetPolicy(policy(cfg))
	log.Info("who may do what is read again", "enqueue", enqueuers(cfg), "read", readers(cfg),
		"only_after_a_restart", strings.Join(serveRestartKeys(began, cfg), " "))
	if s.TLS != nil {
		if err := s.TLS.Reload(); err != nil {
			log.Error("the old certificate stays in use", "err", err)
		}
	}
	return nil
}

// access reads the files of tokens that the configuration names.
func access(cfg *config.Config, log *slog.Logger) (web.Access, error) {
	v := cfg.Serve
	a := web.Access{AllowFrom: v.AllowFrom, ReadFrom: v.ReadFrom, TrustedProxies: v.TrustedProxies}
	for _, f := range []struct {
		key, path string
		to        **web.Tokens
	}{{"tokens_file", v.TokensFile, &a.EnqueueTokens}, {"read_tokens", v.ReadTokens, &a.ReadTokens}} {
		if f.path == "" {
			continue
		}
		t, err := web.OpenTokens(f.path)
		if err != nil {
			return web.Access{}, fail(exitConfig, fmt.Errorf("[serve] %s: %w", f.key, err), "the file holds one token a line: openssl rand -hex 24 makes one")
		}
		if t.Len() == 0 {
			log.Warn("the file holds no token: nobody has a valid one", "file", f.path)
		}
		if t.Exposed() {
			log.Warn("every user of this machine may read the tokens: chmod o-r", "file", f.path)
		}
		*f.to = t
	}
	return a, nil
}

func newServer(cfg *config.Config, sp *spool.Spool, log *slog.Logger) (*web.Server, error) {
	ar, err := archive.Open(cfg.Archive.Dir)
	if err != nil {
		return nil, err
	}
	a, err := access(cfg, log)
	if err != nil {
		return nil, err
	}
	s := &web.Server{
		Spool: sp, Archive: ar, Policy: policy(cfg), Access: a,
		Limits: web.Limits{
			Rate: float64(cfg.Serve.ClientRate), Burst: float64(cfg.Serve.ClientBurst), MetricsTargets: cfg.Serve.MetricsTargets,
		},
		Node: cfg.Node.Name, Version: version(), Log: log, Now: time.Now,
	}
	nameAddresses(s, cfg)
	if cfg.Serve.TLSCert != "" {
		if s.TLS, err = web.OpenCertificate(cfg.Serve.TLSCert, cfg.Serve.TLSKey, log); err != nil {
			return nil, fail(exitConfig, fmt.Errorf("[serve] tls_cert: %w", err), "")
		}
	}
	for _, u := range cfg.Serve.PublicURL {
		parsed, err := url.Parse(u)
		if err != nil {
			return nil, fail(exitConfig, fmt.Errorf("[serve] public_url %q: %w", u, err), "")
		}
		s.PublicURL = append(s.PublicURL, parsed)
	}
	return s, nil
}

// namesFrom is whom reverse_dns says to ask; nil: nobody.
func namesFrom(s config.Serve) names.Resolver {
	server, _ := s.DNSServer() // Validate has seen that it is one
	switch {
	case server.IsValid():
		return names.ResolverAt(server)
	case s.ReverseDNS != "":
		return net.DefaultResolver
	}
	return nil
}

// nameAddresses gives pages what the configuration has of AS numbers and names.
func nameAddresses(s *web.Server, cfg *config.Config) {
	r := namesFrom(cfg.Serve)
	if cfg.ASN.Database == "" && r == nil {
		return
	}
	b := names.New(names.Options{Database: cfg.ASN.Database, Resolver: r})
	s.Names = b
	if cfg.ASN.Database != "" {
		s.AS = b.AS
	}
}
