package pricing_test

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"aleph/internal/node/pricing"
	"aleph/message"
)

var payments = []message.PaymentType{message.PaymentHold, message.PaymentSuperfluid, message.PaymentCredit}

// anOrder draws a machine or a file.
func anOrder(t *rapid.T) *pricing.Order {
	o := &pricing.Order{
		Payment: rapid.SampledFrom(payments).Draw(t, "payment"),
		Product: rapid.SampledFrom([]pricing.Product{
			pricing.ProductProgram, pricing.ProductProgramPersistent, pricing.ProductInstance, pricing.ProductConfidential, pricing.ProductStorage,
		}).Draw(t, "product"),
		VCPUs: rapid.IntRange(1, 256).Draw(t, "vcpus"), MemoryMiB: rapid.IntRange(1, 1<<20).Draw(t, "memory"),
		Internet: rapid.Bool().Draw(t, "internet"),
	}
	if o.Product == pricing.ProductInstance {
		o.Devices = rapid.SliceOfN(rapid.SampledFrom([]string{a100, rtx4090, l40s}), 0, 4).Draw(t, "devices")
	}
	kind := pricing.RowPersistent
	if o.Product == pricing.ProductStorage {
		kind = pricing.RowStorage
	}
	for i, size := range rapid.SliceOfN(rapid.Int64Range(0, 1<<40), 0, 5).Draw(t, "bytes") {
		var exact apd.Decimal
		if _, err := apd.BaseContext.WithPrecision(60).Quo(&exact, apd.New(size, 0), apd.New(mib, 0)); err != nil {
			t.Fatal(err)
		}
		o.Volumes = append(o.Volumes, pricing.Volume{Type: kind, Name: fmt.Sprint(i), MiB: exact})
	}
	return o
}

func rowsOf(t *rapid.T, o *pricing.Order) []pricing.Row {
	rows, err := pricing.DefaultPrices().Rows(o, pricing.DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func totalOf(t *rapid.T, rows []pricing.Row, payment message.PaymentType) *apd.Decimal {
	total, err := pricing.Total(rows, payment)
	if err != nil {
		t.Fatal(err)
	}
	return &total
}

// Nothing costs less than nothing, every amount has 18 decimals, and a discount
// is never more than what it is taken off.
func TestTotalsAreNeverNegative(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := anOrder(t)
		rows := rowsOf(t, o)
		for _, payment := range payments {
			if total := totalOf(t, rows, payment); total.Negative || total.Exponent != -18 {
				t.Errorf("%s total %s", payment, total)
			}
			var volumes, discount apd.Decimal
			for i := range rows {
				into := &volumes
				switch rows[i].Type { //nolint:exhaustive // the others are volumes
				case pricing.RowExecution:
					continue
				case pricing.RowDiscount:
					into = &discount
				}
				if _, err := apd.BaseContext.Add(into, into, rows[i].Cost.Of(payment)); err != nil {
					t.Fatal(err)
				}
			}
			if discount.Sign() > 0 || new(apd.Decimal).Neg(&discount).Cmp(&volumes) > 0 {
				t.Errorf("%s: discount %s of volumes that cost %s", payment, &discount, &volumes)
			}
		}
	})
}

// More of anything never makes its row cheaper, and larger volumes never the
// total. More compute units may: the disk that a unit includes is worth 1024
// tokens where the unit costs 1000.
func TestMoreCostsMore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := anOrder(t)
		before := rowsOf(t, o)
		volume := rapid.Bool().Draw(t, "volume") && len(o.Volumes) > 0
		if volume {
			v := &o.Volumes[0]
			if _, err := apd.BaseContext.WithPrecision(60).Add(&v.MiB, &v.MiB, apd.New(rapid.Int64Range(1, 1<<20).Draw(t, "MiB more"), 0)); err != nil {
				t.Fatal(err)
			}
		} else {
			o.VCPUs += rapid.IntRange(0, 64).Draw(t, "vcpus more")
			o.MemoryMiB += rapid.IntRange(0, 1<<16).Draw(t, "memory more")
			o.Internet = true
		}
		after := rowsOf(t, o)
		for i := range after {
			for _, payment := range payments {
				more, less := after[i].Cost.Of(payment), before[i].Cost.Of(payment)
				if after[i].Type != pricing.RowDiscount && more.Cmp(less) < 0 {
					t.Errorf("row %s costs %s, and %s before there was more of it", after[i].Name, more, less)
				}
			}
		}
		if more, less := totalOf(t, after, o.Payment), totalOf(t, before, o.Payment); volume && more.Cmp(less) < 0 {
			t.Errorf("costs %s, and %s with a smaller volume", more, less)
		}
	})
}

