// contended.go - eight goroutines that want the same mutex all the time.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

const tasks = 8

func main() {
	n := count(4000000)
	each := (n + tasks - 1) / tasks
	var mu sync.Mutex
	var wg sync.WaitGroup
	sum := 0

	start := time.Now()
	for i := 0; i < tasks; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < each; i++ {
				mu.Lock()
				sum++
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	if sum != each*tasks {
		panic(sum)
	}

	ns := float64(time.Since(start).Nanoseconds())
	fmt.Printf("contended %.1f\n", ns/float64(each*tasks))
}

func count(def int) int {
	if len(os.Args) < 2 {
		return def
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "usage: contended [count]")
		os.Exit(1)
	}
	return n
}
