// pingpong.go - round trips between two goroutines.
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
	n := count(2000000)
	ping, pong := make(chan int), make(chan int)
	var wg sync.WaitGroup

	start := time.Now()
	wg.Add(2)
	go func() {
		defer wg.Done()
		for i := 1; i <= n; i++ {
			ping <- i
			<-pong
		}
		close(ping)
	}()
	go func() {
		defer wg.Done()
		for i := range ping {
			pong <- i
		}
	}()
	wg.Wait()

	ns := float64(time.Since(start).Nanoseconds())
	fmt.Printf("pingpong %.1f\n", ns/float64(n))
}

func count(def int) int {
	if len(os.Args) < 2 {
		return def
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "usage: pingpong [count]")
		os.Exit(1)
	}
	return n
}
