package lab

import (
	"math"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// roomForThreads gives the Go scheduler processors to spare: while there is traffic, the engine's two threads keep
// one each, also while they wait (see waitFor).
func roomForThreads() {
	if want := runtime.NumCPU() + 3; runtime.GOMAXPROCS(0) < want {
		runtime.GOMAXPROCS(want)
	}
}

// enginePriority is above ordinary work and far below the kernel's own real-time threads.
const enginePriority = 10

// onEngineThread runs loop on an OS thread of its own, with real-time priority where that is allowed: the engine
// stands for routers and lines, which do not wait for the processes of the machine that is being tested.
func onEngineThread(loop func()) {
	runtime.LockOSThread()
	attr := &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: enginePriority,
		Flags: unix.SCHED_FLAG_RESET_ON_FORK, // the runtime's new threads and child processes stay ordinary
	}
	raised := unix.SchedSetAttr(0, attr, 0) == nil
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // default 50 us would be seen in every RTT
	loop()
	if raised {
		if unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr}, 0) != nil {
			return // still locked: the thread ends with the goroutine and takes its priority along
		}
	}
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)
	runtime.UnlockOSThread()
}

// quickCall reads or writes a descriptor that does not block, without telling the Go scheduler.
func quickCall(trap uintptr, fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(trap, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), errno
}

// quietNs is how long there has to be nothing to do until a thread waits in the way that is usual in Go.
const quietNs = 20_000_000

// waitFor polls until one of fds is ready, timeoutNs have passed or a signal arrives; math.MaxInt64 is for ever.
//
// It first waits for a short while without telling the Go scheduler. A goroutine that makes one announced system
// call after the other for 10 ms has its processor taken away, and the scheduler's monitor, having found something
// to do, then runs every 20 us for a while: at 1,000 probes/s it used more than both threads (0.08 core). When the
// collector wants to stop such a thread, its signal ends the poll.
func waitFor(fds []unix.PollFd, timeoutNs int64) {
	if short := min(timeoutNs, quietNs); short > 0 {
		ts := unix.NsecToTimespec(short)
		n, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)),
			uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
		if errno != 0 || n > 0 || short == timeoutNs {
			if errno != 0 {
				clearEvents(fds)
			}
			return
		}
	}
	var timeout *unix.Timespec
	if timeoutNs != math.MaxInt64 {
		ts := unix.NsecToTimespec(max(0, timeoutNs-quietNs))
		timeout = &ts
	}
	if _, err := unix.Ppoll(fds, timeout, nil); err != nil {
		clearEvents(fds)
	}
}

// nap sleeps for a time that is too short to tell the Go scheduler.
func nap(ns int64) {
	ts := unix.NsecToTimespec(ns)
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
}

func clearEvents(fds []unix.PollFd) {
	for i := range fds {
		fds[i].Revents = 0
	}
}

// signalEvent makes an eventfd readable.
func signalEvent(fd int) {
	one := [8]byte{7: 1, 0: 1} // not zero in either byte order
	_, _ = quickCall(unix.SYS_WRITE, fd, one[:])
}
