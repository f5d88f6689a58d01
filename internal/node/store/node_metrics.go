package store

import (
	"context"
	"encoding/json"
	"fmt"

	"aleph/message"
)

// The kinds of measured node, as the protocol abbreviates them.
const (
	kindCore    = "ccn"
	kindCompute = "crn"
)

// MetricsRow is a measurement of a node, [message.CoreMetrics] or
// [message.ComputeMetrics], and the POST that carried it.
type MetricsRow[T any] struct {
	ItemHash   message.Hash
	MeasuredAt message.Timestamp
	Figures    T
}

// MetricsRange selects measurements of one node, both ends included.
type MetricsRange struct {
	NodeID   string
	From, To message.Timestamp
}

const sqlNodeMetrics = `SELECT item_hash, measured_at, figures FROM node_metrics
WHERE kind = $1 AND node_id = $2 AND measured_at >= $3 AND measured_at <= $4 ORDER BY measured_at, item_hash, position`

func metricsOf[T any](ctx context.Context, r Reader, kind string, in MetricsRange) ([]MetricsRow[T], error) {
	rows, err := r.q.query(ctx, "nodemetrics.list", sqlNodeMetrics, kind, in.NodeID, int64(in.From), int64(in.To))
	return all(rows, err, func(row scanner) (m MetricsRow[T], err error) {
		var figures []byte
		if err := row.Scan(&m.ItemHash, &m.MeasuredAt, &figures); err != nil {
			return m, err
		}
		if err := json.Unmarshal(figures, &m.Figures); err != nil {
			return m, fmt.Errorf("measurements in post %s: %w", m.ItemHash, err)
		}
		return m, nil
	})
}

// CoreMetrics returns the measurements of a core channel node, the oldest first.
func (r Reader) CoreMetrics(ctx context.Context, in MetricsRange) ([]MetricsRow[message.CoreMetrics], error) {
	return metricsOf[message.CoreMetrics](ctx, r, kindCore, in)
}

// ComputeMetrics returns the measurements of a compute resource node, the
// oldest first.
func (r Reader) ComputeMetrics(ctx context.Context, in MetricsRange) ([]MetricsRow[message.ComputeMetrics], error) {
	return metricsOf[message.ComputeMetrics](ctx, r, kindCompute, in)
}

const sqlInsertNodeMetrics = `INSERT INTO node_metrics (item_hash, kind, position, node_id, measured_at, figures)
VALUES ($1, $2, $3, $4, $5, $6)`

func (tx *Tx) insertMetrics(post message.Hash, kind string, position int, of message.Measured, figures any) error {
	text, err := json.Marshal(figures)
	if err != nil {
		return fmt.Errorf("measurements in post %s: %w", post, err)
	}
	return tx.exec("nodemetrics.insert", sqlInsertNodeMetrics, string(post), kind, position, of.NodeID, int64(of.MeasuredAt), string(text))
}

// InsertNodeMetrics records the measurements that a POST carries.
func (tx *Tx) InsertNodeMetrics(post message.Hash, m message.NodeMetrics) error {
	for i, c := range m.Core {
		if err := tx.insertMetrics(post, kindCore, i, c.Measured, c); err != nil {
			return err
		}
	}
	for i, c := range m.Compute {
		if err := tx.insertMetrics(post, kindCompute, i, c.Measured, c); err != nil {
			return err
		}
	}
	return nil
}

const sqlDeleteNodeMetrics = `DELETE FROM node_metrics WHERE item_hash = $1`

// DeleteNodeMetrics removes the measurements that a POST has carried.
func (tx *Tx) DeleteNodeMetrics(post message.Hash) error {
	return tx.exec("nodemetrics.delete", sqlDeleteNodeMetrics, string(post))
}

const sqlExpireNodeMetrics = `DELETE FROM node_metrics WHERE (item_hash, kind, position) IN
(SELECT item_hash, kind, position FROM node_metrics WHERE measured_at < $1 ORDER BY measured_at LIMIT $2)`

// ExpireNodeMetrics removes measurements made before an instant, at most limit
// of them, and returns how many it removed.
func (tx *Tx) ExpireNodeMetrics(before message.Timestamp, limit int) (int, error) {
	n, err := tx.changed("nodemetrics.expire", sqlExpireNodeMetrics, int64(before), limit)
	return int(n), err
}
