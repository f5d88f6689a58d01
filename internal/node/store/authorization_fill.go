package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pressly/goose/v3"

	"aleph/message"
)

// listsAtOnce is how many lists of authorizations are in memory.
const listsAtOnce = 100

const sqlAuthorizationLists = `SELECT owner, value FROM aggregate_members
WHERE key = 'security' AND member = 'authorizations' AND owner > $1 ORDER BY owner LIMIT 100`

// eachAuthorizationList calls use for the lists of all owners, in the order of
// their addresses, while no query is open.
func (r Reader) eachAuthorizationList(ctx context.Context, use func(owner message.Address, list json.RawMessage) error) error {
	type owned struct {
		owner message.Address
		list  []byte
	}
	for last := message.Address(""); ; {
		rows, err := r.q.query(ctx, "", sqlAuthorizationLists, string(last))
		page, err := all(rows, err, func(row scanner) (o owned, err error) {
			return o, row.Scan(&o.owner, &o.list)
		})
		if err != nil {
			return err
		}
		for _, o := range page {
			if err := use(o.owner, o.list); err != nil {
				return err
			}
			last = o.owner
		}
		if len(page) < listsAtOnce {
			return nil
		}
	}
}

// authorizationsFilled is the version of the schema whose table of
// authorizations is filled.
const authorizationsFilled = 9

// fillAuthorizations is the migration that fills the table of version 8 from the
// aggregates: a list is JSON that the two engines read in different ways.
func fillAuthorizations(e engine) *goose.Migration {
	return goose.NewGoMigration(authorizationsFilled, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		insert := e.rebind(sqlInsertAuthorization)
		return Reader{q: migrating{e, tx}}.eachAuthorizationList(ctx, func(owner message.Address, list json.RawMessage) error {
			for _, row := range authorizationRows(owner, list) {
				if _, err := tx.ExecContext(ctx, insert, row.args(owner)...); err != nil {
					return e.wrap("fill authorizations", err)
				}
			}
			return nil
		})
	}}, nil)
}

// migrating is the querier of a migration.
type migrating struct {
	engine engine
	tx     *sql.Tx
}

func (m migrating) query(ctx context.Context, name, text string, args ...any) (rows, error) {
	list, err := m.tx.QueryContext(ctx, m.engine.rebind(text), args...)
	if err != nil {
		return nil, m.engine.wrap(name, err)
	}
	return sqlRows{list, name, m.engine.wrap}, nil
}

const (
	sqlStrayAuthorization = `SELECT DISTINCT a.owner FROM authorizations a LEFT JOIN aggregate_members m
ON m.owner = a.owner AND m.key = 'security' AND m.member = 'authorizations' WHERE m.owner IS NULL`
	sqlAuthorizationsOf = `SELECT grantee, owner, position, entry, chain, channels, types, post_types, aggregate_keys
FROM authorizations WHERE owner = $1 ORDER BY position`
)

// wrongAuthorizations returns the owners whose rows are not those that their
// lists make.
func (r Reader) wrongAuthorizations(ctx context.Context) ([]string, error) {
	var broken []string
	err := r.eachAuthorizationList(ctx, func(owner message.Address, list json.RawMessage) error {
		if len(broken) > mostFound {
			return nil
		}
		rows, err := r.q.query(ctx, "", sqlAuthorizationsOf, string(owner))
		kept, err := all(rows, err, func(row scanner) (string, error) {
			texts := make([]any, 9)
			for i := range texts {
				texts[i] = new(string)
			}
			err := row.Scan(texts...)
			for i, text := range texts {
				texts[i] = *text.(*string)
			}
			return fmt.Sprintf("%q", texts), err
		})
		if err != nil {
			return err
		}
		var want []string
		for _, row := range authorizationRows(owner, list) {
			args := row.args(owner)
			for i := range args {
				args[i] = fmt.Sprint(args[i])
			}
			want = append(want, fmt.Sprintf("%q", args))
		}
		if !slices.Equal(kept, want) {
			broken = append(broken, string(owner))
		}
		return nil
	})
	return broken, err
}
