package store

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"aleph/message"
)

// A transaction that has read ahead sees the same as one that asks the database,
// whatever it changes in between.
func TestKnownIsWhatIsStored(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), TestConfig(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for seed := range uint64(12) {
		err := db.Update(t.Context(), func(tx *Tx) error {
			c := newChanges(tx, seed)
			for step := range 80 {
				if step%20 == 0 {
					if err := tx.ReadAhead(c.ahead()); err != nil {
						return err
					}
				}
				did, err := c.change()
				if err != nil {
					return fmt.Errorf("%s: %w", did, err)
				}
				if diff := c.compare(); diff != "" {
					return fmt.Errorf("after %s (-stored +known):\n%s", did, diff)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// changes makes random changes in a small world.
type changes struct {
	tx        *Tx
	rng       *rand.Rand
	hashes    []message.Hash
	addresses []message.Address
	names     []string
	clock     message.Timestamp
}

func newChanges(tx *Tx, seed uint64) *changes {
	c := &changes{tx: tx, rng: rand.New(rand.NewPCG(seed, 7)), clock: message.Timestamp(seed) * 1000}
	for i := range 6 {
		c.hashes = append(c.hashes, message.Hash(fmt.Sprintf("%064d", i)))
	}
	for i := range 3 {
		c.addresses = append(c.addresses, message.Address(fmt.Sprintf("0x%040d", i)))
		c.names = append(c.names, fmt.Sprintf("name/%d", i))
	}
	c.names = append(c.names, string(c.hashes[0]))
	return c
}

func pick[T any](c *changes, list []T) T { return list[c.rng.IntN(len(list))] }

func some[T any](c *changes, list []T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(T) bool { return c.rng.IntN(2) == 0 })
}

func (c *changes) ahead() *Ahead {
	return &Ahead{
		Posts: some(c, c.hashes), Forget: some(c, c.hashes), Tags: some(c, c.names), Pins: some(c, c.hashes), VMs: some(c, c.hashes),
		Owners: some(c, c.addresses), Ledgers: some(c, c.addresses), Waiting: []int64{1, 2, 3, 4, 5}, Tried: some(c, c.hashes),
	}
}

func (c *changes) stored() Reader { return Reader{q: c.tx} }

// change does one thing that can be done.
func (c *changes) change() (string, error) {
	c.clock += message.Timestamp(c.rng.IntN(3))
	kinds := []func(message.Hash, message.Address) (string, error){c.post, c.showOrForget, c.file, c.means, c.machine, c.waiting, c.status}
	return pick(c, kinds)(pick(c, c.hashes), pick(c, c.addresses))
}

// post adds a message with a post or an amend.
func (c *changes) post(hash message.Hash, owner message.Address) (string, error) {
	if _, err := c.stored().Message(c.tx.ctx, hash); err == nil {
		return "nothing", nil
	}
	tags := some(c, []string{"x", "y"})
	m := &MessageRow{
		Message: message.Message{
			ItemHash: hash, Type: message.TypePost, Chain: "ETH", Sender: owner, ItemType: message.ItemInline, Time: c.clock, ItemContent: "{}",
		},
		Owner: owner, Status: message.StatusProcessed, ContentType: "t", Tags: tags,
	}
	if err := c.tx.InsertMessage(m); err != nil {
		return "message", err
	}
	p := &PostRow{ItemHash: hash, Owner: owner, Type: "t", Created: c.clock, Tags: tags}
	if len(tags) > 0 {
		p.TagsFrom = hash
	}
	if original := pick(c, c.hashes); c.rng.IntN(2) == 0 {
		if row, err := c.stored().Post(c.tx.ctx, original); err == nil && row.Amends == "" {
			p.Amends = original
		}
	}
	return "post", c.tx.InsertPost(p)
}

// showOrForget makes an original show one of its amends or itself, or removes it.
func (c *changes) showOrForget(hash message.Hash, _ message.Address) (string, error) {
	p, err := c.tx.Post(c.tx.ctx, hash)
	if err != nil {
		return "nothing", ignore(err)
	}
	amends, err := c.tx.Amends(c.tx.ctx, hash)
	if err != nil {
		return "amends", err
	}
	switch {
	case p.Amends == "" && len(amends) > 0 && c.rng.IntN(3) > 0:
		return "show", c.tx.ShowAmend(p, amends[0].ItemHash, amends[0].Created, amends[0].TagsFrom)
	case p.Amends == "" && len(amends) == 0:
		heads, err := c.tx.MessageHeads(c.tx.ctx, []message.Hash{hash})
		if err == nil {
			err = c.tx.DeletePost(p)
		}
		if err == nil {
			err = c.tx.DeleteMessage(heads[hash])
		}
		return "delete", err
	}
	return "nothing", nil
}

func (c *changes) file(hash message.Hash, owner message.Address) (string, error) {
	name := pick(c, c.names)
	switch c.rng.IntN(7) {
	case 0:
		return "file", c.tx.SetFile(FileRow{Hash: hash, Size: int64(c.clock), Type: FileRegular})
	case 1, 2:
		return "pin", c.tx.InsertPin(PinRow{FileHash: pick(c, c.hashes), Type: PinMessage, Created: c.clock, Owner: owner, ItemHash: hash, Tag: name})
	case 3:
		return "tag", c.tx.SetTag(TagRow{Tag: name, Owner: owner, FileHash: hash, ItemHash: pick(c, c.hashes), LastUpdated: c.clock - 1})
	case 4:
		return "unpin", errors.Join(c.tx.DeletePin(hash, PinMessage), c.tx.RebuildTag(name))
	case 5:
		if _, err := c.stored().Pin(c.tx.ctx, hash, PinGrace); err == nil {
			return "nothing", nil
		}
		return "grace", c.tx.PinToGrace(hash, c.clock)
	}
	if _, err := c.stored().Pin(c.tx.ctx, hash, PinMessage); err == nil {
		return "nothing", nil
	}
	_, err := c.tx.PinFromGrace(hash)
	return "ungrace", err
}

func (c *changes) means(hash message.Hash, owner message.Address) (string, error) {
	switch c.rng.IntN(6) {
	case 0, 1:
		b := &BalanceRow{Address: owner, Chain: pick(c, []message.Chain{"ETH", "SOL"}), Height: int64(c.rng.IntN(4)), LastUpdate: c.clock}
		b.Balance.SetInt64(int64(c.rng.IntN(3)))
		return "balance", c.tx.SetBalance(b)
	case 2:
		key := CreditKey{Time: c.clock, Ref: hash, Index: c.rng.Int64()}
		return "credit", c.tx.InsertCredit(&CreditRow{CreditKey: key, Address: owner, Amount: 5})
	case 3:
		return "lot", c.tx.SetLot(owner, &LotRow{CreditKey: CreditKey{Time: 1, Ref: hash}, Remaining: int64(c.rng.IntN(3))})
	case 4:
		return "lots", c.tx.DropLots(owner)
	}
	if _, err := c.stored().Cost(c.tx.ctx, hash); err == nil {
		return "uncost", c.tx.DeleteCost(hash)
	}
	row := &CostRow{ItemHash: hash, Owner: owner, Payment: message.PaymentHold}
	row.Total.Hold.SetInt64(3)
	return "cost", c.tx.InsertCost(row)
}

func (c *changes) machine(hash message.Hash, owner message.Address) (string, error) {
	if _, err := c.stored().VM(c.tx.ctx, hash); err == nil {
		return "machine goes", c.tx.DeleteVM(hash)
	}
	vm := &VMRow{ItemHash: hash, Type: "program", Owner: owner, PaymentType: message.PaymentHold, Created: c.clock}
	for range c.rng.IntN(3) {
		vm.Refs = append(vm.Refs, VMRef{Ref: pick(c, c.hashes), Kind: "code", Blocks: c.rng.IntN(2) == 0})
	}
	return "machine", c.tx.InsertVM(vm)
}

func (c *changes) waiting(hash message.Hash, owner message.Address) (string, error) {
	id := 1 + c.rng.Int64N(5)
	switch c.rng.IntN(6) {
	case 0:
		return "wait", c.tx.InsertPending(&PendingRow{Message: message.Message{
			ItemHash: hash, Type: message.TypePost, Sender: owner, Signature: fmt.Sprint(c.rng.Int64()), ItemType: message.ItemStorage,
		}})
	case 1:
		return "try", c.tx.UpdatePending(&PendingRow{ID: id, Fetched: true, Retries: c.rng.IntN(5)})
	case 2:
		return "refresh", errors.Join(c.tx.RefreshPending(id, c.clock), c.tx.DeletePending(id%3))
	case 3:
		return "reject", c.tx.SetRejected(&RejectedRow{ItemHash: hash, Message: []byte("{}"), Code: message.Code(c.rng.IntN(3)), At: c.clock})
	case 4:
		return "rejected waits", c.tx.RejectedWaits(hash)
	}
	return "rejected goes", c.tx.DeleteRejected(hash)
}

func (c *changes) status(hash message.Hash, owner message.Address) (string, error) {
	m := &message.Message{ItemHash: hash, Sender: owner}
	by := &ChainTx{Hash: "0xa", Chain: "ETH", Height: 3, Time: 4}
	_, missing := c.stored().Message(c.tx.ctx, hash)
	switch c.rng.IntN(5) {
	case 0:
		if missing != nil {
			return "status", c.tx.SetStatus(hash, message.StatusForgotten, c.clock)
		}
	case 1:
		return "status goes", c.tx.ClearStatus(hash)
	case 2:
		return "remember", errors.Join(c.tx.InsertChainTx(by), c.tx.RememberConfirmation(m, by.Hash))
	case 3:
		return "forget remembered", c.tx.DropRemembered(hash)
	case 4:
		if missing == nil {
			_, err := c.tx.Confirm(hash, by)
			return "confirm", errors.Join(c.tx.InsertChainTx(by), err)
		}
	}
	return "nothing", nil
}

func ignore(err error) error {
	if errors.Is(err, message.ErrNotFound) {
		return nil
	}
	return err
}

// compare reads everything twice and returns the difference.
func (c *changes) compare() string {
	return cmp.Diff(c.read(c.stored()), c.read(c.tx.Reader), cmpopts.EquateEmpty(),
		cmp.AllowUnexported(PostRow{}), cmpopts.IgnoreFields(PostRow{}, "Tags"), cmpopts.IgnoreFields(VMRow{}, "Refs"),
		cmp.Comparer(func(x, y apd.Decimal) bool { return x.Cmp(&y) == 0 }),
		cmp.Transformer("head", func(m *MessageRow) []any {
			return []any{m.Message.ItemHash, m.Status, m.Owner, m.Tags, m.FirstConfirmedAt, m.FirstConfirmedHeight}
		}))
}

// read returns all that a reader says, by what was asked.
func (c *changes) read(r Reader) map[string]any {
	ctx, out := c.tx.ctx, map[string]any{}
	note := func(name string, value any, err error) {
		if err != nil {
			value = err.Error()
		}
		out[name] = value
	}
	for i, hash := range c.hashes {
		name := func(what string) string { return fmt.Sprintf("%s %d", what, i) }
		post, err := r.Post(ctx, hash)
		note(name("post"), post, err)
		amends, err := r.Amends(ctx, hash)
		note(name("amends"), amends, err)
		own, err := r.OwnTags(ctx, hash)
		note(name("own tags"), own, err)
		pin, err := r.Pin(ctx, hash, PinMessage)
		note(name("pin"), pin, err)
		file, err := r.File(ctx, hash)
		note(name("file"), file, err)
		vm, err := r.VM(ctx, hash)
		note(name("vm"), vm, err)
		cost, err := r.Cost(ctx, hash)
		note(name("cost"), cost, err)
		rejected, err := r.RejectedHead(ctx, hash)
		note(name("rejected"), rejected, err)
		remembered, err := r.RememberedConfirmations(ctx, &message.Message{ItemHash: hash, Sender: c.addresses[0]})
		note(name("remembered"), remembered, err)
	}
	for id := range int64(6) {
		progress, err := r.PendingProgress(ctx, id)
		note(fmt.Sprint("progress ", id), progress, err)
	}
	for _, name := range c.names {
		tag, err := r.Tag(ctx, name)
		note("tag "+name, tag, err)
	}
	for _, address := range c.addresses {
		balances, err := r.Balances(ctx, address)
		note(string("balances "+address), balances, err)
		lots, err := r.Lots(ctx, address)
		note(string("lots "+address), lots, err)
		end, err := r.LastCredit(ctx, address)
		note(string("end "+address), end, err)
	}
	heads, err := r.MessageHeads(ctx, c.hashes)
	note("heads", heads, err)
	users, err := r.VMsUsing(ctx, c.hashes)
	note("users", users, err)
	statuses, err := r.Statuses(ctx, c.hashes)
	note("statuses", statuses, err)
	return out
}
