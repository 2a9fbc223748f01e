// A Go program with its key in secret memory, outside of the garbage collector's:
// adapter KEY [plain]
package main

/*
#include <stdlib.h>
#include <secure_alloc/secure_alloc.h>
*/
import "C"

import (
	"fmt"
	"io"
	"os"
	"unsafe"
)

// Secret is memory that neither moves nor is copied by the runtime. Slices of it must not be
// used after Close.
type Secret struct{ bytes []byte }

// NewSecret has size zero bytes, or the reason why there is no such memory.
func NewSecret(size int) (*Secret, error) {
	address, err := C.secalloc_malloc(C.size_t(size))
	if address == nil {
		return nil, err
	}
	return &Secret{unsafe.Slice((*byte)(address), size)}, nil
}

// Bytes are the secret itself.
func (s *Secret) Bytes() []byte { return s.bytes }

// Close wipes and frees it.
func (s *Secret) Close() {
	C.secalloc_free(unsafe.Pointer(&s.bytes[0]))
	s.bytes = nil
}

// String keeps it out of what is printed.
func (s *Secret) String() string { return fmt.Sprintf("secret of %d bytes", len(s.bytes)) }

func run() error {
	file, err := os.Open(os.Args[1])
	if err != nil {
		return err
	}
	const size = 32
	key := make([]byte, size)
	if len(os.Args) <= 2 {
		secret, err := NewSecret(size)
		if err != nil {
			return err
		}
		defer secret.Close()
		key = secret.Bytes()
	}
	if _, err := io.ReadFull(file, key); err != nil {
		return err
	}
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	if len(key) != size {
		return io.ErrShortBuffer
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
