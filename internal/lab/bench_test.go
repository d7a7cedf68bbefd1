package lab_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/lab"
)

// blastVariable makes this test binary a sender of echo requests: "RATE SECONDS ADDRESS...".
const blastVariable = "MTRQ_LAB_BLAST"

// BenchmarkAnswers measures what the network costs at a steady rate of probes, which a process of its own sends:
// cores used by the engine, and how late its answers leave.
func BenchmarkAnswers(b *testing.B) {
	for _, rate := range []int{0, 1000, 10000, 30000, 60000} {
		b.Run(fmt.Sprintf("probes/s=%d", rate), func(b *testing.B) {
			lab.Need(b)
			for b.Loop() {
				measure(b, rate)
			}
		})
	}
}

func measure(b *testing.B, rate int) {
	const seconds = 5
	n, err := lab.Start(lab.Config{Targets: 500, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	job := []string{strconv.Itoa(rate), strconv.Itoa(seconds)}
	for i := range n.Targets() {
		job = append(job, n.Target(i).Addr4.String())
	}
	cmd := exec.CommandContext(b.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), blastVariable+"="+strings.Join(job, " "))
	cmd.Stderr = os.Stderr
	before := cpu()
	if err := n.Space().Start(cmd); err != nil {
		b.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	used := cpu() - before
	var late []time.Duration
	unanswered := 0
	for r := range n.Truth().Records() {
		if r.Answered.IsZero() {
			unanswered++
			continue
		}
		late = append(late, r.Answered.Sub(r.Due))
	}
	b.ReportMetric(used.Seconds()/seconds, "cores")
	if len(late) == 0 {
		return
	}
	slices.Sort(late)
	b.ReportMetric(float64(len(late)+unanswered), "probes")
	b.ReportMetric(float64(unanswered), "unanswered")
	b.ReportMetric(float64(n.Truth().Overload()), "overload")
	b.ReportMetric(float64(late[len(late)/2].Microseconds()), "late_p50_us")
	b.ReportMetric(float64(late[len(late)*99/100].Microseconds()), "late_p99_us")
	b.ReportMetric(float64(late[len(late)-1].Microseconds()), "late_max_us")
}

// cpu is the processor time of this process so far.
func cpu() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// blast sends echo requests evenly, with TTLs 1 to 16 in turn, over one raw socket whose answers nobody reads.
func blast(job string) error {
	words := strings.Fields(job)
	rate, _ := strconv.Atoi(words[0])
	seconds, _ := strconv.Atoi(words[1])
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	if err != nil {
		return err
	}
	var to []unix.SockaddrInet4
	for _, w := range words[2:] {
		var a unix.SockaddrInet4
		if _, err := fmt.Sscanf(w, "%d.%d.%d.%d", &a.Addr[0], &a.Addr[1], &a.Addr[2], &a.Addr[3]); err != nil {
			return err
		}
		to = append(to, a)
	}
	packet := make([]byte, 44)
	packet[0] = 8
	begin := time.Now()
	for sent := 0; ; {
		elapsed := time.Since(begin)
		if elapsed >= time.Duration(seconds)*time.Second {
			return unix.Close(fd)
		}
		for ; sent < int(elapsed.Seconds()*float64(rate)); sent++ {
			if sent%len(to) == 0 {
				if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, sent/len(to)%16+1); err != nil {
					return err
				}
			}
			binary.BigEndian.PutUint16(packet[6:], uint16(sent))
			binary.BigEndian.PutUint16(packet[2:], 0)
			var acc uint32
			for i := 0; i < len(packet); i += 2 {
				acc += uint32(binary.BigEndian.Uint16(packet[i:]))
			}
			acc = acc>>16 + acc&0xffff
			binary.BigEndian.PutUint16(packet[2:], ^uint16(acc+acc>>16))
			if err := unix.Sendto(fd, packet, 0, &to[sent%len(to)]); err != nil {
				return err
			}
		}
		ts := unix.NsecToTimespec(200_000)
		_ = unix.Nanosleep(&ts, nil)
	}
}
