// spawn.go - n goroutines that only say they are done.
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
	n := count(1000000)
	var wg sync.WaitGroup

	start := time.Now()
	wg.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			wg.Done()
		}()
	}
	wg.Wait()

	ns := float64(time.Since(start).Nanoseconds())
	fmt.Printf("spawn %.1f\n", ns/float64(n))
}

func count(def int) int {
	if len(os.Args) < 2 {
		return def
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "usage: spawn [count]")
		os.Exit(1)
	}
	return n
}
