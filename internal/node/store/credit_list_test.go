package store_test

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"aleph/internal/node/store"
	"aleph/message"
)

// randomLedger writes entries of two addresses and returns those of the first.
func randomLedger(t *testing.T, db *store.DB, n int) []store.CreditRow {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(values ...string) string { return values[rng.IntN(len(values))] }
	var mine []store.CreditRow
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		for _, name := range []string{"vm", "file"} {
			m := &store.MessageRow{
				Message: message.Message{
					ItemHash: message.HashOf([]byte(name)), Type: message.TypeInstance, Chain: "ETH", Sender: "s", ItemType: message.ItemInline, ItemContent: "{}",
				},
				Owner: "s", Status: message.StatusProcessed,
			}
			if name == "file" {
				m.Message.Type = message.TypeStore
			}
			if err := tx.InsertMessage(m); err != nil {
				return err
			}
		}
		vm, file := string(message.HashOf([]byte("vm"))), string(message.HashOf([]byte("file")))
		for i := range n {
			row := store.CreditRow{
				CreditKey: store.CreditKey{Time: message.Timestamp(rng.IntN(20)), Ref: message.HashOf([]byte{byte(rng.IntN(30))}), Index: int64(i)},
				Address:   message.Address(pick("0xA", "0xA", "0xB")), Amount: rng.Int64N(20) - 10,
				TxHash: pick("", "t1", "t2"), Provider: pick("", "ALEPH", "é"), Token: pick("", "ALEPH"), Chain: pick("", "ETH"),
				Origin: pick("", vm, file, "gone"), OriginRef: pick("", vm, "other"), PaymentMethod: pick("", "credit_expense", "credit_transfer"),
				Price: "0.50", Bonus: pick("", "7"), ExpenseSize: pick("", "1.5"),
			}
			if rng.IntN(2) == 0 {
				at := message.Timestamp(rng.IntN(5))
				row.Expiration = &at
			}
			if err := tx.InsertCredit(&row); err != nil {
				return err
			}
			if row.Address == "0xA" {
				mine = append(mine, row)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return mine
}

// sorted orders a ledger as the specification says. // spec ccn-http-api 8.8
func sorted(rows []store.CreditRow, order store.CreditOrder, ascending bool) []store.CreditRow {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b store.CreditRow) int {
		x, y := order.AfterRow(&a), order.AfterRow(&b)
		if (x.Value == nil) != (y.Value == nil) {
			if x.Value == nil {
				return 1
			}
			return -1
		}
		byValue := 0
		switch v := x.Value.(type) {
		case int64:
			byValue = cmp.Compare(v, y.Value.(int64))
		case string:
			byValue = cmp.Compare(v, y.Value.(string))
		}
		c := cmp.Or(byValue, cmp.Compare(a.Ref, b.Ref), cmp.Compare(a.Index, b.Index))
		if !ascending {
			c = -c
		}
		return c
	})
	return rows
}

func resource(c *store.CreditRow) string { return cmp.Or(c.Origin, c.OriginRef) }

// Pages of a ledger hold what a plain program finds, in its order, by every
// filter and order, by offset and by place.
func TestCreditList(t *testing.T) {
	t.Parallel()
	db := open(t)
	mine := randomLedger(t, db, 300)
	vm := string(message.HashOf([]byte("vm")))
	yes, no, from, to := true, false, message.Timestamp(5), message.Timestamp(15)
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		filter store.CreditFilter
		keeps  func(*store.CreditRow) bool
	}{
		"all":            {store.CreditFilter{}, func(*store.CreditRow) bool { return true }},
		"transaction":    {store.CreditFilter{TxHash: text("t1")}, func(c *store.CreditRow) bool { return c.TxHash == "t1" }},
		"empty":          {store.CreditFilter{TxHash: text("")}, func(*store.CreditRow) bool { return false }},
		"token, chain":   {store.CreditFilter{Token: text("ALEPH"), Chain: text("ETH")}, func(c *store.CreditRow) bool { return c.Token != "" && c.Chain != "" }},
		"provider":       {store.CreditFilter{Provider: text("é")}, func(c *store.CreditRow) bool { return c.Provider == "é" }},
		"origin":         {store.CreditFilter{Origin: text("gone")}, func(c *store.CreditRow) bool { return c.Origin == "gone" }},
		"reference":      {store.CreditFilter{OriginRef: text("other")}, func(c *store.CreditRow) bool { return c.OriginRef == "other" }},
		"method":         {store.CreditFilter{PaymentMethod: text("credit_transfer")}, func(c *store.CreditRow) bool { return c.PaymentMethod == "credit_transfer" }},
		"other methods":  {store.CreditFilter{ExceptMethods: []string{"credit_transfer", "x"}}, func(c *store.CreditRow) bool { return c.PaymentMethod == "credit_expense" }},
		"expires":        {store.CreditFilter{Expires: &yes}, func(c *store.CreditRow) bool { return c.Expiration != nil }},
		"never expires":  {store.CreditFilter{Expires: &no}, func(c *store.CreditRow) bool { return c.Expiration == nil }},
		"some time":      {store.CreditFilter{From: &from, To: &to}, func(c *store.CreditRow) bool { return c.Time >= 5 && c.Time <= 15 }},
		"incoming":       {store.CreditFilter{Direction: store.Incoming}, func(c *store.CreditRow) bool { return c.Amount > 0 }},
		"outgoing":       {store.CreditFilter{Direction: store.Outgoing}, func(c *store.CreditRow) bool { return c.Amount < 0 }},
		"a resource":     {store.CreditFilter{Resource: &vm}, func(c *store.CreditRow) bool { return resource(c) == vm }},
		"a gone one":     {store.CreditFilter{Resource: text("gone")}, func(c *store.CreditRow) bool { return resource(c) == "gone" }},
		"of instances":   {store.CreditFilter{ResourceTypes: []message.Type{"INSTANCE"}}, func(c *store.CreditRow) bool { return resource(c) == vm }},
		"of two types":   {store.CreditFilter{ResourceTypes: []message.Type{"INSTANCE", "STORE"}}, func(c *store.CreditRow) bool { return len(resource(c)) == 64 }},
		"of another one": {store.CreditFilter{ResourceTypes: []message.Type{"PROGRAM"}}, func(*store.CreditRow) bool { return false }},
	} {
		c.filter.Address = "0xA"
		var want []store.CreditRow
		in, out := new(big.Int), new(big.Int)
		for _, row := range mine {
			if !c.keeps(&row) {
				continue
			}
			want = append(want, row)
			if row.Amount > 0 {
				in.Add(in, big.NewInt(row.Amount))
			} else {
				out.Add(out, big.NewInt(row.Amount))
			}
		}
		if total, err := db.CountCredits(t.Context(), c.filter); err != nil || total != int64(len(want)) {
			t.Errorf("%s: counts %d (%v), want %d", name, total, err, len(want))
		}
		sums, err := db.SumCredits(t.Context(), c.filter)
		if err != nil || sums.Entries != int64(len(want)) || sums.Incoming.Cmp(in) != 0 || sums.Outgoing.Cmp(out) != 0 {
			t.Errorf("%s: sums %v (%v), want %d %s %s", name, sums, err, len(want), in, out)
		}
		for _, order := range []store.CreditOrder{
			store.ByTime, store.ByExpiration, store.ByMethod, store.ByAmount, store.ByOrigin, store.ByTxHash, store.ByProvider,
		} {
			for _, ascending := range []bool{false, true} {
				name := fmt.Sprintf("%s by %s, ascending %t", name, order, ascending)
				want := sorted(want, order, ascending)
				list := store.CreditList{CreditFilter: c.filter, Order: order, Ascending: ascending}
				comparePages(t, db, name, list, want)
			}
		}
	}
}

