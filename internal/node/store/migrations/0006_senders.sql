-- +goose Up

-- What each sender used: lists of one sender, named by the dimension.
INSERT INTO list_counts SELECT 'sender_channels', sender, channel, COUNT(*) FROM messages WHERE channel IS NOT NULL GROUP BY sender, channel;
INSERT INTO list_counts SELECT 'sender_post_types', sender, content_type, COUNT(*) FROM messages
WHERE type = 'POST' AND content_type IS NOT NULL GROUP BY sender, content_type;
