// Command hostile is a function that behaves as badly as its MODE or the path
// of a request says.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	switch os.Getenv("MODE") {
	case "exit":
		fmt.Println("about to exit with 3")
		os.Exit(3)
	case "deaf": // never listens
		time.Sleep(time.Hour)
	case "flood":
		go flood()
	}
	http.HandleFunc("/", hello)
	http.HandleFunc("/echo", echo)
	http.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, strings.Join(os.Environ(), "\n")) })
	http.HandleFunc("/die", func(http.ResponseWriter, *http.Request) { os.Exit(4) })
	http.HandleFunc("/sleep", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	http.HandleFunc("/eat", eat)
	http.HandleFunc("/fork", fork)
	http.HandleFunc("/threads", threads)
	http.HandleFunc("/huge", huge)
	http.HandleFunc("/slow", slow)
	http.HandleFunc("/flood", func(w http.ResponseWriter, _ *http.Request) { go flood(); fmt.Fprint(w, "flooding") })
	http.HandleFunc("/write", write)
	http.HandleFunc("/read", read)
	http.HandleFunc("/dial", dial)
	http.HandleFunc("/interfaces", interfaces)
	http.HandleFunc("/fill", fill)
	http.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) {
		b, _ := os.ReadFile("/proc/self/status")
		w.Write(b)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}

func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Seen", r.Header.Get("X-Test"))
	fmt.Fprintf(w, "%s %s pid %d uid %d", r.Method, r.URL.RequestURI(), os.Getpid(), os.Getuid())
}

func echo(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).EnableFullDuplex()
	w.WriteHeader(201)
	_ = http.NewResponseController(w).Flush()
	_, _ = io.Copy(flusher{w}, r.Body)
}

type flusher struct{ http.ResponseWriter }

func (f flusher) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	_ = http.NewResponseController(f.ResponseWriter).Flush()
	return n, err
}

func flood() {
	line := strings.Repeat("x", 200) + "\n"
	for {
		os.Stdout.WriteString(line)
	}
}

var hoard [][]byte

func eat(http.ResponseWriter, *http.Request) {
	for {
		b := make([]byte, 8<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = byte(i)
		}
		hoard = append(hoard, b)
	}
}

// fork starts copies of itself that start copies of themselves.
func fork(w http.ResponseWriter, _ *http.Request) {
	for {
		_, err := os.StartProcess("/proc/self/exe", []string{"x"}, &os.ProcAttr{Env: []string{"MODE=deaf"}})
		if err != nil {
			fmt.Fprint(w, "fork: ", err)
			return
		}
	}
}

func threads(http.ResponseWriter, *http.Request) {
	for {
		go func() {
			f, err := os.OpenFile("/tmp/fifo", os.O_RDONLY, 0)
			_, _ = f, err
			select {}
		}()
	}
}

func huge(w http.ResponseWriter, _ *http.Request) {
	chunk := make([]byte, 64<<10)
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func slow(w http.ResponseWriter, r *http.Request) {
	for i := 0; ; i++ {
		if _, err := fmt.Fprintln(w, i); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-time.After(100 * time.Millisecond):
		case <-r.Context().Done():
			return
		}
	}
}

func write(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	if err := os.WriteFile(r.URL.Query().Get("path"), b, 0o644); err != nil {
		http.Error(w, err.Error(), 500)
	}
}

func read(w http.ResponseWriter, r *http.Request) {
	b, err := os.ReadFile(r.URL.Query().Get("path"))
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	w.Write(b)
}

func fill(w http.ResponseWriter, r *http.Request) {
	f, err := os.Create(r.URL.Query().Get("path"))
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	defer f.Close()
	most, _ := strconv.Atoi(r.URL.Query().Get("mib"))
	chunk := make([]byte, 1<<20)
	for i := range most {
		if _, err := f.Write(chunk); err != nil {
			fmt.Fprintf(w, "full after %d MiB: %v", i, err)
			return
		}
	}
	fmt.Fprintf(w, "wrote %d MiB", most)
}

func dial(w http.ResponseWriter, r *http.Request) {
	conn, err := net.DialTimeout(r.URL.Query().Get("net"), r.URL.Query().Get("to"), 1500*time.Millisecond)
	if err != nil {
		fmt.Fprint(w, "refused: ", err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(1500 * time.Millisecond))
	_, _ = conn.Write([]byte("ping\n"))
	b := make([]byte, 64)
	n, err := conn.Read(b)
	if err != nil {
		fmt.Fprint(w, "refused: ", err)
		return
	}
	fmt.Fprintf(w, "reached: %s", b[:n])
}

func interfaces(w http.ResponseWriter, _ *http.Request) {
	all, err := net.Interfaces()
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	for _, i := range all {
		addrs, _ := i.Addrs()
		fmt.Fprintln(w, i.Name, addrs)
	}
}
