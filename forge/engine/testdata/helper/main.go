// Helper is the only program in the file systems of the engine's tests.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(verb string, args []string) error {
	switch verb {
	case "write": // FILE TEXT
		return os.WriteFile(args[0], []byte(args[1]), 0o644)
	case "fill": // FILE MEBIBYTES
		return fill(args[0], args[1])
	case "sleep": // DURATION
		d, err := time.ParseDuration(args[0])
		time.Sleep(d)

		return err
	case "meet": // OWN OTHER: appear, and wait for the other to appear
		return meet(args[0], args[1])
	case "dial": // ADDRESS
		conn, err := net.DialTimeout("tcp", args[0], 2*time.Second)
		if err == nil {
			conn.Close()
		}

		return err
	case "fail": // LINES CODE
		lines, _ := strconv.Atoi(args[0])
		for i := range lines {
			fmt.Println("line", i+1)
		}

		code, _ := strconv.Atoi(args[1])
		os.Exit(code)
	}

	return fmt.Errorf("unknown verb %q", verb)
}

func fill(path, size string) error {
	mebibytes, err := strconv.Atoi(size)
	if err != nil {
		return err
	}

	file, err := os.Create(path)
	if err != nil {
		return err
	}

	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(i * 7)
	}

	for range mebibytes {
		if _, err := file.Write(block); err != nil {
			return err
		}
	}

	return file.Close()
}

func meet(own, other string) error {
	listener, err := net.Listen("tcp", own)
	if err != nil {
		return err
	}
	defer listener.Close()

	go func() {
		for {
			if _, err := listener.Accept(); err != nil {
				return
			}
		}
	}()

	for range 300 {
		if conn, err := net.Dial("tcp", other); err == nil {
			conn.Close()
			// The other may not have seen us yet.
			time.Sleep(500 * time.Millisecond)

			return nil
		}

		time.Sleep(50 * time.Millisecond)
	}

	return fmt.Errorf("%s did not appear", other)
}
