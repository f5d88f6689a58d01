package vm

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// LogConfig bounds the log of one function.
type LogConfig struct {
	FileBytes int64 `yaml:"file_bytes" doc:"Size at which a function's log file is rotated; the previous file is kept, so a function holds twice this much."`
	LineBytes int   `yaml:"line_bytes" doc:"Longest line of a log; longer ones are split."`
	Rate      int   `yaml:"rate" doc:"Bytes per second of log that are kept of a function; what exceeds it is dropped and counted."`
	Burst     int   `yaml:"burst" doc:"Bytes of log that a function may print at once before the rate applies."`
}

// DefaultLogConfig returns the documented defaults.
func DefaultLogConfig() LogConfig {
	return LogConfig{FileBytes: 1 << 20, LineBytes: 16 << 10, Rate: 256 << 10, Burst: 1 << 20}
}

// Streams of a log.
const (
	Stdout = "stdout"
	Stderr = "stderr"
)

// Entry is one line that a machine printed.
type Entry struct {
	// Time in microseconds since 1970.
	Time   int64  `json:"t"`
	Stream string `json:"s"`
	Text   string `json:"m"`
}

// Log keeps the newest lines that the machines of one function printed, in two
// files of bounded size. A flood costs neither memory nor disk: lines beyond
// the rate are counted and dropped. Safe for concurrent use.
type Log struct {
	path string
	cfg  LogConfig

	mu        sync.Mutex // guards what follows
	file      *os.File
	size      int64
	limit     *rate.Limiter
	dropped   int64
	tail      []byte
	followers map[chan Entry]struct{}
	closed    bool
}

// tailBytes is how much of the end of a log [Log.Tail] returns.
const tailBytes = 4 << 10

// followBuffer is how many lines a slow follower may lag behind before it is
// cut off.
const followBuffer = 1024

// OpenLog opens the log at path, made when missing. The caller closes it.
func OpenLog(path string, cfg LogConfig) (*Log, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Log{
		path: path, cfg: cfg, file: f, size: info.Size(),
		limit:     rate.NewLimiter(rate.Limit(cfg.Rate), cfg.Burst),
		followers: map[chan Entry]struct{}{},
	}, nil
}

// Drain reads r to its end, one entry per line. It never waits for anything
// but r, so whoever writes to the other end is never held up.
func (l *Log) Drain(stream string, r io.Reader) {
	br := bufio.NewReaderSize(r, l.cfg.LineBytes)
	for {
		line, err := br.ReadSlice('\n')
		if len(line) > 0 {
			l.Append(stream, bytes.TrimRight(line, "\r\n"))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// Append adds one line, or counts it as dropped.
func (l *Log) Append(stream string, line []byte) {
	const overhead = 64 // bytes of an entry beside its text
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if !l.limit.AllowN(now, len(line)+overhead) {
		l.dropped += int64(len(line))
		return
	}
	if l.dropped > 0 {
		note := fmt.Sprintf("[%d bytes of log dropped: more than %d bytes per second]", l.dropped, l.cfg.Rate)
		l.dropped = 0
		l.addLocked(Entry{Time: now.UnixMicro(), Stream: Stderr, Text: note})
	}
	l.addLocked(Entry{Time: now.UnixMicro(), Stream: stream, Text: strings.ToValidUTF8(string(line), "\uFFFD")})
}

func (l *Log) addLocked(e Entry) {
	l.tail = append(append(l.tail, e.Text...), '\n')
	if len(l.tail) > 2*tailBytes {
		l.tail = append(l.tail[:0], l.tail[len(l.tail)-tailBytes:]...)
	}
	for f := range l.followers {
		select {
		case f <- e:
		default: // it reads too slowly: cut it off rather than wait
			delete(l.followers, f)
			close(f)
		}
	}
	if l.closed {
		return
	}
	b, err := json.Marshal(e)
	if err != nil {
		return // a string always marshals
	}
	if l.size > l.cfg.FileBytes {
		l.rotateLocked()
	}
	// A full disk costs log lines, never the function.
	n, _ := l.file.Write(append(b, '\n'))
	l.size += int64(n)
}

func (l *Log) rotateLocked() {
	l.size = 0 // also when rotation fails: try again after another FileBytes
	if os.Rename(l.path, l.path+".1") != nil {
		return
	}
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	l.file.Close()
	l.file = f
}

// Tail returns the end of what was printed since the log was opened.
func (l *Log) Tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tail
	if len(t) > tailBytes {
		t = t[len(t)-tailBytes:]
	}
	return strings.ToValidUTF8(string(t), "")
}

// ResetTail forgets the tail, so that the next failure shows its own lines.
func (l *Log) ResetTail() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = l.tail[:0]
}

// Follow returns the kept entries and a channel of the following ones. The
// channel is closed when the follower is too slow, when the log is closed and
// by cancel, which may be called more than once.
func (l *Log) Follow() (past []Entry, next <-chan Entry, cancel func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ch := make(chan Entry, followBuffer)
	past = ReadLog(l.path)
	if l.closed {
		close(ch)
		return past, ch, func() {}
	}
	l.followers[ch] = struct{}{}
	return past, ch, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if _, ok := l.followers[ch]; ok {
			delete(l.followers, ch)
			close(ch)
		}
	}
}

// Close ends the followers and releases the file. It may be called twice.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	for f := range l.followers {
		close(f)
	}
	clear(l.followers)
	return l.file.Close()
}

// ReadLog returns the entries kept at path, oldest first; none when there is
// no log. It does not need the log to be open.
func ReadLog(path string) []Entry {
	var all []Entry
	for _, p := range []string{path + ".1", path} {
		b, err := os.ReadFile(p)
		if err != nil {
			continue
		}
		for line := range bytes.Lines(b) {
			var e Entry
			if json.Unmarshal(line, &e) == nil { // a torn last line is left out
				all = append(all, e)
			}
		}
	}
	return all
}

// RemoveLog deletes the log at path.
func RemoveLog(path string) error {
	var errs []error
	for _, p := range []string{path + ".1", path} {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
