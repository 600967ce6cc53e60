// table5.go - copies of a five-entry map through a channel.
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
	ch := make(chan map[string]int, 128)
	record := map[string]int{
		"id": 1, "x": 10, "y": 20, "width": 30, "height": 40,
	}

	start := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			message := make(map[string]int, len(record))
			for k, v := range record {
				message[k] = v
			}
			ch <- message
		}
		close(ch)
	}()
	sum := 0
	for message := range ch {
		sum += message["id"]
	}
	ns := float64(time.Since(start).Nanoseconds())

	if sum != n {
		panic("a message got lost")
	}
	fmt.Printf("table5 %.1f\n", ns/float64(n))
}

func count(def int) int {
	if len(os.Args) < 2 {
		return def
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "usage: table5 [count]")
		os.Exit(1)
	}
	return n
}
