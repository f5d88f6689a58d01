-- +goose Up

-- Messages get a number, in the order in which this node took them. What
-- belongs to a message is found by its number: entries stand where they were
-- added instead of at the random place of a hash, so that a batch touches few
-- pages. The number means nothing outside of this database.
CREATE TABLE numbered_messages (
    id                     INTEGER PRIMARY KEY,
    item_hash              TEXT   NOT NULL,
    type                   TEXT   NOT NULL,
    chain                  TEXT   NOT NULL,
    sender                 TEXT   NOT NULL,
    signature              TEXT,
    item_type              TEXT   NOT NULL,
    time                   BIGINT NOT NULL,
    channel                TEXT,
    size                   BIGINT NOT NULL,
    status                 TEXT   NOT NULL,
    reception_time         BIGINT NOT NULL,
    owner                  TEXT   NOT NULL,
    content_type           TEXT,
    content_ref            TEXT,
    content_key            TEXT,
    content_item_hash      TEXT,
    payment_type           TEXT,
    tags                   TEXT,
    first_confirmed_at     BIGINT,
    first_confirmed_height BIGINT,
    item_content           TEXT,
    content                TEXT
);
INSERT INTO numbered_messages (id, item_hash, type, chain, sender, signature, item_type, time, channel, size, status,
  reception_time, owner, content_type, content_ref, content_key, content_item_hash, payment_type, tags,
  first_confirmed_at, first_confirmed_height, item_content, content)
SELECT ROW_NUMBER() OVER (ORDER BY reception_time, item_hash), item_hash, type, chain, sender, signature, item_type, time, channel, size, status,
  reception_time, owner, content_type, content_ref, content_key, content_item_hash, payment_type, tags,
  first_confirmed_at, first_confirmed_height, item_content, content
FROM messages;
DROP TABLE messages;
ALTER TABLE numbered_messages RENAME TO messages;
CREATE UNIQUE INDEX messages_hash ON messages (item_hash);
-- The lists are ordered by time and then by hash. Only the time is in the indexes of
-- this file: hardly two messages share one, and with the hash they are twice as large.
CREATE INDEX messages_time ON messages (time);
CREATE INDEX messages_type_time ON messages (type, time);
CREATE INDEX messages_chain_time ON messages (chain, time);
CREATE INDEX messages_owner_time ON messages (owner, time);
-- Most messages belong to who sent them; a sender is looked for among the owners and
-- here. As an expression, so that a planner knows how often each delegate is in it.
CREATE INDEX messages_delegate_time ON messages ((CASE WHEN sender <> owner THEN sender END), time) WHERE sender <> owner;
CREATE INDEX messages_reception ON messages (reception_time);
CREATE INDEX messages_removing_time ON messages (time) WHERE status = 'removing';
CREATE INDEX messages_channel ON messages (channel, time) WHERE channel IS NOT NULL;
CREATE INDEX messages_content_type ON messages (content_type, time) WHERE content_type IS NOT NULL;
CREATE INDEX messages_content_ref ON messages (content_ref, time) WHERE content_ref IS NOT NULL;
CREATE INDEX messages_content_key ON messages (content_key, time) WHERE content_key IS NOT NULL;
CREATE INDEX messages_content_item_hash ON messages (content_item_hash, time) WHERE content_item_hash IS NOT NULL;
CREATE INDEX messages_payment_type ON messages (payment_type, time) WHERE payment_type IS NOT NULL;
CREATE INDEX messages_unconfirmed ON messages (time) WHERE first_confirmed_at IS NULL;
CREATE INDEX messages_confirmed ON messages (first_confirmed_at, time, first_confirmed_height) WHERE first_confirmed_at IS NOT NULL;
CREATE INDEX messages_confirmed_height ON messages (first_confirmed_height) WHERE first_confirmed_height IS NOT NULL;

-- The tags of live messages, in the order of their lists. -- spec messages 3.13
CREATE TABLE numbered_tags (
    id        BIGINT NOT NULL, -- of the message
    tag       TEXT   NOT NULL,
    time      BIGINT NOT NULL,
    item_hash TEXT   NOT NULL,
    PRIMARY KEY (id, tag)
) WITHOUT ROWID;
INSERT INTO numbered_tags (id, tag, time, item_hash)
SELECT m.id, t.tag, m.time, m.item_hash FROM message_tags t JOIN messages m ON m.item_hash = t.item_hash;
DROP TABLE message_tags;
ALTER TABLE numbered_tags RENAME TO message_tags;
CREATE INDEX message_tags_tag ON message_tags (tag, time);

-- Posts and amends; their content is in messages. latest_amend, last_updated
-- and tags_from describe what an original shows now and stand still for amends.
CREATE TABLE numbered_posts (
    id                INTEGER PRIMARY KEY, -- of the message
    item_hash         TEXT   NOT NULL,
    owner             TEXT   NOT NULL,
    type              TEXT   NOT NULL,
    ref               TEXT,
    amends            TEXT,            -- the original, for an amend
    channel           TEXT,
    creation_datetime BIGINT NOT NULL,
    latest_amend      TEXT,
    last_updated      BIGINT NOT NULL, -- time of the latest amend, else creation
    tags_from         TEXT             -- the message whose tags count; NULL when no tags
);
INSERT INTO numbered_posts (id, item_hash, owner, type, ref, amends, channel, creation_datetime, latest_amend, last_updated, tags_from)
SELECT m.id, p.item_hash, p.owner, p.type, p.ref, p.amends, p.channel, p.creation_datetime, p.latest_amend, p.last_updated, p.tags_from
FROM posts p JOIN messages m ON m.item_hash = p.item_hash;
DROP TABLE posts;
ALTER TABLE numbered_posts RENAME TO posts;
CREATE INDEX posts_updated ON posts (last_updated) WHERE amends IS NULL;
CREATE INDEX posts_owner ON posts (owner, last_updated) WHERE amends IS NULL;
CREATE INDEX posts_type ON posts (type, last_updated) WHERE amends IS NULL;
CREATE INDEX posts_ref ON posts (ref, last_updated) WHERE ref IS NOT NULL AND amends IS NULL;
CREATE INDEX posts_channel ON posts (channel, last_updated) WHERE channel IS NOT NULL AND amends IS NULL;
CREATE INDEX posts_amends ON posts (amends, creation_datetime) WHERE amends IS NOT NULL;

