package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
)

// toBad moves a file into bad/ under the name as. The reason comes first: a
// file in bad/ without one would be silence. It goes again where the file
// cannot follow.
func (s *Spool) toBad(dir, file, as, reason string) error {
	if err := s.writeReason(as, reason); err != nil {
		return err
	}
	err := s.fs.move(s.path(dir, file), s.path("bad", as))
	if err == nil {
		return nil
	}
	if _, there := s.fs.lstat(s.path("bad", as)); errors.Is(there, fs.ErrNotExist) {
		err = errors.Join(err, s.fs.remove(s.path("bad", as+".reason")))
	}
	return err
}

// writeReason writes bad/<file>.reason, replacing what a crash may have left.
func (s *Spool) writeReason(file, reason string) error {
	name := file + ".reason"
	tmp := s.path("tmp", name)
	if err := s.fs.remove(tmp); err != nil {
		return err
	}
	if err := s.fs.write(tmp, 0o600, []byte(oneLine(reason)+"\n")); err != nil {
		return fmt.Errorf("write the reason: %w", err)
	}
	return s.fs.replace(tmp, s.path("bad", name))
}

// oneLine keeps control bytes of strangers out of a line of text.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "?")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
