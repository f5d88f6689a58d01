package client

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"aleph/message"
)

// VerifyReader returns a reader of the same bytes that ends with an error
// instead of [io.EOF] when they do not have the wanted hash. Only storage
// hashes can be verified this way; another one is [message.ErrInvalid].
func VerifyReader(r io.Reader, want message.Hash) (io.Reader, error) {
	if want.Kind() != message.ItemStorage {
		return nil, fmt.Errorf("%w: %s is no SHA-256 and cannot be verified while reading", message.ErrInvalid, want)
	}
	return &verifyReader{r: r, want: want, sum: sha256.New()}, nil
}

type verifyReader struct {
	r    io.Reader
	want message.Hash
	sum  hash.Hash
}

func (v *verifyReader) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.sum.Write(p[:n])
	if err == io.EOF {
		if mismatch := sameHash(v.sum, v.want); mismatch != nil {
			return n, mismatch
		}
	}
	return n, err
}

// sameHash explains a file that is not what its hash promises.
func sameHash(sum hash.Hash, want message.Hash) error {
	if got := hex.EncodeToString(sum.Sum(nil)); got != string(want) {
		return fmt.Errorf("%w: file %s: the bytes that arrived have the hash %s", message.ErrInvalid, want, got)
	}
	return nil
}
