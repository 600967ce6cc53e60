// fib_speedup.go - what a second core gives CPU-bound jobs.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

const want = 196418 // fib(27)

func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

// Seconds for all jobs, a goroutine each, on so many cores.
func seconds(procs, jobs int) float64 {
	runtime.GOMAXPROCS(procs)
	results := make(chan int, jobs)

	start := time.Now()
	for i := 0; i < jobs; i++ {
		go func() {
			results <- fib(27)
		}()
	}
	for i := 0; i < jobs; i++ {
		if <-results != want {
			panic("fib(27) is wrong")
		}
	}
	return time.Since(start).Seconds()
}

func main() {
	jobs := count(64)
	one := seconds(1, jobs)
	two := seconds(2, jobs)
	fmt.Printf("fib_speedup %.3f\n", one/two)
}

func count(def int) int {
	if len(os.Args) < 2 {
		return def
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "usage: fib_speedup [count]")
		os.Exit(1)
	}
	return n
}
