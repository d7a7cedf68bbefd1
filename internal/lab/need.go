package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideVariable marks a process that TestMain has already put into a user namespace.
const insideVariable = "MTRQ_LAB_INSIDE"

// TestMain runs a package's tests where a lab can be made and returns the exit code: as root right here, as
// another user by running the same program again inside a new user and network namespace, in which it is root.
// Where the kernel refuses that, the tests run here and Need skips those that cannot work.
//
//	func TestMain(m *testing.M) { os.Exit(lab.TestMain(m)) }
func TestMain(m interface{ Run() int }) int {
	if os.Geteuid() == 0 || os.Getenv(insideVariable) != "" {
		return m.Run()
	}
	code, err := Again()
	if err != nil {
		return m.Run()
	}
	return code
}

// Again runs this program again, with the same arguments, as root of a new user and network namespace, passes
// signals on and returns its exit code. The error says that the kernel does not allow it.
func Again() (int, error) {
	return again(&syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	})
}

func again(attr *syscall.SysProcAttr) (int, error) {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.SysProcAttr = attr
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("run again in a namespace: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s) // it may have ended: Wait tells
		case err := <-ended:
			return ExitCode(err), nil
		}
	}
}

// ExitCode is what a shell would report for the result of exec.Cmd's Wait: 128 + signal number after a signal,
// and 1 when the command did not run at all.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 1
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return exit.ExitCode()
}

// Need skips the test, naming what is missing, where no Net can be made or one of the programs is not installed.
func Need(t interface {
	Helper()
	Skipf(format string, args ...any)
}, programs ...string) {
	t.Helper()
	if err := Possible(); err != nil {
		t.Skipf("needs a private network: %v", err)
	}
	for _, p := range append([]string{"nsenter"}, programs...) {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("needs the program %s: %v", p, err)
		}
	}
}

// Possible says whether a Net can be made by this process, and if not, what is missing.
func Possible() error {
	s, err := newSpace()
	if err != nil {
		return fmt.Errorf("%w (run as root, or allow unprivileged user namespaces)", err)
	}
	defer s.close()
	fd, err := unix.Open(tunPath, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EACCES) {
		return fmt.Errorf("open %s: %w (it is not readable for this user: chmod 0666 it, or run as root)", tunPath, err)
	}
	if err != nil {
		return fmt.Errorf("open %s: %w (modprobe tun; in a container pass --device %s)", tunPath, err, tunPath)
	}
	return unix.Close(fd)
}
