package message

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Timestamp is an instant in microseconds since 1970-01-01 UTC, the precision
// of the protocol. // spec messages 1.6
type Timestamp int64

// TimestampOf returns t with microsecond precision.
func TimestampOf(t time.Time) Timestamp { return Timestamp(t.UnixMicro()) }

// TimestampFromSeconds converts protocol seconds, rounding the fraction half
// to even. // spec messages 1.6
func TimestampFromSeconds(seconds float64) Timestamp {
	whole, fraction := math.Modf(seconds)
	return Timestamp(whole)*1e6 + Timestamp(math.RoundToEven(fraction*1e6))
}

// Seconds returns the instant as protocol seconds: the double that is nearest.
func (t Timestamp) Seconds() float64 {
	if -exactInteger <= t && t <= exactInteger {
		return float64(t) / 1e6
	}
	// Rounding twice would move an instant after the year 2255.
	seconds, _ := strconv.ParseFloat(strconv.FormatInt(int64(t), 10)+"e-6", 64) // always a number
	return seconds
}

// exactInteger is the largest integer below which a double holds every one.
const exactInteger = 1 << 53

// Time returns the instant in UTC.
func (t Timestamp) Time() time.Time { return time.UnixMicro(int64(t)).UTC() }

// MarshalJSON writes protocol seconds as a JSON number that always has a
// fraction or an exponent, as the reference prints floats.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return []byte(FormatSeconds(t.Seconds())), nil
}

// UnmarshalJSON reads protocol seconds; null changes nothing.
func (t *Timestamp) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	seconds, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(math.Abs(seconds) <= farthest) {
		return fmt.Errorf("%w: %.40q is no number of seconds", ErrInvalid, text)
	}
	*t = TimestampFromSeconds(seconds)
	return nil
}

// farthest instant, in seconds, whose microseconds fit into 64 bits.
const farthest = 9e12

// FormatSeconds prints a float the way the network's Python nodes print one:
// the shortest text that reads back as the same value, never without a point.
func FormatSeconds(f float64) string {
	if abs := math.Abs(f); abs >= 1e16 || (abs != 0 && abs < 1e-4) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
