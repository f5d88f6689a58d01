package store

import (
	"context"
	"encoding/json"

	"aleph/message"
)

// ChainTx is a transaction of a chain that carried messages. // spec messages 4.9
type ChainTx struct {
	Hash      string
	Chain     message.Chain
	Height    int64
	Time      message.Timestamp // of its block
	Publisher message.Address
	Protocol  string // aleph, aleph-offchain, smart-contract
	Version   int64
	Content   json.RawMessage // the payload, any JSON value
}

const chainTxColumns = `hash, chain, height, datetime, publisher, protocol, protocol_version, content`

func scanChainTx(row scanner) (*ChainTx, error) {
	var t ChainTx
	var content text
	err := row.Scan(&t.Hash, &t.Chain, &t.Height, &t.Time, &t.Publisher, &t.Protocol, &t.Version, &content)
	t.Content = json.RawMessage(content)
	return &t, err
}

const sqlChainTx = `SELECT ` + chainTxColumns + ` FROM chain_txs WHERE hash = $1`

// ChainTx returns a transaction, or [message.ErrNotFound].
func (r Reader) ChainTx(ctx context.Context, hash string) (*ChainTx, error) {
	rows, err := r.q.query(ctx, "chaintx.get", sqlChainTx, hash)
	return one(rows, err, scanChainTx)
}

const sqlInsertChainTx = `INSERT INTO chain_txs (` + chainTxColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (hash) DO NOTHING`

// InsertChainTx records a transaction unless it is known.
func (tx *Tx) InsertChainTx(t *ChainTx) error {
	content := string(t.Content)
	if content == "" {
		content = "null"
	}
	return tx.exec("chaintx.insert", sqlInsertChainTx, t.Hash, string(t.Chain), t.Height, int64(t.Time), string(t.Publisher),
		t.Protocol, t.Version, content)
}
