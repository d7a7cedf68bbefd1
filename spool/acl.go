package spool

import (
	"encoding/binary"
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// aclDefault is the extended attribute of a directory's default ACL. Its
// value is a version and an entry for each tag: tag, rights, ID (Linux,
// include/uapi/linux/posix_acl_xattr.h).
const (
	aclDefault  = "system.posix_acl_default"
	aclVersion  = 2
	aclUserObj  = 0x01
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclMask     = 0x10
	aclOther    = 0x20
	aclNoID     = 0xffffffff
)

// openToOwner gives drop/ a default ACL: what strangers create there can be
// read by the owner of drop/, whatever their umask. (A mode that was
// asked for explicitly still counts: the 0600 of mktemp shuts everybody out.)
// Filesystems without ACLs do without.
func openToOwner(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	value := binary.LittleEndian.AppendUint32(nil, aclVersion)
	for _, e := range []struct {
		tag, rights uint16
		id          uint32
	}{
		{aclUserObj, 6, aclNoID},
		{aclUser, 4, st.Uid},
		{aclGroupObj, 4, aclNoID},
		{aclMask, 6, aclNoID},
		{aclOther, 0, aclNoID},
	} {
		value = binary.LittleEndian.AppendUint16(value, e.tag)
		value = binary.LittleEndian.AppendUint16(value, e.rights)
		value = binary.LittleEndian.AppendUint32(value, e.id)
	}
	err := unix.Setxattr(path, aclDefault, value, 0)
	if err == nil || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return &fs.PathError{Op: "setxattr", Path: path, Err: err}
}
