package archive

import (
	"bytes"
	"hash/maphash"
)

// words holds each text of a table once, all in one piece: a table of
// millions of strings would keep the garbage collector busy. Word 0 is "".
type words struct {
	text []byte
	ends []uint32 // where each word ends; it begins where the one before ends
}

func (w *words) count() int { return len(w.ends) }

func (w *words) word(i uint32) []byte {
	if i == 0 {
		return nil
	}
	return w.text[w.ends[i-1]:w.ends[i]:w.ends[i]]
}

// An interner finds the number of a word, or gives it one. It is needed
// while a table grows only, and then used for the next one.
type interner struct {
	w     *words
	seed  maphash.Seed
	slots []uint32 // open addressing, half full at most; 0 is free
}

// usualSlots fit the words of a busy day.
const usualSlots = 1 << 17

func newInterner() *interner {
	return &interner{seed: maphash.MakeSeed(), slots: make([]uint32, 1024)}
}

// begin takes the words of a table that is to grow.
func (in *interner) begin(w *words) {
	in.w = w
	if len(in.slots) > usualSlots && 2*w.count() < usualSlots {
		in.slots = make([]uint32, usualSlots) // the last table was a giant
	}
	clear(in.slots)
	if w.count() == 0 {
		w.ends = append(w.ends, uint32(len(w.text)))
	}
	for i := 1; i < w.count(); i++ {
		in.fit()
		in.slots[in.find(w.word(uint32(i)))] = uint32(i)
	}
}

// number is the word's number; the bytes are copied where it is new.
func (in *interner) number(b []byte) uint32 {
	if len(b) == 0 {
		return 0
	}
	at := in.find(b)
	if n := in.slots[at]; n != 0 {
		return n
	}
	n := uint32(in.w.count())
	in.slots[at] = n
	in.w.text = append(in.w.text, b...)
	in.w.ends = append(in.w.ends, uint32(len(in.w.text)))
	in.fit()
	return n
}

// find is the slot of a word, or the free one where it belongs.
func (in *interner) find(b []byte) int {
	mask := len(in.slots) - 1
	for i := int(maphash.Bytes(in.seed, b)) & mask; ; i = (i + 1) & mask {
		if n := in.slots[i]; n == 0 || bytes.Equal(in.w.word(n), b) {
			return i
		}
	}
}

// fit keeps half of the slots free.
func (in *interner) fit() {
	if 2*in.w.count() < len(in.slots) {
		return
	}
	old := in.slots
	in.slots = make([]uint32, 2*len(old))
	for _, n := range old {
		if n != 0 {
			in.slots[in.find(in.w.word(n))] = n
		}
	}
}
