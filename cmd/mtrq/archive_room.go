package main

import (
	"fmt"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
)

// archiveRoom says that the archive's disk is full, or will be soon: from
// twice the reserve of the spool's on, as of the spool itself. Both are
// empty where there is enough.
func archiveRoom(cfg *config.Config, dir string) (full, soon string) {
	room, err := archive.RoomIn(dir)
	if err != nil {
		return err.Error(), ""
	}
	bytes, inodes := uint64(cfg.Spool.ReserveBytes), uint64(cfg.Spool.ReserveInodes)
	left, few := sizeText(room.Bytes)+" free", room.Bytes < 2*bytes
	none := room.Bytes < max(1, min(bytes/16, 16<<20)) // a report and its index want some
	if !few && !none && room.Counts {
		left, few = fmt.Sprintf("%d inodes free", room.Inodes), room.Inodes < 2*inodes
		none = room.Inodes < max(1, min(inodes/16, 1000))
	}
	switch {
	case none:
		return left + " for reports, which wait in the spool until there is room", ""
	case few:
		return "", left + " for reports: free space soon; mtrq prune removes or compresses old ones"
	}
	return "", ""
}

// ownDisk says whether the archive has a disk apart from the spool's.
func ownDisk(cfg *config.Config, dir string) bool {
	a, err := archive.RoomIn(dir)
	s, err2 := archive.RoomIn(cfg.Spool.Dir)
	return err != nil || err2 != nil || a.Device != s.Device
}

// sizeText is "12.6 MB".
func sizeText(n uint64) string {
	for _, u := range []struct {
		name string
		size float64
	}{{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if float64(n) >= u.size {
			return fmt.Sprintf("%.1f %s", float64(n)/u.size, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
