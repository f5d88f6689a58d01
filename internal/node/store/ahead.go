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
	Forget []message.Hash // messages that will be forgotten
	Tags   []string
	Pins   []message.Hash // the STOREs that hold them
	VMs    []message.Hash // that will be replaced

	Owners  []message.Address // whose means will be compared with what they pay for
	Ledgers []message.Address // whose credits will change

	Waiting []int64        // rows of the queue
	Tried   []message.Hash // messages that were rejected or waited before
}

// ReadAhead reads rows that will be asked for. It changes nothing but how long
// that takes.
func (tx *Tx) ReadAhead(a *Ahead) error {
	a.Posts = append(a.Posts, a.Forget...)
	a.Pins = append(a.Pins, a.Forget...)
	err := tx.ask(slices.Concat(
		tx.readHeads(a.Forget), tx.readPosts(a.Posts), tx.readTags(a.Tags), tx.readPins(a.Pins), tx.readVMs(a.VMs), tx.readUsers(a.Forget), tx.readCosts(a.Forget),
		tx.readTotals(a.Owners), tx.readBalances(a.Owners), tx.readLots(slices.Concat(a.Owners, a.Ledgers)), tx.readEnds(a.Ledgers),
		tx.readProgress(a.Waiting), tx.readTried(a.Tried),
	))
	if err != nil {
		return err
	}
	// What the first answers lead to.
	var originals, gone []message.Hash
	for _, hash := range a.Forget {
		if tx.known.heads[hash] == nil {
			gone = append(gone, hash)
		}
		if p := tx.known.posts[hash]; p != nil {
			originals = append(originals, cmp.Or(p.Amends, hash))
		}
	}
	err = tx.ask(slices.Concat(
		tx.readPosts(originals), tx.readAmends(originals), tx.readFiles(a.Tags, a.Pins), tx.readStatuses(gone),
	))
	if err != nil {
		return err
	}
	return tx.ask(tx.readTagsOf(slices.Concat(a.Posts, originals)))
}

// readHeads reads what will go.
func (tx *Tx) readHeads(hashes []message.Hash) []lookup {
	hashes = learn(tx.known.heads, hashes)
	return each("message.heads", `SELECT `+messageBareColumns+` FROM messages m WHERE m.item_hash IN (`, hashes, `)`,
		scanMessage, func(m *MessageRow) { tx.known.heads[m.Message.ItemHash] = m })
}

// readStatuses reads where messages stand that are not live.
func (tx *Tx) readStatuses(hashes []message.Hash) []lookup {
	hashes = learn(tx.known.statuses, hashes)
	return each("status.message_status", statusesIn+`message_status WHERE item_hash IN (`, hashes, `)`,
		scanStatus, func(s StatusRow) { tx.known.statuses[s.ItemHash] = &s })
}

func (tx *Tx) readPosts(hashes []message.Hash) []lookup {
	hashes = learn(tx.known.posts, hashes)
	return each("post.ahead", `SELECT `+postColumns+` FROM messages m JOIN posts p ON p.id = m.id WHERE m.item_hash IN (`, hashes, `)`,
		scanPost, func(p *PostRow) { tx.known.posts[p.ItemHash] = p })
}

// readAmends reads the amends of originals, the newest first.
func (tx *Tx) readAmends(originals []message.Hash) []lookup {
	originals = learn(tx.known.amends, originals)
	return each("amends.ahead", `SELECT `+postColumns+` FROM posts p WHERE p.amends IN (`, originals,
		`) ORDER BY p.amends, p.creation_datetime DESC, p.item_hash`,
		scanPost, func(p *PostRow) { tx.known.amends[p.Amends] = append(tx.known.amends[p.Amends], p) })
}

// readTagsOf reads the tags that posts show, and those of their own.
func (tx *Tx) readTagsOf(posts []message.Hash) []lookup {
	var hashes []message.Hash
	for _, hash := range posts {
		if p := tx.known.posts[hash]; p != nil && p.TagsFrom != "" {
			hashes = append(hashes, p.ItemHash, p.TagsFrom)
		}
	}
	type tagged struct {
		hash message.Hash
		tag  string
	}
	return each("tags.ahead", `SELECT m.item_hash, t.tag FROM messages m JOIN message_tags t ON t.id = m.id WHERE m.item_hash IN (`,
		learn(tx.known.tagsOf, hashes), `)`, func(row scanner) (tagged, error) {
			var t tagged
			return t, row.Scan(&t.hash, &t.tag)
		}, func(t tagged) { tx.known.tagsOf[t.hash] = append(tx.known.tagsOf[t.hash], t.tag) })
}

func (tx *Tx) readTags(tags []string) []lookup {
	return each("tag.ahead", `SELECT `+tagColumns+` FROM file_tags WHERE tag IN (`, learn(tx.known.tags, tags), `)`,
		scanTag, func(t TagRow) { tx.known.tags[t.Tag] = &t })
}

func (tx *Tx) readPins(items []message.Hash) []lookup {
	return each("pin.ahead", `SELECT `+pinColumns+` FROM file_pins WHERE type = 'message' AND item_hash IN (`, learn(tx.known.pins, items), `)`,
		scanPin, func(p PinRow) { tx.known.pins[p.ItemHash] = &p })
}

