// buffered.go - integers through a buffered channel.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	n := count(5000000)
	ch := make(chan int, 128)

	start := time.Now()
	go func() {
		for i := 1; i <= n; i++ {
			ch <- i
		}
		close(ch)
	}()
	sum := 0
	for v := range ch {
		sum += v
	}
	ns := float64(time.Since(start).Nanoseconds())

	if sum != n*(n+1)/2 {
		panic("a value got lost")
	}
	fmt.Printf("buffered %.1f\n", ns/float64(n))
}

func count(def int) int {
	if len(os.Args) < 2 {
		return def
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "usage: buffered [count]")
		os.Exit(1)
	}
	return n
}
