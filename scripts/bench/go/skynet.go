// skynet.go - a tree of goroutines, ten below each.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

func skynet(parent chan<- int, num, size int) {
	if size == 1 {
		parent <- num
		return
	}
	children := make(chan int)
	below := size / 10
	for i := 0; i < 10; i++ {
		go skynet(children, num+i*below, below)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-children
	}
	parent <- sum
}

func main() {
	// The tree is even only with a power of ten: the next one.
	leaves, n := 1, count(1000000)
	for leaves < n {
		leaves *= 10
	}

	start := time.Now()
	root := make(chan int)
	go skynet(root, 0, leaves)
	sum := <-root
	ns := float64(time.Since(start).Nanoseconds())

	if sum != leaves*(leaves-1)/2 {
		panic("a leaf got lost")
	}
	fmt.Printf("skynet %.1f\n", ns/float64(leaves))
}

func count(def int) int {
	if len(os.Args) < 2 {
		return def
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "usage: skynet [count]")
		os.Exit(1)
	}
	return n
}
