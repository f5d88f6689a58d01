package message_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"aleph/message"
)

// Conversion keeps microseconds and rounds halves to even. // spec messages 1.6
func TestTimestampFromSeconds(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]message.Timestamp{
		0: 0, 1: 1e6, 1652126646.5008686: 1652126646500869, 1730410918.0924816: 1730410918092482,
		0.0000005: 0, 0.0000015: 2, 0.0000025: 2, -0.5: -500000, -1.25: -1250000, 0.9999999: 1000000,
		9223372036: 9223372036000000,
	} {
		if got := message.TimestampFromSeconds(seconds); got != want {
			t.Errorf("%v s is %d µs, want %d", seconds, got, want)
		}
	}
}

// A timestamp survives its wire form, which is a double.
func TestTimestampRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		// Beyond about 2^33 seconds a double has no microseconds left.
		want := message.Timestamp(rapid.Int64Range(-1e15, 8e15).Draw(t, "µs"))
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var seconds float64
		if err := json.Unmarshal(text, &seconds); err != nil {
			t.Fatal(err)
		}
		if got := message.TimestampFromSeconds(seconds); got != want {
			t.Errorf("%d is written %s and read %d", want, text, got)
		}
		if got := message.TimestampOf(want.Time()); got != want {
			t.Errorf("%d as time.Time is %d", want, got)
		}
	})
}

func TestFormatSeconds(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{
		0: "0.0", 1: "1.0", -1.5: "-1.5", 1668611900: "1668611900.0", 1652126646.500869: "1652126646.500869",
		1e15: "1000000000000000.0", 1e16: "1e+16", 0.0001: "0.0001", 0.00001: "1e-05", math.Copysign(0, -1): "-0.0",
	} {
		if got := message.FormatSeconds(seconds); got != want {
			t.Errorf("%g is %s, want %s", seconds, got, want)
		}
	}
}

func TestTimestampTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2022, 1, 1, 12, 6, 23, 675789000, time.UTC)
	if got := message.TimestampOf(at).Time(); !got.Equal(at) || got.Location() != time.UTC {
		t.Errorf("got %v", got)
	}
}

// What is written as JSON is read back, and what is no instant is refused.
func TestTimestampJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]message.Timestamp{"1730410918.092482": 1730410918092482, "0": 0, "-1.5": -1500000, "1e3": 1e9, "null": 7} {
		got := message.Timestamp(7)
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s is read as %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{`"1"`, `true`, `{}`, `1e13`, `-1e300`} {
		var got message.Timestamp
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is read as %d", text, got)
		}
	}
}
