// cancel_all.go - one context is cancelled under which many goroutines wait.
// SPDX-License-Identifier: MIT
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

func main() {
	n := 100000
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	ctx, cancel := context.WithCancel(context.Background())
	ch := make(chan int)
	var waiting, wg sync.WaitGroup
	waiting.Add(n)
	wg.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			defer wg.Done()
			waiting.Done()
			select {
			case <-ch:
			case <-ctx.Done():
			}
		}()
	}
	waiting.Wait()
	time.Sleep(50 * time.Millisecond)
	start := time.Now()
	cancel()
	wg.Wait()
	fmt.Printf("cancel_all %.3f\n", time.Since(start).Seconds())
}