// comparePages reads a list at once, by offset and by place.
func comparePages(t *testing.T, db *store.DB, name string, list store.CreditList, want []store.CreditRow) {
	t.Helper()
	got, err := db.ListCredits(t.Context(), list)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", name, diff)
	}
	const size = 17
	list.Limit = size
	var placed []store.CreditRow
	for {
		page, err := db.ListCredits(t.Context(), list)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		placed = append(placed, page...)
		if len(page) < size {
			break
		}
		list.After = list.Order.AfterRow(&page[size-1])
	}
	if diff := gocmp.Diff(want, placed); diff != "" {
		t.Fatalf("%s, page after page (-want +got):\n%s", name, diff)
	}
	list.After, list.Offset = nil, size
	page, err := db.ListCredits(t.Context(), list)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	first := min(size, len(want))
	if diff := gocmp.Diff(want[first:min(2*size, len(want))], page, gocmp.Transformer("nil", func(l []store.CreditRow) int { return len(l) })); diff != "" {
		t.Fatalf("%s, second page (-want +got):\n%s", name, diff)
	}
}

// What was spent is kept by address and by resource, and its sum may be larger
// than any column.
func TestSpent(t *testing.T) {
	t.Parallel()
	db := open(t)
	spend := func(index int64, address message.Address, origin, ref, method string, amount int64) {
		t.Helper()
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			return tx.InsertCredit(&store.CreditRow{
				CreditKey: store.CreditKey{Ref: "r", Index: index}, Address: address, Amount: amount,
				Origin: origin, OriginRef: ref, PaymentMethod: method,
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	spend(0, "0xA", "vm", "ignored", "credit_expense", -math.MaxInt64)
	spend(1, "0xA", "vm", "", "credit_expense", -math.MaxInt64)
	spend(2, "0xA", "", "vm", "credit_expense", -5)
	spend(3, "0xB", "vm", "", "credit_expense", -7)
	spend(4, "0xB", "", "", "credit_expense", -11)
	spend(5, "0xB", "vm", "", "credit_transfer", -13)
	huge := new(big.Int).Mul(big.NewInt(2), big.NewInt(math.MaxInt64))
	plus := func(n int64) string { return new(big.Int).Add(huge, big.NewInt(n)).String() }
	for _, c := range []struct {
		address  message.Address
		resource string
		want     string
	}{
		{"", "vm", plus(12)}, {"0xA", "", plus(5)}, {"0xA", "vm", plus(5)}, {"0xB", "vm", "7"}, {"0xB", "", "18"}, {"", "", plus(23)}, {"0xC", "", "0"}, {"", "x", "0"},
	} {
		got, err := db.Spent(t.Context(), c.address, c.resource)
		if err != nil || got.String() != c.want {
			t.Errorf("%q spent %s for %q (%v), want %s", c.address, got, c.resource, err, c.want)
		}
	}
	each, err := db.SpentOnEach(t.Context(), []message.Hash{"vm", "x"})
	if err != nil || len(each) != 1 || each["vm"].String() != plus(12) {
		t.Errorf("spent on each: %v %v", each, err)
	}
	sums, err := db.SumCredits(t.Context(), store.CreditFilter{Address: "0xA"})
	if err != nil || sums.Entries != 3 || sums.Incoming.Sign() != 0 || sums.Outgoing.String() != "-"+plus(5) {
		t.Errorf("sums of a ledger: %v %v", sums, err)
	}
	if found, err := db.Inconsistencies(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("inconsistencies: %v %v", found, err)
	}
}
