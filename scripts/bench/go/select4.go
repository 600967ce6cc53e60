// select4.go - four producers, one consumer that selects.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	each := (count(1000000) + 3) / 4
	n := 4 * each

	start := time.Now()
	var chs [4]chan int
	for i := range chs {
		ch := make(chan int)
		chs[i] = ch
		go func() {
			for i := 1; i <= each; i++ {
				ch <- i
			}
		}()
	}
	a, b, c, d := chs[0], chs[1], chs[2], chs[3]
	sum := 0
	for i := 0; i < n; i++ {
		select {
		case v := <-a:
			sum += v
		case v := <-b:
			sum += v
		case v := <-c:
			sum += v
		case v := <-d:
			sum += v
		}
	}
	ns := float64(time.Since(start).Nanoseconds())

	if sum != 2*each*(each+1) {
		panic("a value got lost")
	}
	fmt.Printf("select4 %.1f\n", ns/float64(n))
}

func count(def int) int {
	if len(os.Args) < 2 {
		return def
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "usage: select4 [count]")
		os.Exit(1)
	}
	return n
}
