package store

import (
	"context"
	"fmt"
)

// What must never be found. Each query returns the hashes that break a law of
// the state, whatever messages have come in whatever order.
const (
	sqlLiveWithoutMessage = `SELECT s.item_hash FROM message_status s WHERE s.status IN ('processed', 'removing')`
	sqlMessageNotLive     = `SELECT m.item_hash FROM messages m LEFT JOIN message_status s ON s.item_hash = m.item_hash
WHERE s.status IS NOT NULL OR m.status NOT IN ('processed', 'removing')`
	sqlForgottenWithoutRecord = `SELECT s.item_hash FROM message_status s LEFT JOIN forgotten_messages f ON f.item_hash = s.item_hash
WHERE s.status = 'forgotten' AND f.item_hash IS NULL`
	sqlPendingWithoutRow = `SELECT s.item_hash FROM message_status s WHERE s.status = 'pending'
AND NOT EXISTS (SELECT 1 FROM pending_messages p WHERE p.item_hash = s.item_hash)`
	sqlRejectedWithoutRecord = `SELECT s.item_hash FROM message_status s LEFT JOIN rejected_messages r ON r.item_hash = s.item_hash
WHERE s.status = 'rejected' AND r.item_hash IS NULL`
	sqlStrayPost = `SELECT p.item_hash FROM posts p LEFT JOIN messages m ON m.id = p.id WHERE m.item_hash IS NULL OR m.item_hash <> p.item_hash
UNION SELECT m.item_hash FROM messages m LEFT JOIN posts p ON p.id = m.id WHERE m.type = 'POST' AND p.item_hash IS NULL`
	sqlStrayAmend = `SELECT a.item_hash FROM posts a LEFT JOIN messages m ON m.item_hash = a.amends LEFT JOIN posts o ON o.id = m.id
WHERE a.amends IS NOT NULL AND (o.item_hash IS NULL OR o.amends IS NOT NULL)`
	sqlWrongAmend = `SELECT o.item_hash FROM posts o LEFT JOIN messages m ON m.item_hash = o.latest_amend LEFT JOIN posts a ON a.id = m.id
WHERE o.latest_amend IS NOT NULL AND (a.amends IS NULL OR a.amends <> o.item_hash OR a.creation_datetime <> o.last_updated)`
	sqlStrayElement = `SELECT e.item_hash FROM aggregate_elements e LEFT JOIN messages m ON m.id = e.id WHERE m.item_hash IS NULL OR m.item_hash <> e.item_hash`
	sqlStrayMember  = `SELECT b.item_hash FROM aggregate_members b LEFT JOIN messages m ON m.item_hash = b.item_hash
LEFT JOIN aggregate_elements e ON e.id = m.id WHERE e.item_hash IS NULL`
	sqlStrayPin = `SELECT p.file_hash FROM file_pins p LEFT JOIN files f ON f.hash = p.file_hash WHERE f.hash IS NULL`
	sqlLoosePin = `SELECT p.item_hash FROM file_pins p LEFT JOIN messages m ON m.item_hash = p.item_hash
WHERE p.type IN ('message', 'content') AND m.item_hash IS NULL`
	sqlLooseFile = `SELECT f.hash FROM files f WHERE NOT EXISTS (SELECT 1 FROM file_pins p WHERE p.file_hash = f.hash)`
	sqlWrongTag  = `SELECT t.item_hash FROM file_tags t LEFT JOIN file_pins p ON p.item_hash = t.item_hash AND p.type = 'message'
WHERE p.item_hash IS NULL OR p.tag <> t.tag OR p.file_hash <> t.file_hash`
	sqlStrayVM = `SELECT v.item_hash FROM vms v LEFT JOIN messages m ON m.item_hash = v.item_hash WHERE m.item_hash IS NULL`
)

// law is something that holds in every sound database. Its query returns what
// breaks it.
type law struct{ what, text string }

