package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/config"
)

// checkCache looks at where the watchdog keeps the usual paths and the last
// good lists. Without it all works, until the node is started again.
func checkCache(cfg *config.Config) []finding {
	if !watches(cfg) {
		return nil
	}
	dir := cfg.Archive.CacheDir
	f := finding{what: "cache", text: dir}
	there, err := nearestDir(dir)
	if err == nil {
		err = unix.Access(there, unix.W_OK|unix.X_OK)
	}
	switch {
	case err != nil:
		f.warn, f.text = true, fmt.Sprintf("%s: you may not write it (%v): usual paths and last good lists are forgotten when the node ends", dir, err)
		if there != dir {
			f.text = fmt.Sprintf("%s: it is not there, and you may not make it in %s (%v): usual paths and last good lists are forgotten when the node ends", dir, there, err)
		}
		f.do = "make it for the user of the node, or set [archive] cache_dir"
	case there != dir:
		f.text += ", made by the first mtrq run"
	}
	return []finding{f}
}

// nearestDir is dir, or what of the way to it is there. It fails where that is no
// directory.
func nearestDir(dir string) (string, error) {
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && !info.IsDir():
			return dir, unix.ENOTDIR
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR), dir == filepath.Dir(dir):
			return dir, err
		}
		dir = filepath.Dir(dir)
	}
}
