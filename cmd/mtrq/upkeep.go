package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
)

// withArchive runs fn with the archive open for writing, until it is told
// to stop; where there is no archive yet it says so and does nothing. What
// fn writes belongs to whom the archive belongs to: a root that prunes must
// not leave files to which the node cannot append.
func withArchive(c *cli.Context, cfg *config.Config, fn func(ctx context.Context, w *archive.Writer) error) (err error) {
	st, err := os.Stat(filepath.Join(cfg.Archive.Dir, ".mtrq"))
	if errors.Is(err, fs.ErrNotExist) {
		note(c, "there is no archive in %s yet: nothing to do", cfg.Archive.Dir)
		return nil
	}
	if err != nil {
		return err
	}
	if err := become(st); err != nil {
		return fmt.Errorf("become the owner of the archive %s: %w", cfg.Archive.Dir, err)
	}
	w, err := archive.OpenWriter(cfg.Archive.Dir, archiveZone(cfg))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	ctx, end := signal.NotifyContext(c.Context, syscall.SIGTERM, syscall.SIGINT)
	defer end()
	return fn(ctx, w)
}

// sayNoArchive tells a person that an empty answer comes from no archive at all.
func sayNoArchive(c *cli.Context, ar *archive.Archive) {
	if _, ok := ar.Zone(); !ok {
		note(c, "there is no archive in %s yet", ar.Dir())
		note(c, "hint: mtrq run makes one; --archive, or [archive] dir, says where it is")
	}
}

// become gives up root for the owner of a file.
func become(st os.FileInfo) error {
	owner, ok := st.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || owner.Uid == 0 {
		return nil
	}
	if err := syscall.Setgroups([]int{int(owner.Gid)}); err != nil {
		return err
	}
	if err := syscall.Setgid(int(owner.Gid)); err != nil {
		return err
	}
	return syscall.Setuid(int(owner.Uid))
}

// keyFlags are flags of a command that stand for keys of the configuration.
func keyFlags(c *cli.Context, keys map[string]string) []config.Flag {
	var out []config.Flag
	for name, key := range keys {
		if c.IsSet(name) {
			out = append(out, config.Flag{Name: "--" + name, Key: key, Values: []string{c.String(name)}})
		}
	}
	return out
}
