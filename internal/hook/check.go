package hook

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Check says what would keep a hook from working here and now, without
// telling anybody anything: a program that is not there or that this user may
// not run, a template with a fault (file:line). An event that does not exist
// would never be told.
func Check(h Hook) error {
	if err := check(&h); err != nil {
		return fmt.Errorf("hook %s: %w", h.name(), err)
	}
	return nil
}

func check(h *Hook) error {
	if len(h.On) == 0 {
		return errors.New("on names no event: give " + OnOpen + " or " + OnClose)
	}
	for _, on := range h.On {
		if on != OnOpen && on != OnClose {
			return fmt.Errorf("on names %q: give %s or %s", on, OnOpen, OnClose)
		}
	}
	if (len(h.Command) == 0) == (h.URL == "") {
		return errors.New("give either command or url")
	}
	if len(h.Command) > 0 {
		if err := checkCommand(h.Command[0]); err != nil {
			return err
		}
	} else if u, err := url.Parse(h.URL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New(`url is none such as "https://hooks.example.net/mtrq"`)
	}
	_, err := newBody(h.Template)
	return err
}

func checkCommand(path string) error {
	if !filepath.IsAbs(path) {
		return errors.New("the program is no absolute path")
	}
	st, err := os.Stat(path)
	if err != nil {
		return startError(err)
	}
	if !st.Mode().IsRegular() {
		return errors.New("the program is no file")
	}
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS); err != nil {
		return startError(&os.PathError{Op: "run", Path: path, Err: err})
	}
	return nil
}