// readFiles reads the files that tags and pins name.
func (tx *Tx) readFiles(tags []string, pins []message.Hash) []lookup {
	var files []message.Hash
	for _, tag := range tags {
		if t := tx.known.tags[tag]; t != nil {
			files = append(files, t.FileHash)
		}
	}
	for _, item := range pins {
		if p := tx.known.pins[item]; p != nil {
			files = append(files, p.FileHash)
		}
	}
	return each("file.ahead", `SELECT hash, size, type FROM files WHERE hash IN (`, learn(tx.known.files, files), `)`,
		scanFile, func(f FileRow) { tx.known.files[f.Hash] = &f })
}

func (tx *Tx) readVMs(hashes []message.Hash) []lookup {
	return each("vm.ahead", `SELECT `+vmColumns+` FROM vms WHERE item_hash IN (`, learn(tx.known.vms, hashes), `)`,
		scanVM, func(v VMRow) { tx.known.vms[v.ItemHash] = &v })
}

// readUsers reads which machines keep STOREs from being forgotten.
func (tx *Tx) readUsers(refs []message.Hash) []lookup {
	return usersOf(learn(tx.known.users, refs), tx.known.users)
}

func (tx *Tx) readCosts(items []message.Hash) []lookup {
	return each("cost.ahead", `SELECT `+costColumns+` FROM account_costs c WHERE c.item_hash IN (`, learn(tx.known.costs, items), `)`,
		scanCost, func(c *CostRow) { tx.known.costs[c.ItemHash] = c })
}

// readTotals reads what owners pay for.
func (tx *Tx) readTotals(owners []message.Address) []lookup {
	owners = unknown(tx.known.balances, owners) // whose totals have not been read either
	for _, owner := range owners {
		for _, payment := range []message.PaymentType{message.PaymentHold, message.PaymentSuperfluid, message.PaymentCredit} {
			if key := (totalKey{owner, payment}); !tx.totals[key].changed {
				tx.totals[key] = total{}
			}
		}
	}
	type owed struct {
		totalKey
		total
	}
	return each("total.ahead", `SELECT owner, payment_type, cost_hold, cost_stream, cost_credit, resources FROM account_totals WHERE owner IN (`,
		owners, `)`, func(row scanner) (owed, error) {
			var o owed
			return o, row.Scan(&o.owner, &o.payment, &o.Hold, &o.Stream, &o.Credit, &o.resources)
		}, func(o owed) {
			if !tx.totals[o.totalKey].changed {
				tx.totals[o.totalKey] = o.total
			}
		})
}

func (tx *Tx) readBalances(addresses []message.Address) []lookup {
	addresses = learn(tx.known.balances, addresses)
	return each("balance.ahead", `SELECT `+balanceColumns+` FROM balances WHERE address IN (`, addresses, `) ORDER BY address, chain, dapp`,
		scanBalance, func(b BalanceRow) { tx.known.balances[b.Address] = append(tx.known.balances[b.Address], b) })
}

func (tx *Tx) readLots(addresses []message.Address) []lookup {
	return each("lot.ahead", `SELECT address, `+lotColumns+` FROM credit_balances WHERE address IN (`, learn(tx.known.lots, addresses),
		`) ORDER BY address, message_timestamp, credit_ref, credit_index`, scanOwnedLot, func(o ownedLot) { tx.known.lots[o.address] = append(tx.known.lots[o.address], o.LotRow) })
}

// readEnds reads the last places of ledgers, which every entry needs that is added.
func (tx *Tx) readEnds(addresses []message.Address) []lookup {
	type end struct {
		address message.Address
		CreditKey
	}
	return each("credit.ends", `SELECT c.address, c.message_timestamp, c.credit_ref, c.credit_index FROM credit_history c
WHERE c.address IN (`, learn(tx.known.ends, addresses), `) AND (c.message_timestamp, c.credit_ref, c.credit_index) =
(SELECT l.message_timestamp, l.credit_ref, l.credit_index FROM credit_history l WHERE l.address = c.address
ORDER BY l.message_timestamp DESC, l.credit_ref DESC, l.credit_index DESC LIMIT 1)`, func(row scanner) (end, error) {
		var e end
		return e, row.Scan(&e.address, &e.Time, &e.Ref, &e.Index)
	}, func(e end) { tx.known.ends[e.address] = &e.CreditKey })
}

// readProgress reads how far rows of the queue have come.
func (tx *Tx) readProgress(ids []int64) []lookup {
	type waiting struct {
		id int64
		PendingProgress
	}
	return each("pending.ahead", `SELECT id, fetched, retries FROM pending_messages WHERE id IN (`, learn(tx.known.progress, ids), `)`,
		func(row scanner) (waiting, error) {
			var w waiting
			return w, row.Scan(&w.id, &w.Fetched, &w.Retries)
		}, func(w waiting) { tx.known.progress[w.id] = &w.PendingProgress })
}

// readTried reads what is left of earlier attempts.
func (tx *Tx) readTried(hashes []message.Hash) []lookup {
	hashes = learn(tx.known.rejected, hashes)
	for _, hash := range hashes {
		tx.known.unremembered[hash] = true
	}
	return slices.Concat(
		each("rejected.ahead", `SELECT `+rejectedHeadColumns+` FROM rejected_messages WHERE item_hash IN (`, hashes, `)`,
			scanRejected, func(r *RejectedRow) { tx.known.rejected[r.ItemHash] = r }),
		each("remembered.ahead", `SELECT DISTINCT item_hash FROM pending_confirmations WHERE item_hash IN (`, hashes, `)`,
			column[message.Hash], func(hash message.Hash) { delete(tx.known.unremembered, hash) }),
	)
}
