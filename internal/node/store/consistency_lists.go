package store

// What lists are read from beside the messages themselves: tags, numbers, and the
// lengths that are kept.
const (
	sqlStrayTag = `SELECT t.item_hash FROM message_tags t LEFT JOIN messages m ON m.id = t.id AND m.item_hash = t.item_hash AND m.time = t.time
WHERE m.id IS NULL`
	sqlStrayPostTag = `SELECT t.item_hash FROM post_tags t LEFT JOIN posts p
ON p.id = t.id AND p.item_hash = t.item_hash AND p.last_updated = t.last_updated AND p.amends IS NULL WHERE p.id IS NULL`
	sqlPostTagOfOther = `SELECT t.item_hash FROM post_tags t JOIN posts p ON p.id = t.id
LEFT JOIN messages m ON m.item_hash = p.tags_from LEFT JOIN message_tags g ON g.id = m.id AND g.tag = t.tag WHERE g.id IS NULL`
	sqlMissingPostTag = `SELECT p.item_hash FROM posts p JOIN messages m ON m.item_hash = p.tags_from JOIN message_tags g ON g.id = m.id
LEFT JOIN post_tags t ON t.id = p.id AND t.tag = g.tag WHERE p.amends IS NULL AND t.id IS NULL`
	// What is kept and, with the other sign, what is there.
	sqlWrongHour = `SELECT k.list || ' of hour ' || k.hour || ' are off by ' || SUM(k.total) FROM (
SELECT list, hour, total FROM list_hours
UNION ALL SELECT 'messages', CASE WHEN time < 0 THEN (time - 3599999999) / 3600000000 ELSE time / 3600000000 END, -1 FROM messages
UNION ALL SELECT 'posts', last_updated / 3600000000, -1 FROM posts WHERE amends IS NULL
) k GROUP BY k.list, k.hour HAVING SUM(k.total) <> 0`
	sqlWrongNumber = `SELECT p.item_hash FROM posts p JOIN messages m ON m.item_hash = p.item_hash WHERE m.id <> p.id
UNION ALL SELECT e.item_hash FROM aggregate_elements e JOIN messages m ON m.item_hash = e.item_hash WHERE m.id <> e.id`
	sqlStrayMetrics = `SELECT n.item_hash FROM node_metrics n LEFT JOIN messages m ON m.item_hash = n.item_hash WHERE m.item_hash IS NULL`

	countedValues = `(SELECT 'messages' AS list, 'chain' AS dimension, chain AS value, COUNT(*) AS total FROM messages GROUP BY chain
UNION ALL SELECT 'messages', 'channel', channel, COUNT(*) FROM messages WHERE channel IS NOT NULL GROUP BY channel
UNION ALL SELECT 'messages', 'content_type', content_type, COUNT(*) FROM messages WHERE content_type IS NOT NULL GROUP BY content_type
UNION ALL SELECT 'messages', 'content_key', content_key, COUNT(*) FROM messages WHERE content_key IS NOT NULL GROUP BY content_key
UNION ALL SELECT 'messages', 'payment_type', payment_type, COUNT(*) FROM messages WHERE payment_type IS NOT NULL GROUP BY payment_type
UNION ALL SELECT 'messages', 'tag', tag, COUNT(*) FROM message_tags GROUP BY tag
UNION ALL SELECT 'sender_channels', sender, channel, COUNT(*) FROM messages WHERE channel IS NOT NULL GROUP BY sender, channel
UNION ALL SELECT 'sender_post_types', sender, content_type, COUNT(*) FROM messages
WHERE type = 'POST' AND content_type IS NOT NULL GROUP BY sender, content_type
UNION ALL SELECT 'posts', '', '', COUNT(*) FROM posts WHERE amends IS NULL
UNION ALL SELECT 'posts', 'owner', owner, COUNT(*) FROM posts WHERE amends IS NULL GROUP BY owner
UNION ALL SELECT 'posts', 'type', type, COUNT(*) FROM posts WHERE amends IS NULL GROUP BY type
UNION ALL SELECT 'posts', 'channel', channel, COUNT(*) FROM posts WHERE amends IS NULL AND channel IS NOT NULL GROUP BY channel
UNION ALL SELECT 'posts', 'tag', tag, COUNT(*) FROM post_tags GROUP BY tag)`
	sqlWrongLength = `SELECT c.list || ' by ' || c.dimension || ' "' || c.value || '" counts ' || CAST(c.total AS TEXT) || ', there are ' ||
CAST(COALESCE(n.total, 0) AS TEXT) FROM list_counts c LEFT JOIN ` + countedValues + ` n
ON n.list = c.list AND n.dimension = c.dimension AND n.value = c.value WHERE c.total <> COALESCE(n.total, 0)
UNION ALL SELECT n.list || ' by ' || n.dimension || ' "' || n.value || '" is not counted' FROM ` + countedValues + ` n
LEFT JOIN list_counts c ON n.list = c.list AND n.dimension = c.dimension AND n.value = c.value WHERE c.total IS NULL AND n.total <> 0`
)
