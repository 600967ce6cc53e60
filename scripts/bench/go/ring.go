// ring.go - a token that goes round a thousand goroutines.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

const size = 1000 // main is one of them

func main() {
	laps := (count(1000000) + size - 1) / size
	hops := laps * size

	first := make(chan int)
	last := first
	for i := 1; i < size; i++ {
		in, out := last, make(chan int)
		go func() {
			for token := range in {
				out <- token + 1
			}
		}()
		last = out
	}

	// The first lap starts the goroutines and does not count.
	first <- 0
	<-last

	start := time.Now()
	token := 0
	for i := 0; i < laps; i++ {
		first <- token + 1
		token = <-last
	}
	ns := float64(time.Since(start).Nanoseconds())

	if token != hops {
		panic("the token was not everywhere")
	}
	fmt.Printf("ring %.1f\n", ns/float64(hops))
}

func count(def int) int {
	if len(os.Args) < 2 {
		return def
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "usage: ring [count]")
		os.Exit(1)
	}
	return n
}
