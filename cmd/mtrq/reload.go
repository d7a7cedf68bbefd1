package main

import (
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/run"
)

// reloads are what a long-running command needs to read its configuration anew.
type reloads struct {
	again func() (*config.Config, error)
	hups  chan os.Signal // one HUP waits in it until the command can do as it asks
}

// takeHUPs is the first thing that such a command does: until then a HUP ends the
// process.
func takeHUPs(again func() (*config.Config, error)) reloads {
	on := reloads{again, make(chan os.Signal, 1)}
	signal.Notify(on.hups, syscall.SIGHUP)
	return on
}

// each calls f for every HUP until end is called.
func (on reloads) each(f func()) (end func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range on.hups {
			f()
		}
	}()
	return func() {
		signal.Stop(on.hups)
		close(on.hups)
		<-ended
	}
}

// reloadRunOnHUP reads the configuration anew when a HUP comes, until end is
// called: what can change while traces run does, and so do the lists of
// targets. A file that is wrong changes nothing.
func reloadRunOnHUP(r *run.Runner, d *watchdog, cfg *config.Config, on reloads, log *slog.Logger) (end func()) {
	began := cfg
	return on.each(func() {
		if d != nil {
			d.lists.Reload()
		}
		fresh, err := on.again()
		if err != nil {
			log.Error("reload; the configuration stays as it was", "err", err)
			return
		}
		r.Reload(settings(fresh))
		changed, _ := changedKeys(cfg, fresh)
		_, later := changedKeys(began, fresh)
		log.Info("reloaded", "changed", strings.Join(changed, " "), "only_after_a_restart", strings.Join(later, " "))
		cfg = fresh
	})
}

// changedKeys parts the keys with another value into those of this process that
// a reload changes, and those that it does not. [serve] has a reload of its own.
func changedKeys(before, now *config.Config) (changed, later []string) {
	for _, key := range differing(before, now) {
		switch {
		case strings.HasPrefix(key, "serve.") && key != "serve.ports":
		case reloadable(key):
			changed = append(changed, key)
		default:
			later = append(later, key)
		}
	}
	return changed, later
}

// differing are the keys with another value, in the order of the file.
func differing(before, now *config.Config) (keys []string) {
	old := map[string]string{}
	for _, l := range before.Lines() {
		old[l.Key] = l.Value
	}
	for _, l := range now.Lines() {
		if was, ok := old[l.Key]; !ok || was != l.Value {
			keys = append(keys, l.Key)
		}
	}
	return keys
}

// serveRestartKeys are the keys with another value that mtrq serve takes up
// only when it is started again.
func serveRestartKeys(before, now *config.Config) (later []string) {
	for _, key := range differing(before, now) {
		switch key {
		case "serve.allow_from", "serve.read_from", "serve.tokens_file", "serve.read_tokens", "serve.trusted_proxies", "serve.ports":
		case "node.name", "spool.dir", "archive.dir", "asn.database":
			later = append(later, key)
		default:
			if strings.HasPrefix(key, "serve.") {
				later = append(later, key)
			}
		}
	}
	return later
}

func reloadable(key string) bool {
	switch key {
	case "run.jobs", "run.max_pps", "serve.ports",
		"trace.interval", "trace.max_ttl", "trace.min_packets", "trace.tail", "trace.max_duration":
		return true
	}
	return strings.HasPrefix(key, "targets.")
}
