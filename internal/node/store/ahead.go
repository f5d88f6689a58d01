package store

import (
	"cmp"
	"slices"

	"aleph/message"
)

// Ahead names single rows that the messages of a transaction will ask for. Read
// together they cost a few queries; one by one, each makes a message wait.
type Ahead struct {
	Posts  []message.Hash // that will be amended, with the tags that they show
	Forget []message.Hash // live messages that will be forgotten
	Tags   []string
	Pins   []message.Hash // the STOREs that hold them

	Owners  []message.Address // whose means will be compared with what they pay for
	Ledgers []message.Address // whose credits will change

	Waiting []int64        // rows of the queue
	Tried   []message.Hash // messages that were rejected or waited before
}

// ReadAhead reads rows that will be asked for. It changes nothing but how long
// that takes.
func (tx *Tx) ReadAhead(a *Ahead) error {
	for _, read := range []func(*Ahead) error{
		tx.readForget, tx.readPosts, tx.readAmended, tx.readTags, tx.readFiles, tx.readTotals, tx.readBalances, tx.readLots, tx.readEnds,
		tx.readWaiting, tx.readTried,
	} {
		if err := read(a); err != nil {
			return err
		}
	}
	return nil
}

// readForget reads what will go, and the machines that may keep it.
func (tx *Tx) readForget(a *Ahead) error {
	hashes := unknown(tx.known.heads, a.Forget)
	heads, err := tx.messages(tx.ctx, "message.heads", messageBareColumns, hashes)
	if err != nil {
		return err
	}
	for _, hash := range hashes {
		tx.known.heads[hash] = heads[hash]
		switch m := heads[hash]; {
		case m == nil:
		case m.Message.Type == message.TypePost:
			a.Posts = append(a.Posts, hash)
		case m.Message.Type == message.TypeStore:
			a.Pins = append(a.Pins, hash)
		}
	}
	return nil
}

func (tx *Tx) readPosts(a *Ahead) error {
	hashes := unknown(tx.known.posts, a.Posts)
	posts, err := among(tx.ctx, tx, "post.ahead", `SELECT `+postColumns+` FROM messages m JOIN posts p ON p.id = m.id WHERE m.item_hash IN (`, hashes, `)`, scanPost)
	if err != nil {
		return err
	}
	for _, hash := range hashes {
		tx.known.posts[hash] = nil
	}
	for _, p := range posts {
		tx.known.posts[p.ItemHash] = p
	}
	return nil
}

// readAmended reads the originals of amends that will be forgotten, and the other
// amends of these and of originals that will be.
func (tx *Tx) readAmended(a *Ahead) error {
	var originals []message.Hash
	for _, hash := range a.Forget {
		if p := tx.known.posts[hash]; p != nil {
			originals = append(originals, cmp.Or(p.Amends, hash))
		}
	}
	a.Posts = append(a.Posts, originals...)
	if err := tx.readPosts(a); err != nil {
		return err
	}
	originals = unknown(tx.known.amends, originals)
	amends, err := among(tx.ctx, tx, "amends.ahead", `SELECT `+postColumns+` FROM posts p WHERE p.amends IN (`, originals,
		`) ORDER BY p.amends, p.creation_datetime DESC, p.item_hash`, scanPost)
	if err != nil {
		return err
	}
	for _, hash := range originals {
		tx.known.amends[hash] = nil
	}
	for _, p := range amends {
		tx.known.amends[p.Amends] = append(tx.known.amends[p.Amends], p)
	}
	return nil
}

// readTags reads the tags that posts show.
func (tx *Tx) readTags(a *Ahead) error {
	var shown []message.Hash
	for _, hash := range a.Posts {
		if p := tx.known.posts[hash]; p != nil && p.TagsFrom != "" {
			shown = append(shown, p.TagsFrom)
		}
	}
	type tagged struct {
		hash message.Hash
		tag  string
	}
	list, err := among(tx.ctx, tx, "tags.ahead", `SELECT m.item_hash, t.tag FROM messages m JOIN message_tags t ON t.id = m.id WHERE m.item_hash IN (`,
		unknown(tx.known.tagsOf, shown), `) ORDER BY m.item_hash, t.tag`, func(row scanner) (tagged, error) {
			var t tagged
			return t, row.Scan(&t.hash, &t.tag)
		})
	for _, t := range list {
		tx.known.tagsOf[t.hash] = append(tx.known.tagsOf[t.hash], t.tag)
	}
	return err
}

// readFiles reads tags and pins, and the files that they name.
func (tx *Tx) readFiles(a *Ahead) error {
	var files []message.Hash
	names := unknown(tx.known.tags, a.Tags)
	tags, err := among(tx.ctx, tx, "tag.ahead", `SELECT `+tagColumns+` FROM file_tags WHERE tag IN (`, names, `)`, scanTag)
	if err != nil {
		return err
	}
	for _, name := range names {
		tx.known.tags[name] = nil
	}
	for _, t := range tags {
		tx.known.tags[t.Tag] = &t
		files = append(files, t.FileHash)
	}
	items := unknown(tx.known.pins, a.Pins)
	pins, err := among(tx.ctx, tx, "pin.ahead", `SELECT `+pinColumns+` FROM file_pins WHERE type = 'message' AND item_hash IN (`, items, `)`, scanPin)
	if err != nil {
		return err
	}
	for _, item := range items {
		tx.known.pins[item] = nil
	}
	for _, p := range pins {
		tx.known.pins[p.ItemHash] = &p
		files = append(files, p.FileHash)
	}
	files = unknown(tx.known.files, files)
	found, err := among(tx.ctx, tx, "file.ahead", `SELECT hash, size, type FROM files WHERE hash IN (`, files, `)`, scanFile)
	if err != nil {
		return err
	}
	for _, hash := range files {
		tx.known.files[hash] = nil
	}
	for _, f := range found {
		tx.known.files[f.Hash] = &f
	}
	return nil
}

