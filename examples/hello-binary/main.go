// Command hello-binary is an Aleph function as a static program: anything that
// serves HTTP on port 8080.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	port := os.Getenv("PORT") // set by the host: 8080
	if port == "" {
		port = "8080"
	}
	http.HandleFunc("GET /", index)
	http.HandleFunc("POST /echo", echo)
	http.HandleFunc("GET /count", count)
	server := &http.Server{Addr: "localhost:" + port, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func index(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]string{"hello": "world", "path": r.URL.Path, "query": r.URL.RawQuery}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		log.Print(err)
	}
}

// echo sends back what it receives, while it receives it.
func echo(w http.ResponseWriter, r *http.Request) {
	stream := http.NewResponseController(w)
	if err := stream.EnableFullDuplex(); err != nil {
		log.Print(err)
	}
	w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Body.Read(buf)
		if _, err := w.Write(buf[:n]); err != nil {
			return // the client is gone
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				log.Print(err)
			}
			return
		}
		if err := stream.Flush(); err != nil {
			return
		}
	}
}

// count sends one line at a time: the answer starts before it is complete.
func count(w http.ResponseWriter, r *http.Request) {
	stream := http.NewResponseController(w)
	for number := 1; number <= 5; number++ {
		fmt.Fprintln(w, number)
		if err := stream.Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return // the client is gone
		case <-time.After(100 * time.Millisecond):
		}
	}
}
