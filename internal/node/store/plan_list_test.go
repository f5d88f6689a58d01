package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"aleph/message"
)

// page is the size of the pages whose plans are looked at.
const page = 20

// planned is a statement that clients make a node run, and what its plan may do.
type planned struct {
	name string
	text string
	args []any
	// sorts says that all of what a value selects is read and sorted: there is
	// little of it.
	sorts bool
	// most is how many rows PostgreSQL may look at; 0 is a few pages.
	most float64
}

// lists returns every list by every documented filter, the first page and one
// after a place, in both directions.
func lists() []planned {
	var all []planned
	add := func(name string, sorts bool, most float64, statement func() (string, []any)) {
		text, args := statement()
		all = append(all, planned{name, text, args, sorts, most})
	}
	after := &After{Time: planBase + 10_000_000_000, Hash: "8"}
	for _, place := range []struct {
		name      string
		after     *After
		ascending bool
	}{{"", nil, false}, {", after", after, false}, {", ascending", nil, true}, {", ascending after", after, true}} {
		for name, filter := range map[string]MessageFilter{
			"all":               {},
			"one type":          {Types: []message.Type{"STORE"}},
			"two types":         {Types: []message.Type{"POST", "AGGREGATE"}},
			"a sender":          {Senders: []message.Address{planAddress(0)}},
			"three senders":     {Senders: []message.Address{planAddress(0), planAddress(1), planAddress(2)}},
			"an owner":          {Owners: []message.Address{planAddress(0)}},
			"two owners":        {Owners: []message.Address{planAddress(0), planAddress(3)}},
			"a reference":       {Refs: []string{"ref-1"}},
			"a file":            {ContentHashes: []message.Hash{"file-3"}},
			"a key":             {ContentKeys: []string{"key-1"}},
			"a kind":            {ContentTypes: []string{"kind-1"}},
			"two kinds":         {ContentTypes: []string{"kind-1", "kind-2"}},
			"a chain":           {Chains: []message.Chain{"SOL"}},
			"two chains":        {Chains: []message.Chain{"SOL", "ETH"}},
			"a channel":         {Channels: []string{"channel-1"}},
			"two channels":      {Channels: []string{"channel-1", "channel-0"}},
			"a tag":             {Tags: []string{"common"}},
			"two tags":          {Tags: []string{"common", "tag-1"}},
			"a payment":         {PaymentTypes: []message.PaymentType{"hold"}},
			"processed":         {Statuses: []message.Status{"processed"}},
			"removing":          {Statuses: []message.Status{"removing"}},
			"some time":         {From: planBase + 4_000_000_000, Until: planBase + 9_000_000_000},
			"a type, some time": {Types: []message.Type{"POST"}, From: planBase + 4_000_000_000},
		} {
			list := MessageList{MessageFilter: filter, Ascending: place.ascending, After: place.after, Limit: page}
			var most float64
			if place.ascending && strings.HasSuffix(name, "sender") || strings.HasSuffix(name, "senders") {
				most = planRows / 4 // in a table of this size it is cheaper to sort what one sender has
			}
			add("messages: "+name+place.name, name == "removing", most, list.statement)
		}
		for name, filter := range map[string]PostFilter{
			"all":          {},
			"an owner":     {Owners: []message.Address{planAddress(0)}},
			"two owners":   {Owners: []message.Address{planAddress(0), planAddress(1)}},
			"a reference":  {Refs: []string{"ref-1"}},
			"a type":       {Types: []string{"kind-1"}},
			"two types":    {Types: []string{"kind-1", "kind-0"}},
			"a tag":        {Tags: []string{"common"}},
			"two tags":     {Tags: []string{"common", "tag-1"}},
			"a channel":    {Channels: []string{"channel-1"}},
			"some time":    {From: planBase + 4_000_000_000, Until: planBase + 9_000_000_000},
			"two channels": {Channels: []string{"channel-1", "channel-0"}},
		} {
			list := PostList{PostFilter: filter, Ascending: place.ascending, After: place.after, Limit: page}
			add("posts: "+name+place.name, false, 0, list.statement)
		}
		add("hashes"+place.name, false, 0, HashList{Limit: page, Ascending: place.ascending, After: place.after}.statement)
		add("files of an owner"+place.name, false, 0, FileList{Owner: planAddress(0), Limit: page, Ascending: place.ascending, After: place.after}.statement)
	}
	for _, ascending := range []bool{false, true} {
		by := MessageList{ByConfirmation: true, Ascending: ascending, Limit: page}
		add(fmt.Sprintf("messages: by confirmation, ascending %t", ascending), false, 0, by.statement)
		by.FromBlock = 5000
		add(fmt.Sprintf("messages: from a block, ascending %t", ascending), false, planRows, by.statement)
		by.FromBlock, by.UntilBlock = 0, 5000
		add(fmt.Sprintf("messages: until a block, ascending %t", ascending), false, planRows, by.statement)
		add(fmt.Sprintf("forgotten, ascending %t", ascending), false, 0, ForgottenList{Limit: page, Ascending: ascending}.statement)
		add(fmt.Sprintf("aggregates, ascending %t", ascending), false, 0, AggregateList{Limit: page, Ascending: ascending}.statement)
	}
	for _, ascending := range []bool{false, true} {
		for _, order := range []CreditOrder{ByTime, ByExpiration, ByMethod, ByAmount, ByOrigin, ByTxHash, ByProvider} {
			list := CreditList{CreditFilter: CreditFilter{Address: planAddress(1)}, Order: order, Ascending: ascending, Limit: page}
			add(fmt.Sprintf("ledger by %s, ascending %t", order, ascending), order != ByTime, planLedger, list.statement)
			list.After = &AfterCredit{Value: int64(3), Ref: "5", Index: 1}
			if order != ByTime && order != ByExpiration && order != ByAmount {
				list.After.Value = "x"
			}
			add(fmt.Sprintf("ledger by %s after, ascending %t", order, ascending), order != ByTime, planLedger, list.statement)
		}
		list := CreditList{CreditFilter: CreditFilter{Address: planAddress(0)}, Ascending: ascending, Limit: page}
		add(fmt.Sprintf("long ledger, ascending %t", ascending), false, 0, list.statement)
		list.After = &AfterCredit{Value: int64(planBase), Ref: "5", Index: 1}
		add(fmt.Sprintf("long ledger after, ascending %t", ascending), false, 0, list.statement)
	}
	for name, filter := range map[string]CostFilter{
		"all": {Payment: "hold"}, "of an owner": {Payment: "hold", Owner: planAddress(0)}, "of few": {Payment: "credit"},
		"of a message": {Payment: "hold", ItemHash: "5"}, "of a message of an owner": {Payment: "hold", Owner: planAddress(0), ItemHash: "5"},
	} {
		add("costs "+name, false, 0, CostList{CostFilter: filter, Limit: page}.statement)
	}
	for name, text := range map[string]string{"spent on": sqlSpentOn, "spent by": sqlSpentBy} {
		add(name, false, 0, func() (string, []any) { return text, []any{string(planAddress(3))} })
	}
	for name, filter := range map[string]Received{
		"received": {Grantee: planAddress(0)}, "received, filtered": {Grantee: planAddress(1), Types: []string{"POST"}},
	} {
		add(name, false, 0, func() (string, []any) { return filter.statement(page, page) })
	}
	add("messages: hashes", true, 0, MessageList{MessageFilter: MessageFilter{Hashes: []message.Hash{"a", "b"}}, Limit: page}.statement)
	add("posts: hashes", true, 0, PostList{PostFilter: PostFilter{Hashes: []message.Hash{"a", "b"}}, Limit: page}.statement)
	add("aggregates of an owner", true, 0, AggregateList{Owners: []message.Address{planAddress(0)}, Keys: []string{"key-1"}}.statement)
	add("aggregates of a key", false, 0, AggregateList{Keys: []string{"key-1"}, Limit: page}.statement)
	return all
}

