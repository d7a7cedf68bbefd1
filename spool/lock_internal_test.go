package spool

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestHolderIn(t *testing.T) {
	file := unix.Stat_t{Dev: unix.Mkdev(0xfe, 1), Ino: 131077}
	for _, c := range []struct {
		name, line string
		want       int
	}{
		{"locked", "1: FLOCK  ADVISORY  WRITE 4711 fe:01:131077 0 EOF", 4711},
		{"beside others", "1: POSIX  ADVISORY  WRITE 12 fe:01:131077 0 EOF\n2: FLOCK  ADVISORY  WRITE 4711 fe:01:131077 0 EOF", 4711},
		{"nothing", "", 0},
		{"another file", "1: FLOCK  ADVISORY  WRITE 4711 fe:01:131078 0 EOF", 0},
		{"an inode that ends alike", "1: FLOCK  ADVISORY  WRITE 4711 fe:01:9131077 0 EOF", 0},
		{"another device", "1: FLOCK  ADVISORY  WRITE 4711 fe:02:131077 0 EOF", 0},
		{"another device, as stat has it on btrfs", "1: FLOCK  ADVISORY  WRITE 4242 00:1f:131077 0 EOF", 4242},
		{"who waits for it", "1: -> FLOCK  ADVISORY  WRITE 4711 fe:01:131077 0 EOF", 0},
		{"for reading", "1: FLOCK  ADVISORY  READ 4711 fe:01:131077 0 EOF", 0},
		{"of another PID namespace", "1: FLOCK  ADVISORY  WRITE 0 fe:01:131077 0 EOF", 0},
		{"torn", "1: FLOCK", 0},
	} {
		if got := holderIn(c.line, file, 4242); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}
