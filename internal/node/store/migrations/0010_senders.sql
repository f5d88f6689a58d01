-- +goose Up

-- Who sent most, for the pages of senders in the order of a total. -- spec ccn-http-api 8.2
CREATE INDEX message_counts_ranked ON message_counts (type, total DESC, sender)
WHERE status = 'processed' AND owner = '' AND sender <> '';

-- What each sender used: lists of one sender, named by the dimension.
INSERT INTO list_counts SELECT 'sender_channels', sender, channel, COUNT(*) FROM messages WHERE channel IS NOT NULL GROUP BY sender, channel;
INSERT INTO list_counts SELECT 'sender_post_types', sender, content_type, COUNT(*) FROM messages
WHERE type = 'POST' AND content_type IS NOT NULL GROUP BY sender, content_type;