// TestListPlans looks at how the lists that clients ask for are read in a large
// database: through an index that gives the order, a page of rows at a time.
func TestListPlans(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), TestConfig(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := fillForPlans(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	for _, analyzed := range []bool{false, true} {
		if analyzed {
			err := db.Update(t.Context(), func(tx *Tx) error { return tx.exec("analyze", "ANALYZE") })
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range lists() {
			if _, postgres := db.engine.(*postgres); postgres {
				lookAtPostgres(t, db, p, analyzed)
			} else {
				lookAtSQLite(t, db, p, analyzed)
			}
		}
	}
}

// lookAtSQLite refuses a plan that reads a whole table or sorts more than what
// the branches of a list give.
func lookAtSQLite(t *testing.T, db *DB, p planned, analyzed bool) {
	t.Helper()
	rows, err := db.q.query(t.Context(), "", "EXPLAIN QUERY PLAN "+p.text, p.args...)
	steps, err := all(rows, err, func(row scanner) (string, error) {
		var id, parent, unused int
		var detail string
		err := row.Scan(&id, &parent, &unused, &detail)
		return detail, err
	})
	if err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	plan := strings.Join(steps, "\n")
	few := p.sorts // what is read at this point is a page of each branch
	for _, step := range steps {
		name, whole := strings.CutPrefix(step, "SCAN ")
		whole = whole && !strings.Contains(step, "INDEX")
		part := whole && (name == "u" || strings.HasPrefix(name, "b"))
		few = few || part
		if whole && !part || step == "USE TEMP B-TREE FOR ORDER BY" && !few {
			t.Errorf("%s (analyzed: %t): %s\n%s\n%s", p.name, analyzed, step, p.text, plan)
		}
		if step == "RIGHT" || step == "UNION ALL" {
			few = p.sorts // another branch begins
		}
	}
}

// lookAtPostgres runs the statement and refuses a plan that looks at more rows
// than a few pages.
func lookAtPostgres(t *testing.T, db *DB, p planned, analyzed bool) {
	t.Helper()
	rows, err := db.q.query(t.Context(), "", "EXPLAIN (ANALYZE, FORMAT JSON) "+p.text, p.args...)
	plan, err := one(rows, err, column[string])
	if err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	var top []struct{ Plan planNode }
	if err := json.Unmarshal([]byte(plan), &top); err != nil {
		t.Fatal(err)
	}
	most := p.most
	if most == 0 {
		most = 25 * page
	}
	if looked := top[0].Plan.looked(); analyzed && looked > most {
		t.Errorf("%s looks at %v rows:\n%s\n%s", p.name, looked, p.text, plan)
	}
}

// planNode is a node of a plan of PostgreSQL.
type planNode struct {
	Kind    string     `json:"Node Type"`
	Rows    float64    `json:"Actual Rows"`
	Loops   float64    `json:"Actual Loops"`
	Removed float64    `json:"Rows Removed by Filter"`
	Plans   []planNode `json:"Plans"`
}

func (n planNode) looked() float64 {
	var sum float64
	if strings.Contains(n.Kind, "Scan") && !strings.HasPrefix(n.Kind, "Subquery") {
		sum = (n.Rows + n.Removed) * n.Loops
	}
	for _, child := range n.Plans {
		sum += child.looked()
	}
	return sum
}

const (
	planRows = 20_000
	// planLedger is how many entries the ledger of an address may have to be sorted.
	planLedger = 1500
	planBase   = message.Timestamp(1_700_000_000_000_000)
)

func planAddress(i int) message.Address {
	return message.Address(fmt.Sprintf("0x%040x", i+1))
}

// fillForPlans writes messages of three types, with values that many share.
func fillForPlans(ctx context.Context, db *DB) error {
	for part := range planRows / 2000 {
		err := db.Update(ctx, func(tx *Tx) error {
			for i := part * 2000; i < (part+1)*2000; i++ {
				if err := planMessage(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// planMoney writes a ledger of which half belongs to one address, and costs of
// which few are paid by credit.
func planMoney(tx *Tx, hash message.Hash, i int) error {
	c := &CreditRow{
		CreditKey: CreditKey{Time: planBase + message.Timestamp(i), Ref: hash}, Address: planAddress(1 + i%15), Amount: int64(i),
		Origin: string(planAddress(i % 1000)), PaymentMethod: expenseMethod, TxHash: fmt.Sprint(i % 3),
	}
	if i%2 == 0 {
		c.Address = planAddress(0)
	}
	if err := tx.InsertCredit(c); err != nil {
		return err
	}
	cost := &CostRow{ItemHash: hash, Owner: planAddress(i % 100), Payment: message.PaymentHold}
	if i%1000 == 0 {
		cost.Payment = message.PaymentCredit
	}
	return tx.InsertCost(cost)
}

func planMessage(tx *Tx, i int) error {
	sum := sha256.Sum256(fmt.Append(nil, i))
	channel, kind, key := fmt.Sprintf("channel-%d", i%3), fmt.Sprintf("kind-%d", i%4), fmt.Sprintf("key-%d", i%5)
	m := &MessageRow{
		Message: message.Message{
			ItemHash: message.Hash(hex.EncodeToString(sum[:])), Type: "POST", Chain: "ETH", Sender: planAddress(i % 7), Signature: "s",
			ItemType: message.ItemInline, Time: planBase + message.Timestamp(i)*1_000_000, Channel: &channel, ItemContent: "{}",
		},
		Size: 2, Status: message.StatusProcessed, ReceptionTime: planBase + message.Timestamp(i), Owner: planAddress(i % 7),
	}
	if i%10 == 0 {
		m.Message.Chain, m.Owner = "SOL", planAddress(8)
	}
	switch i % 4 {
	case 0, 1:
		ref := fmt.Sprintf("ref-%d", i%11)
		m.ContentType, m.ContentRef, m.Tags = kind, ref, []string{"common", fmt.Sprintf("tag-%d", i%9)}
	case 2:
		m.Message.Type, m.ContentKey = "AGGREGATE", &key
	case 3:
		m.Message.Type, m.ContentItemHash, m.PaymentType = "STORE", message.Hash(fmt.Sprintf("file-%d", i%1000)), "hold"
	}
	if err := tx.InsertMessage(m); err != nil {
		return err
	}
	if err := planMoney(tx, m.Message.ItemHash, i); err != nil {
		return err
	}
	switch m.Message.Type { //nolint:exhaustive // the plan has no others
	case "POST":
		return tx.InsertPost(&PostRow{
			ItemHash: m.Message.ItemHash, Owner: m.Owner, Type: kind, Ref: &m.ContentRef, Channel: &channel,
			Created: m.Message.Time, TagsFrom: m.Message.ItemHash, Tags: m.Tags,
		})
	case "AGGREGATE":
		e := &ElementRow{AggregateKey: AggregateKey{m.Owner, fmt.Sprintf("key-%d/%d", i%5, i)}, ItemHash: m.Message.ItemHash, Created: m.Message.Time}
		if i%8 == 2 {
			e.Key, e.Owner = key, planAddress(i)
		}
		members := map[string]json.RawMessage{"a": json.RawMessage("1")}
		if i%8 == 6 {
			e.Key, e.Owner = securityKey, planAddress(i)
			members = map[string]json.RawMessage{authorizationsMember: fmt.Appendf(nil, `[{"address":"%s","types":["POST"]}]`, planAddress(i%16/8))}
		}
		if err := tx.InsertElement(e); err != nil {
			return err
		}
		return tx.MergeElement(e, members)
	}
	if err := tx.SetFile(FileRow{Hash: m.ContentItemHash, Size: 1, Type: FileRegular}); err != nil {
		return err
	}
	return tx.InsertPin(PinRow{
		FileHash: m.ContentItemHash, Type: PinMessage, Created: m.Message.Time, Owner: m.Owner, ItemHash: m.Message.ItemHash,
	})
}
