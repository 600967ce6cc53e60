// spawn_send.go - n goroutines, one send each; main collects meanwhile.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	n := count(1000000)
	ch := make(chan int)

	start := time.Now()
	go func() {
		for i := 1; i <= n; i++ {
			i := i
			go func() {
				ch <- i
			}()
		}
	}()
	sum := 0
	for i := 0; i < n; i++ {
		sum += <-ch
	}
	ns := float64(time.Since(start).Nanoseconds())

	if sum != n*(n+1)/2 {
		panic("a value got lost")
	}
	fmt.Printf("spawn_send %.1f\n", ns/float64(n))
}

func count(def int) int {
	if len(os.Args) < 2 {
		return def
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "usage: spawn_send [count]")
		os.Exit(1)
	}
	return n
}
