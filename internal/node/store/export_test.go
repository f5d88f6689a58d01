package store

import "testing"

// TestConfig returns the configuration of a fresh database of the engine that
// the tests run on. The tests inside the package cannot import who makes it.
var TestConfig func(t testing.TB) Config