// readTotals reads what owners pay for.
func (tx *Tx) readTotals(a *Ahead) error {
	owners := unknown(tx.known.balances, a.Owners) // whose totals have not been read either
	type owed struct {
		totalKey
		total
	}
	list, err := among(tx.ctx, tx, "total.ahead", `SELECT owner, payment_type, cost_hold, cost_stream, cost_credit, resources FROM account_totals
WHERE owner IN (`, owners, `)`, func(row scanner) (owed, error) {
		var o owed
		return o, row.Scan(&o.owner, &o.payment, &o.Hold, &o.Stream, &o.Credit, &o.resources)
	})
	if err != nil {
		return err
	}
	found := map[totalKey]total{}
	for _, o := range list {
		found[o.totalKey] = o.total
	}
	for _, owner := range owners {
		for _, payment := range []message.PaymentType{message.PaymentHold, message.PaymentSuperfluid, message.PaymentCredit} {
			key := totalKey{owner, payment}
			if _, ok := tx.totals[key]; !ok {
				tx.totals[key] = found[key]
			}
		}
	}
	return nil
}

func (tx *Tx) readBalances(a *Ahead) error {
	addresses := unknown(tx.known.balances, a.Owners)
	list, err := among(tx.ctx, tx, "balance.ahead", `SELECT `+balanceColumns+` FROM balances WHERE address IN (`, addresses,
		`) ORDER BY address, chain, dapp`, scanBalance)
	if err != nil {
		return err
	}
	for _, address := range addresses {
		tx.known.balances[address] = nil
	}
	for _, b := range list {
		tx.known.balances[b.Address] = append(tx.known.balances[b.Address], b)
	}
	return nil
}

func (tx *Tx) readLots(a *Ahead) error {
	type owned struct {
		address message.Address
		LotRow
	}
	addresses := unknown(tx.known.lots, slices.Concat(a.Owners, a.Ledgers))
	list, err := among(tx.ctx, tx, "lot.ahead", `SELECT address, `+lotColumns+` FROM credit_balances WHERE address IN (`, addresses,
		`) ORDER BY address, message_timestamp, credit_ref, credit_index`, func(row scanner) (owned, error) {
			var o owned
			return o, row.Scan(&o.address, &o.Time, &o.Ref, &o.Index, &o.Remaining, &o.Expiration)
		})
	if err != nil {
		return err
	}
	for _, address := range addresses {
		tx.known.lots[address] = nil
	}
	for _, o := range list {
		tx.known.lots[o.address] = append(tx.known.lots[o.address], o.LotRow)
	}
	return nil
}

// readEnds reads the last places of ledgers, which every entry needs that is added.
func (tx *Tx) readEnds(a *Ahead) error {
	type end struct {
		address message.Address
		CreditKey
	}
	addresses := unknown(tx.known.ends, a.Ledgers)
	// The index gives the entries of an address in their order, and an end is the
	// entry that no other comes after.
	list, err := among(tx.ctx, tx, "credit.ends", `SELECT c.address, c.message_timestamp, c.credit_ref, c.credit_index FROM credit_history c
WHERE c.address IN (`, addresses, `) AND (c.message_timestamp, c.credit_ref, c.credit_index) = (SELECT l.message_timestamp, l.credit_ref, l.credit_index
FROM credit_history l WHERE l.address = c.address ORDER BY l.message_timestamp DESC, l.credit_ref DESC, l.credit_index DESC LIMIT 1)`,
		func(row scanner) (end, error) {
			var e end
			return e, row.Scan(&e.address, &e.Time, &e.Ref, &e.Index)
		})
	if err != nil {
		return err
	}
	for _, address := range addresses {
		tx.known.ends[address] = nil
	}
	for _, e := range list {
		tx.known.ends[e.address] = &e.CreditKey
	}
	return nil
}

// readWaiting reads how far the rows of the queue have come.
func (tx *Tx) readWaiting(a *Ahead) error {
	type waiting struct {
		id int64
		PendingProgress
	}
	list, err := among(tx.ctx, tx, "pending.ahead", `SELECT id, fetched, retries FROM pending_messages WHERE id IN (`, a.Waiting, `)`,
		func(row scanner) (waiting, error) {
			var w waiting
			return w, row.Scan(&w.id, &w.Fetched, &w.Retries)
		})
	if err != nil {
		return err
	}
	for _, id := range a.Waiting {
		tx.known.progress[id] = nil
	}
	for _, w := range list {
		tx.known.progress[w.id] = &w.PendingProgress
	}
	return nil
}

// readTried reads what is left of earlier attempts.
func (tx *Tx) readTried(a *Ahead) error {
	hashes := unknown(tx.known.rejected, a.Tried)
	rejected, err := among(tx.ctx, tx, "rejected.ahead", `SELECT `+rejectedHeadColumns+` FROM rejected_messages WHERE item_hash IN (`, hashes, `)`, scanRejected)
	if err != nil {
		return err
	}
	remembered, err := among(tx.ctx, tx, "remembered.ahead", `SELECT DISTINCT item_hash FROM pending_confirmations WHERE item_hash IN (`, hashes, `)`,
		column[message.Hash])
	if err != nil {
		return err
	}
	for _, hash := range hashes {
		tx.known.rejected[hash] = nil
		tx.known.unremembered[hash] = true
	}
	for _, r := range rejected {
		tx.known.rejected[r.ItemHash] = r
	}
	for _, hash := range remembered {
		delete(tx.known.unremembered, hash)
	}
	return nil
}
