package message_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"aleph/message"
)

// The two strictness levels. // spec messages 1.4
func TestParseHash(t *testing.T) {
	t.Parallel()
	const (
		hex64 = "f524a258d87f1771e8538fd4fd91acdcc527c3b7f138fafd6ff89a5fcf97c3b7"
		v0    = "QmXNHbWRJEGxhhkyhyMYEJ5sqpYi6p3Qb4wPnTn6Zg5P9j"
		v1    = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"
	)
	for text, want := range map[string]struct{ loose, strict message.ItemType }{
		hex64:                            {"storage", "storage"},
		strings.ToUpper(hex64):           {"storage", ""},
		strings.Repeat("z", 64):          {"storage", ""},
		strings.Repeat("é", 64):          {"storage", ""},
		strings.Repeat("é", 32):          {"", ""}, // 64 bytes, 32 characters
		hex64[:63]:                       {"", ""},
		hex64 + "0":                      {"", ""},
		v0:                               {"ipfs", "ipfs"},
		v0[:45]:                          {"ipfs", "ipfs"},
		v0[:44]:                          {"ipfs", "ipfs"},
		v0[:43]:                          {"", ""},
		v0 + "1":                         {"", ""},
		"Qm" + strings.Repeat("0", 44):   {"ipfs", ""},
		"Qm" + strings.Repeat("é", 44):   {"ipfs", ""},
		"Qm" + strings.Repeat("l", 44):   {"ipfs", ""},
		"Qm" + strings.Repeat("1", 62):   {"storage", ""},
		"qm" + v0[2:]:                    {"", ""},
		v1:                               {"ipfs", "ipfs"},
		v1[:58]:                          {"", ""},
		v1 + "a":                         {"", ""},
		"bafy" + strings.Repeat("1", 55): {"ipfs", ""},
		"bafy" + strings.Repeat("A", 55): {"ipfs", ""},
		"bafk" + v1[4:]:                  {"", ""},
		"bafz" + v1[4:]:                  {"", ""},
		"BAFY" + v1[4:]:                  {"", ""},
		"":                               {"", ""},
	} {
		for name, test := range map[string]struct {
			parse func(string) (message.Hash, error)
			want  message.ItemType
		}{"loose": {message.ParseLooseHash, want.loose}, "strict": {message.ParseHash, want.strict}} {
			h, err := test.parse(text)
			if test.want == "" {
				if !errors.Is(err, message.ErrInvalid) || h != "" {
					t.Errorf("%s %q: %q, %v", name, text, h, err)
				}
				continue
			}
			if err != nil || h.Kind() != test.want || string(h) != text {
				t.Errorf("%s %q: %q of kind %s, %v", name, text, h, h.Kind(), err)
			}
		}
	}
}

func TestHashOf(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := message.HashOf(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		if strict, err := message.ParseHash(string(h)); err != nil || strict != h || h.Kind() != message.ItemStorage {
			t.Errorf("%s is no storage hash: %v", h, err)
		}
	})
}

// Whatever the strict rule accepts, the loose one does, as the same kind.
func TestStrictIsLoose(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`(Qm[1-9A-HJ-NP-Za-km-z]{40,46}|bafy[a-z2-7]{53,57}|[0-9a-f]{63,65}|.{60,66})`).Draw(t, "text")
		strict, err := message.ParseHash(text)
		if err != nil {
			return
		}
		if loose, err := message.ParseLooseHash(text); err != nil || loose.Kind() != strict.Kind() {
			t.Errorf("loose %s, %v", loose, err)
		}
	})
}
