// mutex.go - lock and unlock of a mutex that nobody else wants.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

func main() {
	n := count(10000000)
	mu := new(sync.Mutex)

	start := time.Now()
	for i := 0; i < n; i++ {
		mu.Lock()
		mu.Unlock()
	}

	ns := float64(time.Since(start).Nanoseconds())
	fmt.Printf("mutex %.1f\n", ns/float64(n))
}

func count(def int) int {
	if len(os.Args) < 2 {
		return def
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "usage: mutex [count]")
		os.Exit(1)
	}
	return n
}
