package pricing_test

import (
	"testing"

	"aleph/internal/node/pricing"
	"aleph/message"
)

// BenchmarkRows prices what nodes price most: a file and a function.
func BenchmarkRows(b *testing.B) {
	prices, settings := pricing.DefaultPrices(), pricing.DefaultSettings()
	known := files{fileA: 1 << 20, fileB: 300 << 20}
	for name, c := range map[string]message.Content{
		"store":    store(nil).parse(b, message.TypeStore),
		"function": function(disks(1024, 2048)).parse(b, message.TypeProgram),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				order, err := pricing.OrderOf(item, c, known)
				if err != nil {
					b.Fatal(err)
				}
				rows, err := prices.Rows(order, settings)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := pricing.Total(rows, order.Payment); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