-- The tags of what original posts show now.
CREATE TABLE post_tags (
    id           BIGINT NOT NULL, -- of the post
    tag          TEXT   NOT NULL,
    last_updated BIGINT NOT NULL,
    item_hash    TEXT   NOT NULL,
    PRIMARY KEY (id, tag)
) WITHOUT ROWID;
INSERT INTO post_tags (id, tag, last_updated, item_hash)
SELECT p.id, t.tag, p.last_updated, p.item_hash FROM posts p JOIN message_tags t ON t.item_hash = p.tags_from WHERE p.amends IS NULL;
CREATE INDEX post_tags_tag ON post_tags (tag, last_updated);

-- Every AGGREGATE message; its content is in messages.
CREATE TABLE numbered_elements (
    id                INTEGER PRIMARY KEY, -- of the message
    item_hash         TEXT   NOT NULL,
    owner             TEXT   NOT NULL,
    key               TEXT   NOT NULL,
    creation_datetime BIGINT NOT NULL
);
INSERT INTO numbered_elements (id, item_hash, owner, key, creation_datetime)
SELECT m.id, e.item_hash, e.owner, e.key, e.creation_datetime FROM aggregate_elements e JOIN messages m ON m.item_hash = e.item_hash;
DROP TABLE aggregate_elements;
ALTER TABLE numbered_elements RENAME TO aggregate_elements;
CREATE INDEX aggregate_elements_key ON aggregate_elements (owner, key, creation_datetime, item_hash);

DROP INDEX aggregates_newest;
DROP INDEX aggregates_key;
CREATE INDEX aggregates_key ON aggregates (key, last_updated DESC, owner);

-- How long the lists are, kept on write: of live messages and of posts, by what
-- many of them share. The list "posts" without a dimension is the whole.
CREATE TABLE list_counts (
    list      TEXT   NOT NULL, -- messages, posts
    dimension TEXT   NOT NULL, -- chain, channel, content_type, …
    value     TEXT   NOT NULL,
    total     BIGINT NOT NULL,
    PRIMARY KEY (list, dimension, value)
) WITHOUT ROWID;
INSERT INTO list_counts SELECT 'messages', 'chain', chain, COUNT(*) FROM messages GROUP BY chain;
INSERT INTO list_counts SELECT 'messages', 'channel', channel, COUNT(*) FROM messages WHERE channel IS NOT NULL GROUP BY channel;
INSERT INTO list_counts SELECT 'messages', 'content_type', content_type, COUNT(*) FROM messages WHERE content_type IS NOT NULL GROUP BY content_type;
INSERT INTO list_counts SELECT 'messages', 'content_key', content_key, COUNT(*) FROM messages WHERE content_key IS NOT NULL GROUP BY content_key;
INSERT INTO list_counts SELECT 'messages', 'payment_type', payment_type, COUNT(*) FROM messages WHERE payment_type IS NOT NULL GROUP BY payment_type;
INSERT INTO list_counts SELECT 'messages', 'tag', tag, COUNT(*) FROM message_tags GROUP BY tag;
INSERT INTO list_counts SELECT 'posts', '', '', COUNT(*) FROM posts WHERE amends IS NULL HAVING COUNT(*) > 0;
INSERT INTO list_counts SELECT 'posts', 'owner', owner, COUNT(*) FROM posts WHERE amends IS NULL GROUP BY owner;
INSERT INTO list_counts SELECT 'posts', 'type', type, COUNT(*) FROM posts WHERE amends IS NULL GROUP BY type;
INSERT INTO list_counts SELECT 'posts', 'channel', channel, COUNT(*) FROM posts WHERE amends IS NULL AND channel IS NOT NULL GROUP BY channel;
INSERT INTO list_counts SELECT 'posts', 'tag', tag, COUNT(*) FROM post_tags GROUP BY tag;

-- How many members of a list fall into each hour of the time that orders it, so
-- that what lies between two dates is added up from few rows.
CREATE TABLE list_hours (
    list  TEXT   NOT NULL,
    hour  BIGINT NOT NULL, -- since the epoch
    total BIGINT NOT NULL,
    PRIMARY KEY (list, hour)
) WITHOUT ROWID;
INSERT INTO list_hours SELECT 'messages', time / 3600000000, COUNT(*) FROM messages WHERE time >= 0 GROUP BY 2;
INSERT INTO list_hours SELECT 'messages', (time - 3599999999) / 3600000000, COUNT(*) FROM messages WHERE time < 0 GROUP BY 2;
INSERT INTO list_hours SELECT 'posts', last_updated / 3600000000, COUNT(*) FROM posts WHERE amends IS NULL GROUP BY 2;
