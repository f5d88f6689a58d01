package store

import "strings"

// stateTable is a table as the state hash sees it.
type stateTable struct {
	name string
	// columns are names of columns, each with ":int", ":bool" or ":set" unless
	// it is text. A set is a JSON array of texts whose order does not count.
	columns string
	// where leaves out what is not state.
	where string
	// order makes the order of the rows the same everywhere: texts compare by
	// code point in both engines, and no column of it is ever NULL.
	order string
}

func (t *stateTable) from() string {
	if t.where == "" {
		return t.name
	}
	return t.name + " WHERE " + t.where
}

// parse returns the columns.
func (t *stateTable) parse() []stateColumn {
	var columns []stateColumn
	for word := range strings.FieldsSeq(t.columns) {
		name, kind, _ := strings.Cut(word, ":")
		columns = append(columns, stateColumn{name, kind})
	}
	return columns
}

// stateTables is what the state hash covers, in its order. A change of anything
// here is a new [StateVersion]. docs/state-hash.md says why each thing is in or
// out.
var stateTables = []stateTable{
	{
		name: "messages",
		columns: `item_hash type chain sender signature item_type time:int channel size:int status owner content_type content_ref
content_key content_item_hash payment_type tags first_confirmed_at:int first_confirmed_height:int item_content content`,
		order: "item_hash",
	},
	{
		name: "forgotten_messages",
		columns: `item_hash type chain sender signature item_type time:int channel owner payment_type size:int
forgotten_by:set forgotten_at:int`,
		order: "item_hash",
	},
	{name: "message_tags", columns: "item_hash tag", order: "item_hash, tag"},
	{name: "message_confirmations", columns: "item_hash tx_hash", order: "item_hash, tx_hash"},
	{
		name: "aggregates", columns: "owner key creation_datetime:int last_updated:int last_revision_hash", order: "owner, key",
	},
	{name: "aggregate_members", columns: "owner key member time:int item_hash value", order: "owner, key, member"},
	{name: "aggregate_elements", columns: "item_hash owner key creation_datetime:int", order: "item_hash"},
	{
		name:    "posts",
		columns: "item_hash owner type ref amends channel creation_datetime:int latest_amend last_updated:int tags_from",
		order:   "item_hash",
	},
	{
		name: "files", columns: "hash size:int type",
		// A file that is kept for a while only depends on when it is looked at.
		where: "EXISTS (SELECT 1 FROM file_pins p WHERE p.file_hash = files.hash AND p.type <> 'grace_period')",
		order: "hash",
	},
	{
		name: "file_pins", columns: "type item_hash file_hash owner created:int ref tag tx_hash",
		where: "type <> 'grace_period'",
		order: "type, COALESCE(item_hash, ''), file_hash, COALESCE(tx_hash, '')",
	},
	{name: "file_tags", columns: "tag owner file_hash item_hash last_updated:int", order: "tag"},
	{
		name: "vms", columns: "item_hash type owner allow_amend:bool payment_type replaces created:int", order: "item_hash",
	},
	{
		name: "vm_refs", columns: "vm_hash kind position:int ref use_latest:bool blocks:bool", order: "vm_hash, kind, position",
	},
	{name: "vm_versions", columns: "vm_hash owner current_version last_updated:int", order: "vm_hash"},
	{
		name:    "account_costs",
		columns: "item_hash owner payment_type cost_hold cost_stream cost_credit details", order: "item_hash",
	},
	{name: "balances", columns: "address chain dapp balance eth_height:int", order: "address, chain, dapp"},
	{
		name: "credit_history",
		columns: `credit_ref credit_index:int address amount:int price bonus_amount tx_hash token chain provider origin origin_ref
payment_method expiration_date:int message_timestamp:int expense_count:int expense_size_mib`,
		order: "credit_ref, credit_index",
	},
	{
		name:    "credit_balances",
		columns: "address message_timestamp:int credit_ref credit_index:int amount_remaining:int expiration_date:int",
		order:   "address, message_timestamp, credit_ref, credit_index",
	},
	{
		name:    "removed_messages",
		columns: "item_hash type chain sender signature item_type time:int channel owner payment_type size:int",
		// What is still going is a live message, which says so.
		where: "removed_at IS NOT NULL",
		order: "item_hash",
	},
}
