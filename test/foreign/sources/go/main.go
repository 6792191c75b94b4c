// Goroutines, timers, files and panics of the Go standard library.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"
	"strings"
	"sync"
	"time"
)

func main() {
	var wait sync.WaitGroup
	squares := make(chan int, 8)
	for i := range 5 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			time.Sleep(time.Duration(5-i) * time.Millisecond)
			squares <- i * i
		}()
	}
	wait.Wait()
	close(squares)
	sum := 0
	for square := range squares {
		sum += square
	}
	fmt.Println("sum", sum)

	select {
	case <-time.After(10 * time.Millisecond):
		fmt.Println("timer fired")
	}

	if err := os.WriteFile("/data/state.txt", []byte("leaf 1\nstem 2\n"), 0o644); err != nil {
		fmt.Println("cannot write:", err)
		os.Exit(1)
	}
	text, _ := os.ReadFile("/data/state.txt")
	fmt.Printf("fields %q\n", strings.Fields(string(text)))
	entries, _ := os.ReadDir("/data")
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	sort.Strings(names)
	fmt.Println("names", strings.Join(names, ","))
	_, err := os.Stat("/data/absent")
	fmt.Println("absent", errors.Is(err, fs.ErrNotExist))
	os.Remove("/data/state.txt")
	fmt.Println("site", os.Getenv("SITE"))

	defer func() {
		fmt.Println("recovered", recover())
		os.Exit(7)
	}()
	var none map[string]int
	none["x"] = 1
}
