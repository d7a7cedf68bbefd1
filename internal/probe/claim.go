package probe

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// The ICMP id of a probe is its mtr-packet's process id modulo 65,536, and an
// answer is matched by id and sequence alone, not by address. Two processes
// with one id on one network namespace take each other's answers: containers
// that share the host's network but count pids for themselves have low, equal
// ones. So an id is claimed, by a name that is known in the whole network
// namespace and goes when its owner dies: an abstract unix socket.

// errClaimed: another mtr-packet uses that ICMP id.
var errClaimed = errors.New("ICMP id in use")

// icmpID is what mtr-packet with this pid puts into its packets.
func icmpID(pid int) int { return pid & 0xffff }

// claimID claims the ICMP id of a process and returns the socket that holds
// the claim. It must be called in the network namespace of the probes.
func claimID(pid int) (fd int, err error) {
	id := icmpID(pid)
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("claim ICMP id %d: %w", id, err)
	}
	// "@" is the zero byte that makes the name abstract (unix(7)).
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: "@mtrq/icmp-id/" + strconv.Itoa(id)})
	if err != nil {
		_ = unix.Close(fd)
		if errors.Is(err, unix.EADDRINUSE) {
			err = errClaimed
		}
		return -1, fmt.Errorf("claim ICMP id %d: %w", id, err)
	}
	return fd, nil
}

// otherWithID looks for a process named mtr-packet, not ours by pid, which
// has the same ICMP id: that of somebody who runs mtr at the same time. What
// cannot be read (ended, or hidden from us) is passed over.
func otherWithID(proc string, pid int) (other int, found bool) {
	dirs, err := os.ReadDir(proc)
	if err != nil {
		return 0, false
	}
	for _, d := range dirs {
		p, err := strconv.Atoi(d.Name())
		if err != nil || p == pid {
			continue
		}
		comm, err := os.ReadFile(filepath.Join(proc, d.Name(), "comm"))
		if err != nil || string(bytes.TrimSpace(comm)) != "mtr-packet" {
			continue
		}
		status, err := os.ReadFile(filepath.Join(proc, d.Name(), "status"))
		if err != nil {
			continue
		}
		if icmpID(innerPid(status, p)) == icmpID(pid) {
			return p, true
		}
	}
	return 0, false
}

// innerPid is the pid that a process sees itself: the last of NSpid in its
// status file (proc_pid_status(5)).
func innerPid(status []byte, pid int) int {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("NSpid:")); ok {
			fields := bytes.Fields(rest)
			if len(fields) == 0 {
				break
			}
			if n, err := strconv.Atoi(string(fields[len(fields)-1])); err == nil {
				return n
			}
		}
	}
	return pid
}
