package api

import (
	"fmt"
	"math"
)

// Limits says how much callers may ask for. An address counts as one caller, and
// so does a network of 64 bits in IPv6.
type Limits struct {
	Enabled bool `yaml:"enabled" doc:"whether callers who ask too often are refused with 429; this machine and trusted networks never are"`
	// Reads, Publications and Uploads are requests of one address.
	Reads        Rate `yaml:"reads"`
	Publications Rate `yaml:"publications"`
	Uploads      Rate `yaml:"uploads"`
	// Senders are publications signed by one address of the network.
	Senders Rate `yaml:"senders"`
	// AnonymousBytes is how much one address may upload without signed metadata.
	AnonymousBytes int64 `yaml:"anonymous_bytes" doc:"bytes that one address may upload in an hour without signed metadata"`
	// Sockets is how many WebSockets one address may have open.
	Sockets int `yaml:"sockets" doc:"open WebSockets of one address"`
	// Remembered is how many callers are counted.
	Remembered int `yaml:"remembered" doc:"how many callers are counted; those who have not called for the longest time are forgotten"`
	// Trusted are networks whose callers are never refused.
	Trusted []string `yaml:"trusted" doc:"addresses and networks that are never refused, such as 10.0.0.0/8; this machine is one of them"`
	// TrustedProxies are believed when they say who called them.
	TrustedProxies []string `yaml:"trusted_proxies" doc:"addresses and networks of reverse proxies whose X-Forwarded-For is believed; without them a proxy counts as one caller"`
}

// Rate is how often something may happen.
type Rate struct {
	PerSecond float64 `yaml:"per_second" doc:"how many a second in the long run"`
	Burst     int     `yaml:"burst" doc:"how many at once after a pause"`
}

// defaultLimits are far above what the official clients do: they keep one caller
// from taking the node from the others.
func defaultLimits() Limits {
	return Limits{
		Enabled:        true,
		Reads:          Rate{200, 2000},
		Publications:   Rate{100, 2000},
		Uploads:        Rate{20, 400},
		Senders:        Rate{100, 2000},
		AnonymousBytes: 10 << 30,
		Sockets:        200,
		Remembered:     100_000,
	}
}

func (l Limits) validate() error {
	if !l.Enabled {
		return nil
	}
	for name, rate := range map[string]Rate{"reads": l.Reads, "publications": l.Publications, "uploads": l.Uploads, "senders": l.Senders} {
		if !(rate.PerSecond > 0) || math.IsInf(rate.PerSecond, 0) || rate.Burst < 1 {
			return fmt.Errorf("node API: limits.%s: per_second and burst must be more than zero; limits.enabled: false refuses nobody", name)
		}
	}
	for name, value := range map[string]int64{
		"anonymous_bytes": l.AnonymousBytes, "sockets": int64(l.Sockets), "remembered": int64(l.Remembered),
	} {
		if value < 1 || value > math.MaxInt32 && name != "anonymous_bytes" {
			return fmt.Errorf("node API: limits.%s must be more than zero; limits.enabled: false refuses nobody", name)
		}
	}
	return nil
}