// How somebody pays changes the credits of rows that fall below the least cost,
// and nothing else.
func TestRowsDoNotDependOnPayment(t *testing.T) {
	t.Parallel()
	least, _, err := apd.NewFromString("0.000277777777777777")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		o := anOrder(t)
		o.Payment = message.PaymentHold
		hold := rowsOf(t, o)
		o.Payment = message.PaymentSuperfluid
		stream := rowsOf(t, o)
		o.Payment = message.PaymentCredit
		credit := rowsOf(t, o)
		if len(hold) != len(stream) || len(hold) != len(credit) {
			t.Fatalf("%d, %d and %d rows", len(hold), len(stream), len(credit))
		}
		raised := false
		for i := range hold {
			a, b, c := &hold[i], &stream[i], &credit[i]
			if a.Type != c.Type || a.Name != c.Name || a.Ref != c.Ref {
				t.Errorf("row %+v is %+v by credit", a, c)
			}
			if a.Cost.Hold.Cmp(&b.Cost.Hold) != 0 || a.Cost.Stream.Cmp(&b.Cost.Stream) != 0 || a.Cost.Credit.Cmp(&b.Cost.Credit) != 0 {
				t.Errorf("row %+v is %+v by stream", a, b)
			}
			if a.Cost.Hold.Cmp(&c.Cost.Hold) != 0 || a.Cost.Stream.Cmp(&c.Cost.Stream) != 0 {
				t.Errorf("row %+v is %+v by credit", a, c)
			}
			if same := a.Cost.Credit.Cmp(&c.Cost.Credit) == 0; !same && a.Type != pricing.RowDiscount {
				raised = true
				if c.Cost.Credit.Cmp(least) != 0 {
					t.Errorf("row %s costs %s credits instead of %s", a.Name, &c.Cost.Credit, &a.Cost.Credit)
				}
			} else if !same && !raised {
				t.Errorf("the discount changed without a reason: %s, %s", &a.Cost.Credit, &c.Cost.Credit)
			}
		}
	})
}

// Whatever is published as prices, reading it ends, and what it prices is a
// number that is not negative.
func FuzzParsePrices(f *testing.F) {
	f.Add([]byte(pricing.DefaultPricesJSON()))
	f.Add([]byte(`{"instance":{"price":{"storage":{"holding":1e-7,"credit":" 1_0 "},"compute_unit":{"payg":0.1}},"tiers":[{"id":"a","compute_units":1}],"compute_unit":{"vcpus":1,"disk_mib":2147483648,"memory_mib":1}}}`))
	f.Add([]byte(`{"storage":{"price":{"storage":{"holding":"1e99","credit":99999999999999999999}}}}`))
	f.Add([]byte(`{"program":{"price":{"storage":{"holding":-0.0}},"tiers":{}}}`))
	machineContent := machine(3, 5000, 30000, gpus(a100, rtx4090)).parse(f, message.TypeInstance)
	contents := []message.Content{
		machineContent,
		machine(256, 1<<20, 1953125, nil).parse(f, message.TypeInstance),
		function(nil).parse(f, message.TypeProgram),
		store(nil).parse(f, message.TypeStore),
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		prices, err := pricing.ParsePrices(text)
		if err != nil {
			return
		}
		for _, c := range contents {
			order, err := pricing.OrderOf(item, c, files{fileA: 1 << 40, fileB: 3})
			if err != nil {
				t.Fatal(err)
			}
			rows, err := prices.Rows(order, pricing.DefaultSettings())
			if err != nil {
				continue
			}
			for _, payment := range payments {
				if total, err := pricing.Total(rows, payment); err == nil && (total.Form != apd.Finite || total.Negative && !total.IsZero()) {
					t.Errorf("total %s", &total)
				}
			}
		}
	})
}
