package account_test

import (
	"syscall"
	"testing"
	"time"

	"aleph/account"
)

// schemes has one vector with a key for each scheme and form.
func schemes(b *testing.B) (all []vector) {
	b.Helper()
	for _, name := range []string{
		"client ETH key", "client SOL seed", "own DOT key", "own DOT wrapped key", "own CSDK key", "own NULS key", "client NULS2 key",
		"own TEZOS tz1 key", "own TEZOS tz1 micheline key", "own TEZOS tz2 key", "own TEZOS tz3 key", "own AVAX X key",
	} {
		all = append(all, vectorNamed(b, name))
	}
	return all
}

// processorTime is what the process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// measure also reports the processor's time, which others on the machine do not
// change.
func measure(b *testing.B, do func() error) {
	b.Helper()
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
}

func BenchmarkVerify(b *testing.B) {
	b.Log(account.Cryptography())
	for _, v := range schemes(b) {
		m := v.message()
		b.Run(v.Name, func(b *testing.B) {
			measure(b, func() error { return account.Verify(m) })
		})
	}
}

func BenchmarkSign(b *testing.B) {
	b.Log(account.Cryptography())
	for _, v := range schemes(b) {
		key, err := account.ImportKey(v.Chain, v.Key)
		if err != nil {
			b.Fatal(err)
		}
		var a account.Account = key
		if v.Wallet != "" {
			a = key.Wallet(v.Wallet)
		}
		m := v.message()
		b.Run(v.Name, func(b *testing.B) {
			measure(b, func() error { return account.Sign(a, m) })
		})
	}
}
