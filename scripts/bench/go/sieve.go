// sieve.go - the concurrent prime sieve.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

func generate(out chan<- int) {
	for i := 2; ; i++ {
		out <- i
	}
}

func filter(in <-chan int, out chan<- int, prime int) {
	for i := range in {
		if i%prime != 0 {
			out <- i
		}
	}
}

func main() {
	n := count(2000)

	start := time.Now()
	ch := make(chan int)
	go generate(ch)
	for i := 0; i < n; i++ {
		prime := <-ch
		rest := make(chan int)
		go filter(ch, rest, prime)
		ch = rest
	}

	us := time.Since(start).Seconds() * 1e6
	fmt.Printf("sieve %.2f\n", us/float64(n))
}

func count(def int) int {
	if len(os.Args) < 2 {
		return def
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "usage: sieve [count]")
		os.Exit(1)
	}
	return n
}
