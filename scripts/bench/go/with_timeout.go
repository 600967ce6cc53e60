// with_timeout.go - a context with a timeout is made and cancelled.
// SPDX-License-Identifier: MIT
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	n := 1000000
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	background := context.Background()
	start := time.Now()
	for i := 0; i < n; i++ {
		_, cancel := context.WithTimeout(background, time.Minute)
		cancel()
	}
	ns := float64(time.Since(start).Nanoseconds()) / float64(n)
	fmt.Printf("with_timeout %.1f\n", ns)
}
