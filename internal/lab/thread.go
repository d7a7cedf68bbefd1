package lab

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// roomForThreads lets the Go scheduler run more threads than there are processors. The engine's two are nearly always
// inside a system call; were there no idle processors in the scheduler's sense, it would take theirs away on every
// call, waking up every 20 us to do so (measured at 1,000 probes/s on 2 cores: 0.13 core instead of 0.03).
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
