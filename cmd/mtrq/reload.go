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

// reloadRunOnHUP reads the configuration anew when a HUP comes, until end is
// called: what can change while traces run does, and so do the lists of
// targets. A file that is wrong changes nothing.
func reloadRunOnHUP(r *run.Runner, d *watchdog, cfg *config.Config, again func() (*config.Config, error), log *slog.Logger) (end func()) {
	hups := make(chan os.Signal, 1)
	signal.Notify(hups, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range hups {
			if d != nil {
				d.lists.Reload()
			}
			fresh, err := again()
			if err != nil {
				log.Error("reload; the configuration stays as it was", "err", err)
				continue
			}
			r.Reload(settings(fresh))
			changed, later := changedKeys(cfg, fresh)
			log.Info("reloaded", "changed", strings.Join(changed, " "), "only_after_a_restart", strings.Join(later, " "))
			cfg = fresh
		}
	}()
	return func() {
		signal.Stop(hups)
		close(hups)
		<-ended
	}
}

// changedKeys parts the keys with another value into those of this process that
// a reload changes, and those that it does not. [serve] has a reload of its own.
func changedKeys(before, now *config.Config) (changed, later []string) {
	old := map[string]string{}
	for _, l := range before.Lines() {
		old[l.Key] = l.Value
	}
	for _, l := range now.Lines() {
		if was, ok := old[l.Key]; ok && was == l.Value || strings.HasPrefix(l.Key, "serve.") && l.Key != "serve.ports" {
			continue
		}
		if reloadable(l.Key) {
			changed = append(changed, l.Key)
		} else {
			later = append(later, l.Key)
		}
	}
	return changed, later
}

func reloadable(key string) bool {
	switch key {
	case "run.jobs", "run.max_pps", "serve.ports",
		"trace.interval", "trace.max_ttl", "trace.min_packets", "trace.tail", "trace.max_duration":
		return true
	}
	return strings.HasPrefix(key, "targets.")
}
