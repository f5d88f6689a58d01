package api

import (
	"encoding/json"

	"aleph/internal/node/store"
	"aleph/message"
)

// sortOrder is a direction as parameters and cursors write it.
func sortOrder(ascending bool) int64 {
	if ascending {
		return 1
	}
	return -1
}

// encodeCreditCursor returns the token of what follows an entry of a ledger.
// // spec ccn-http-api 2.9
func encodeCreditCursor(c *store.CreditRow, order store.CreditOrder, ascending bool) string {
	value := order.AfterRow(c).Value
	if at, ok := value.(int64); ok && order != store.ByAmount {
		value = isoOffset(message.Timestamp(at))
	}
	return encodeCursor(object{{"i", c.Index}, {"o", sortOrder(ascending)}, {"r", c.Ref}, {"s", string(order)}, {"v", value}})
}

// decodeCreditCursor returns the place that a token names. It must be of the
// same order; the older form without one is of the newest entries first.
// // spec ccn-http-api 2.9, 8.8
func decodeCreditCursor(token string, order store.CreditOrder, ascending bool) (*store.AfterCredit, error) {
	members, err := cursorMembers(token, "i", "r")
	if err != nil {
		return nil, err
	}
	by, direction, value := string(store.ByTime), int64(-1), members["t"]
	if _, old := members["t"]; !old {
		if members, err = cursorMembers(token, "i", "o", "r", "s", "v"); err != nil {
			return nil, err
		}
		if by, err = cursorText(members, "s"); err != nil {
			return nil, err
		}
		if direction, err = cursorInt(members, "o"); err != nil {
			return nil, err
		}
		value = members["v"]
	}
	if by != string(order) {
		return nil, cursorFailure("Cursor sort field mismatch: cursor was created with sort_by=%s, but request has sort_by=%s", by, order)
	}
	if now := sortOrder(ascending); direction != now {
		return nil, cursorFailure("Cursor sort order mismatch: cursor was created with sort_order=%d, but request has sort_order=%d", direction, now)
	}
	after := new(store.AfterCredit)
	ref, err := cursorText(members, "r")
	if err != nil {
		return nil, err
	}
	after.Ref = message.Hash(ref)
	if after.Index, err = cursorInt(members, "i"); err != nil {
		return nil, err
	}
	after.Value, err = cursorValue(order, value)
	return after, err
}

// cursorValue reads the value of the column of an order.
func cursorValue(order store.CreditOrder, raw json.RawMessage) (any, error) {
	value := map[string]json.RawMessage{"v": raw}
	switch order {
	case store.ByAmount:
		return cursorInt(value, "v")
	case store.ByTime, store.ByExpiration:
		if order == store.ByExpiration && string(raw) == "null" {
			return nil, nil
		}
		text, err := cursorText(value, "v")
		if err != nil {
			return nil, err
		}
		at, err := parseISO(text)
		return int64(at), err
	case store.ByMethod, store.ByOrigin, store.ByTxHash, store.ByProvider:
	}
	if string(raw) == "null" {
		return nil, nil
	}
	return cursorText(value, "v")
}