func laws() []law {
	return []law{
		{"recorded as live beside the message", sqlLiveWithoutMessage},
		{"live message recorded as something else", sqlMessageNotLive},
		{"forgotten without a record", sqlForgottenWithoutRecord},
		{"pending without a row", sqlPendingWithoutRow},
		{"rejected without a record", sqlRejectedWithoutRecord},
		{"post and message do not match", sqlStrayPost},
		{"amend without an original", sqlStrayAmend},
		{"post shows a wrong amend", sqlWrongAmend},
		{"aggregate element without a message", sqlStrayElement},
		{"aggregate member without an element", sqlStrayMember},
		{"authorization that no aggregate has", sqlStrayAuthorization},
		{"pin of a file without a record", sqlStrayPin},
		{"pin of a message that is gone", sqlLoosePin},
		{"file that nothing keeps", sqlLooseFile},
		{"tag that points elsewhere than its message", sqlWrongTag},
		{"machine without a message", sqlStrayVM},
		{"confirmation of nothing", sqlStrayConfirmation},
		{"first confirmation that is wrong", sqlWrongFirst},
		{"remembered confirmation of nothing", sqlStrayRemembered},
		{"total of waiting and rejected messages that is wrong", sqlWrongLetters},
		{"tag of a message that is gone", sqlStrayTag},
		{"tag of a post that is gone", sqlStrayPostTag},
		{"tag that the post does not show", sqlPostTagOfOther},
		{"number that is not the message's", sqlWrongNumber},
		{"measurement without a message", sqlStrayMetrics},
		{"length of a list that is wrong", sqlWrongLength},
		{"hour of a list that is wrong", sqlWrongHour},
		{"tag of a post that it does not have", sqlMissingPostTag},
		{"removing without a record", sqlRemovingWithoutRecord},
		{"removed without a record", sqlRemovedWithoutRecord},
		{"record of a removal that does not take place", sqlStrayRemoved},
		{"costs of a message that is gone", sqlStrayCost},
		{"sum of expenses that is wrong", sqlWrongSpending},
		{"credits left of nothing", sqlStrayLot},
		{"credits left that were never there", sqlWrongLot},
		{"total that is wrong", sqlWrongCount},
		{"message without a total", sqlNotCounted},
	}
}

// mostFound is how many breaches of one law are described.
const mostFound = 10

// Inconsistencies looks for records that contradict each other and describes
// them, a few of each kind; a sound database has none. It reads every table and
// is meant for tests, for `aleph db check` and for a doctor.
func (r Reader) Inconsistencies(ctx context.Context) ([]string, error) {
	return r.inconsistencies(ctx, func(int64, int64) {})
}

func (r Reader) inconsistencies(ctx context.Context, report Report) ([]string, error) {
	list := laws()
	steps := int64(len(list) + 2)
	var found []string
	for i, law := range list {
		report(int64(i), steps)
		rows, err := r.q.query(ctx, "", fmt.Sprintf("%s LIMIT %d", law.text, mostFound+1))
		broken, err := all(rows, err, column[string])
		if err != nil {
			return nil, fmt.Errorf("look for %s: %w", law.what, err)
		}
		found = describe(found, law.what, broken)
	}
	report(steps-2, steps)
	broken, err := r.wrongCosts(ctx)
	if err != nil {
		return nil, fmt.Errorf("add the costs up: %w", err)
	}
	found = describe(found, "sum of costs that is wrong", broken)
	report(steps-1, steps)
	if broken, err = r.wrongAuthorizations(ctx); err != nil {
		return nil, fmt.Errorf("compare authorizations with their aggregates: %w", err)
	}
	return describe(found, "authorizations that are not those of the aggregate", broken), nil
}

// describe adds what breaks a law.
func describe(found []string, what string, broken []string) []string {
	for i, s := range broken {
		if i == mostFound {
			return append(found, what+": and more")
		}
		found = append(found, what+": "+s)
	}
	return found
}
