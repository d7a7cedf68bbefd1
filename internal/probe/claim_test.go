package probe

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

func TestClaim(t *testing.T) {
	const pid = 1 << 20 // none of ours
	fd, err := claimID(pid + 5)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := claimID(pid + 5 + 65536); !errors.Is(err, errClaimed) {
		t.Errorf("the same id once more: %v, want %v", err, errClaimed)
	}
	other, err := claimID(pid + 6)
	if err != nil {
		t.Errorf("another id: %v", err)
	}
	_, _ = unix.Close(fd), unix.Close(other)
	if fd, err = claimID(pid + 5); err != nil {
		t.Errorf("a released id: %v", err)
	}
	_ = unix.Close(fd)
}

func TestOtherWithID(t *testing.T) {
	proc := t.TempDir()
	add := func(pid int, comm, nspid string) {
		dir := filepath.Join(proc, strconv.Itoa(pid))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"comm": comm + "\n", "status": "Name:\t" + comm + "\nPid:\t" + strconv.Itoa(pid) + "\n" + nspid} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(100, "mtr-packet", "NSpid:\t100\n")
	add(70000, "mtr-packet", "NSpid:\t70000\t12\n") // in a container it is 12
	add(80000, "bash", "NSpid:\t80000\n")
	add(90000, "mtr-packet", "") // a kernel without NSpid
	for name, c := range map[string]struct{ pid, other int }{
		"itself":              {100, 0},
		"equal modulo 65,536": {100 + 65536, 100},
		"pid in a container":  {12, 70000},
		"pid outside of it":   {70000 - 65536, 0},
		"another program":     {80000 - 65536, 0},
		"no NSpid":            {90000 - 65536, 90000},
		"nobody":              {4242, 0},
	} {
		t.Run(name, func(t *testing.T) {
			other, found := otherWithID(proc, c.pid)
			if other != c.other || found != (c.other != 0) {
				t.Errorf("got %d, %v; want %d", other, found, c.other)
			}
		})
	}
	if _, found := otherWithID(filepath.Join(proc, "nothing"), 1); found {
		t.Error("found somebody without /proc")
	}
}
