package store

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"aleph/message"
)

// The aggregate and its member in which owners say who may act for them. // spec messages 5.1
const (
	securityKey          = "security"
	authorizationsMember = "authorizations"
)

// longestName is the most bytes of an owner and of whom an entry names: the key
// of an index has a bound, and no account has so long an address.
const longestName = 512

// authorizationRow is a row of the table of who is named by whom.
type authorizationRow struct {
	position int64
	message.Authorization
}

// authorizationRows returns the rows that a list of authorizations makes.
func authorizationRows(owner message.Address, list json.RawMessage) []authorizationRow {
	if len(owner) > longestName {
		return nil
	}
	var rows []authorizationRow
	for i, a := range message.ParseAuthorizations(list) {
		if len(a.Address) <= longestName {
			rows = append(rows, authorizationRow{int64(i), a})
		}
	}
	return rows
}

const sqlInsertAuthorization = `INSERT INTO authorizations
(grantee, owner, position, entry, chain, channels, types, post_types, aggregate_keys) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

// args are those of [sqlInsertAuthorization].
func (a *authorizationRow) args(owner message.Address) []any {
	return []any{
		string(a.Address), string(owner), a.position, string(a.Entry),
		a.Chain.Text(), a.Channels.Text(), a.Types.Text(), a.PostTypes.Text(), a.AggregateKeys.Text(),
	}
}

const sqlDeleteAuthorizations = `DELETE FROM authorizations WHERE owner = $1`

// authorize marks an owner whose list of authorizations has changed. Its rows
// are written with the commit.
func (tx *Tx) authorize(owner message.Address) {
	if tx.authorizing == nil {
		tx.authorizing = map[message.Address]struct{}{}
	}
	tx.authorizing[owner] = struct{}{}
}

// writeAuthorizations writes the rows of the owners whose lists have changed.
func (tx *Tx) writeAuthorizations() error {
	if len(tx.authorizing) == 0 {
		return nil
	}
	owners := slices.Sorted(maps.Keys(tx.authorizing))
	lists, err := tx.AggregateMembers(tx.ctx, owners, securityKey, authorizationsMember)
	if err != nil {
		return err
	}
	for _, owner := range owners {
		if err := tx.exec("authorization.delete", sqlDeleteAuthorizations, string(owner)); err != nil {
			return err
		}
		for _, row := range authorizationRows(owner, lists[owner]) {
			if err := tx.exec("authorization.insert", sqlInsertAuthorization, row.args(owner)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// Received selects the entries that name an address in the lists of other
// owners. // spec ccn-http-api 7.3
type Received struct {
	Grantee message.Address
	// Granter, when given, is the only owner who counts.
	Granter *message.Address
	// A nil list restricts nothing.
	Channels, Types, PostTypes, Chains, AggregateKeys []string
}

func (f Received) where() *where {
	w := new(where)
	w.and("a.grantee = ", string(f.Grantee))
	w.and("a.owner <> ", string(f.Grantee))
	if f.Granter != nil {
		w.and("a.owner = ", string(*f.Granter))
	}
	for _, c := range []struct {
		column string
		values []string
	}{
		{"chain", f.Chains},
		{"channels", f.Channels},
		{"types", f.Types},
		{"post_types", f.PostTypes},
		{"aggregate_keys", f.AggregateKeys},
	} {
		if c.values == nil {
			continue
		}
		column := "a." + c.column
		conds := []string{column + " = ''"}
		for _, value := range c.values {
			// What contains the value is another text without it, on every engine.
			conds = append(conds, "REPLACE("+column+", "+w.param(message.RestrictionValue(value))+", '') <> "+column)
		}
		w.raw("(" + strings.Join(conds, " OR ") + ")")
	}
	return w
}

// Granters returns a page of the owners whose entries a filter selects, in
// code-point order. A limit of 0 is none.
func (r Reader) Granters(ctx context.Context, f Received, limit, offset int64) ([]message.Address, error) {
	text, args := f.statement(limit, offset)
	rows, err := r.q.query(ctx, "", text, args...)
	return all(rows, err, column[message.Address])
}

func (f Received) statement(limit, offset int64) (string, []any) {
	w := f.where()
	return `SELECT DISTINCT a.owner FROM authorizations a` + w.clause() + ` ORDER BY a.owner` + pageOf(limit, offset), w.args
}

// CountGranters returns how many owners there are.
func (r Reader) CountGranters(ctx context.Context, f Received) (int64, error) {
	w := f.where()
	rows, err := r.q.query(ctx, "", `SELECT COUNT(DISTINCT a.owner) FROM authorizations a`+w.clause(), w.args...)
	return one(rows, err, column[int64])
}

// ReceivedFrom returns the entries that a filter selects in the list of one
// owner, without their address, in the order of the list.
func (r Reader) ReceivedFrom(ctx context.Context, f Received, owner message.Address) ([]json.RawMessage, error) {
	f.Granter = &owner
	w := f.where()
	rows, err := r.q.query(ctx, "", `SELECT a.entry FROM authorizations a`+w.clause()+` ORDER BY a.position`, w.args...)
	return all(rows, err, func(row scanner) (json.RawMessage, error) {
		var entry []byte
		err := row.Scan(&entry)
		return entry, err
	})
}
