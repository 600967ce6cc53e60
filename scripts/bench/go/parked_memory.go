// parked_memory.go - bytes per parked goroutine.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func rss() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmRSS:") {
			kb, _ := strconv.Atoi(strings.Fields(line)[1])
			return kb * 1024
		}
	}
	panic("no VmRSS in /proc/self/status")
}

// The resident size once every goroutine has started and parked: when it has
// not moved by more than 1 MB for half a second.
func settledRSS() int {
	last, still := rss(), 0
	for still < 5 {
		time.Sleep(100 * time.Millisecond)
		now := rss()
		if now-last < 1<<20 && last-now < 1<<20 {
			still++
		} else {
			still = 0
		}
		last = now
	}
	return last
}

func main() {
	n := count(1000000)
	ch := make(chan int)

	before := settledRSS()
	for i := 0; i < n; i++ {
		go func() {
			<-ch
		}()
	}
	bytes := settledRSS() - before

	fmt.Printf("parked_memory %.1f\n", float64(bytes)/float64(n))
}

func count(def int) int {
	if len(os.Args) < 2 {
		return def
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "usage: parked_memory [count]")
		os.Exit(1)
	}
	return n
}
