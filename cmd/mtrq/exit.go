package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/spool"
)

// Exit codes. 0 and 1 are everybody's; the others are those of sysexits.h.
const (
	exitFailed      = 1
	exitUsage       = 64
	exitData        = 65
	exitUnavailable = 69
	exitCantCreate  = 73
	exitIO          = 74
	exitTryAgain    = 75
	exitPermission  = 77
	exitConfig      = 78
)

const exitTable = `EXIT CODES
   0 done              69 unavailable       75 try again (another run has the spool)
   1 failed            73 cannot create     77 no permission
  64 wrong usage       74 input or output   78 configuration
  65 bad data
`

// failure is an error with the exit code and the hint that go with it.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail makes a failure; hint says what to do, a line for each thing, or is empty.
func fail(code int, err error, hint string) error { return &failure{code, err, hint} }

func usage(format string, args ...any) error {
	return fail(exitUsage, fmt.Errorf(format, args...), "")
}

// say prints an error and its hint and returns the exit code.
func say(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	code, hint := classify(err)
	for i, line := range strings.Split(strings.TrimRight(err.Error(), "\n"), "\n") {
		if i == 0 {
			fmt.Fprintf(w, "mtrq: error: %s\n", line)
		} else {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
	for line := range strings.Lines(hint) {
		fmt.Fprintf(w, "mtrq: hint: %s\n", strings.TrimRight(line, "\n"))
	}
	return code
}

// classify gives the exit code and the hint for an error.
func classify(err error) (code int, hint string) {
	var f *failure
	var job *spool.JobError
	var ambiguous *archive.AmbiguousError
	_, ofCLI := err.(cli.ExitCoder) // itself: what is wrapped may be a program's exit
	switch {
	case errors.As(err, &f):
		return f.code, f.hint
	case ofCLI: // help on what there is not
		return exitUsage, "mtrq --help lists the commands"
	case errors.Is(err, config.ErrConfig):
		return exitConfig, "config.example.toml has every key; mtrq config prints what is in force"
	case errors.Is(err, archive.ErrZone):
		return exitConfig, "set [archive] zone to the zone that the archive was made with, or give another --archive"
	case errors.Is(err, archive.ErrNewer):
		return exitUnavailable, "use the newer mtrq"
	case errors.Is(err, archive.ErrNotFound):
		return exitFailed, "mtrq list shows the IDs"
	case errors.As(err, &ambiguous):
		return exitData, "give more of the ID"
	case errors.Is(err, spool.ErrBusy):
		return exitTryAgain, "stop the other mtrq run, or give this one its own --spool"
	case errors.Is(err, archive.ErrBusy):
		return exitTryAgain, "wait for the other prune, reindex or verify --repair"
	case errors.Is(err, spool.ErrFull):
		return exitCantCreate, "free space, or lower [spool] reserve_bytes and reserve_inodes"
	case errors.As(err, &job):
		return exitData, ""
	case errors.Is(err, fs.ErrPermission):
		return exitPermission, "run as the user of the node (or root), or name your own --spool and --archive"
	case errors.Is(err, context.Canceled):
		return exitFailed, ""
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return exitIO, ""
	}
	return exitFailed, ""
}
