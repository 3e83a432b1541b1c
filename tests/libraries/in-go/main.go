// An application in Go: the table of the boundary is in C, beside this file; answers are made here.
// Go's runtime has threads and signal handlers of its own, and cannot be unloaded.
package main

// #cgo CFLAGS: -I${SRCDIR}/../../../plugin-api/include
// #include <stddef.h>
import "C"

import (
	"strconv"
	"sync/atomic"
	"unsafe"
)

var requests int64

// Writes an answer of at most so many bytes, and returns its length.
//
//export answer
func answer(to unsafe.Pointer, room C.size_t) C.size_t {
	// On another goroutine, so that Go's scheduler and its threads are at work.
	made := make(chan string)
	go func() {
		made <- "in Go, request " + strconv.FormatInt(atomic.AddInt64(&requests, 1), 10) + "\n"
	}()
	return C.size_t(copy(unsafe.Slice((*byte)(to), room), <-made))
}

func main() {}
