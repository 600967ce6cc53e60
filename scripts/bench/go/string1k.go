// string1k.go - copies of 1 KiB through a channel.
// SPDX-License-Identifier: MIT
package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	n := count(1000000)
	ch := make(chan []byte, 128)
	text := bytes.Repeat([]byte("x"), 1024)

	start := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			message := make([]byte, len(text))
			copy(message, text)
			ch <- message
		}
		close(ch)
	}()
	size := 0
	for message := range ch {
		size += len(message)
	}
	ns := float64(time.Since(start).Nanoseconds())

	if size != n*len(text) {
		panic("a message got lost")
	}
	fmt.Printf("string1k %.1f\n", ns/float64(n))
}

func count(def int) int {
	if len(os.Args) < 2 {
		return def
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "usage: string1k [count]")
		os.Exit(1)
	}
	return n
}
