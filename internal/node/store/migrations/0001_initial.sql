-- +goose Up

-- Where a message stands that is not live: pending, rejected, forgotten. A live
-- message says so in its own row. -- spec messages 4.1
CREATE TABLE message_status (
    item_hash      TEXT   NOT NULL PRIMARY KEY,
    status         TEXT   NOT NULL,
    reception_time BIGINT NOT NULL
) WITHOUT ROWID;

-- Live messages (processed, removing). content is NULL for inline messages:
-- their content is item_content itself. The two large columns come last so
-- that reading the others never follows overflow pages.
CREATE TABLE messages (
    item_hash              TEXT   NOT NULL PRIMARY KEY,
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
CREATE INDEX messages_time ON messages (time DESC, item_hash);
CREATE INDEX messages_type_time ON messages (type, time DESC, item_hash);
CREATE INDEX messages_sender_time ON messages (sender, time DESC, item_hash);
CREATE INDEX messages_owner_time ON messages (owner, time DESC, item_hash);
CREATE INDEX messages_reception ON messages (reception_time DESC, item_hash);
CREATE INDEX messages_channel ON messages (channel, time DESC, item_hash) WHERE channel IS NOT NULL;
CREATE INDEX messages_content_type ON messages (content_type, time DESC) WHERE content_type IS NOT NULL;
CREATE INDEX messages_content_ref ON messages (content_ref, time DESC) WHERE content_ref IS NOT NULL;
CREATE INDEX messages_content_key ON messages (content_key, time DESC) WHERE content_key IS NOT NULL;
CREATE INDEX messages_content_item_hash ON messages (content_item_hash) WHERE content_item_hash IS NOT NULL;
CREATE INDEX messages_payment_type ON messages (payment_type, time DESC) WHERE payment_type IS NOT NULL;
CREATE INDEX messages_confirmed_at ON messages (first_confirmed_at DESC, time DESC, item_hash) WHERE first_confirmed_at IS NOT NULL;
CREATE INDEX messages_confirmed_height ON messages (first_confirmed_height) WHERE first_confirmed_height IS NOT NULL;

-- The tags of live messages. -- spec messages 3.13
CREATE TABLE message_tags (
    item_hash TEXT NOT NULL,
    tag       TEXT NOT NULL,
    PRIMARY KEY (item_hash, tag)
) WITHOUT ROWID;
CREATE INDEX message_tags_tag ON message_tags (tag, item_hash);

-- Totals kept on write. An empty sender, owner or type stands for "any"; the
-- dimension sets are those of spec ccn-http-api 14.1.
CREATE TABLE message_counts (
    sender TEXT   NOT NULL,
    owner  TEXT   NOT NULL,
    type   TEXT   NOT NULL,
    status TEXT   NOT NULL,
    total  BIGINT NOT NULL,
    PRIMARY KEY (sender, owner, type, status)
) WITHOUT ROWID;

-- Messages that wait for content, for a file or for another message.
CREATE TABLE pending_messages (
    id             INTEGER PRIMARY KEY,
    item_hash      TEXT    NOT NULL,
    type           TEXT    NOT NULL,
    chain          TEXT    NOT NULL,
    sender         TEXT    NOT NULL,
    signature      TEXT    NOT NULL, -- '' when there is none
    item_type      TEXT    NOT NULL,
    time           BIGINT  NOT NULL,
    channel        TEXT,
    reception_time BIGINT  NOT NULL,
    origin         TEXT    NOT NULL,
    check_message  BOOLEAN NOT NULL,
    fetched        BOOLEAN NOT NULL,
    retries        BIGINT  NOT NULL,
    next_attempt   BIGINT  NOT NULL,
    waits_for      TEXT,             -- the file or message that is missing, when one is known
    item_content   TEXT,
    content        TEXT,             -- the fetched body of a storage or ipfs message
    UNIQUE (item_hash, sender, signature)
);
CREATE INDEX pending_due ON pending_messages (fetched, next_attempt);
CREATE INDEX pending_waits_for ON pending_messages (waits_for) WHERE waits_for IS NOT NULL;

CREATE TABLE rejected_messages (
    item_hash  TEXT   NOT NULL PRIMARY KEY,
    message    TEXT   NOT NULL, -- the JSON object of the first rejection
    error_code BIGINT NOT NULL,
    details    TEXT,
    traceback  TEXT,
    tx_hash    TEXT
);

CREATE TABLE forgotten_messages (
    item_hash    TEXT   NOT NULL PRIMARY KEY,
    type         TEXT   NOT NULL,
    chain        TEXT   NOT NULL,
    sender       TEXT   NOT NULL,
    signature    TEXT,
    item_type    TEXT   NOT NULL,
    time         BIGINT NOT NULL,
    channel      TEXT,
    owner        TEXT,
    payment_type TEXT,
    size         BIGINT,
    forgotten_by TEXT   NOT NULL, -- JSON array of item hashes
    forgotten_at BIGINT
);
CREATE INDEX forgotten_at ON forgotten_messages (forgotten_at DESC, item_hash);
CREATE INDEX forgotten_owner ON forgotten_messages (owner, forgotten_at DESC);
CREATE INDEX forgotten_sender ON forgotten_messages (sender, forgotten_at DESC);

-- One row per (owner, key). The content lives in aggregate_members.
CREATE TABLE aggregates (
    owner              TEXT   NOT NULL,
    key                TEXT   NOT NULL,
    creation_datetime  BIGINT NOT NULL, -- time of the oldest element
    last_updated       BIGINT NOT NULL, -- time of the newest element
    last_revision_hash TEXT   NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE INDEX aggregates_last_updated ON aggregates (last_updated, key, owner);
CREATE INDEX aggregates_newest ON aggregates (last_updated DESC, key, owner);
CREATE INDEX aggregates_created ON aggregates (creation_datetime, key, owner);
CREATE INDEX aggregates_key ON aggregates (key, owner);

-- The merged content: each top-level member with the element that won it, so
-- that merging an element costs its own size in whatever order elements come.
CREATE TABLE aggregate_members (
    owner     TEXT   NOT NULL,
    key       TEXT   NOT NULL,
    member    TEXT   NOT NULL,
    time      BIGINT NOT NULL,
    item_hash TEXT   NOT NULL,
    value     TEXT   NOT NULL, -- raw JSON
    PRIMARY KEY (owner, key, member)
);

-- Every AGGREGATE message; its content is in messages.
CREATE TABLE aggregate_elements (
    item_hash         TEXT   NOT NULL PRIMARY KEY,
    owner             TEXT   NOT NULL,
    key               TEXT   NOT NULL,
    creation_datetime BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX aggregate_elements_key ON aggregate_elements (owner, key, creation_datetime, item_hash);

-- Posts and amends; their content is in messages. The last three columns
-- describe what an original shows now and stand still for amends.
CREATE TABLE posts (
    item_hash         TEXT   NOT NULL PRIMARY KEY,
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
CREATE INDEX posts_updated ON posts (last_updated DESC, item_hash) WHERE amends IS NULL;
CREATE INDEX posts_owner ON posts (owner, last_updated DESC, item_hash) WHERE amends IS NULL;
CREATE INDEX posts_type ON posts (type, last_updated DESC, item_hash) WHERE amends IS NULL;
CREATE INDEX posts_ref ON posts (ref, last_updated DESC, item_hash) WHERE ref IS NOT NULL AND amends IS NULL;
CREATE INDEX posts_channel ON posts (channel, last_updated DESC, item_hash) WHERE channel IS NOT NULL AND amends IS NULL;
CREATE INDEX posts_amends ON posts (amends, creation_datetime DESC, item_hash) WHERE amends IS NOT NULL;
CREATE INDEX posts_tags_from ON posts (tags_from) WHERE tags_from IS NOT NULL AND amends IS NULL;

CREATE TABLE files (
    hash TEXT   NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    type TEXT   NOT NULL -- file or directory
) WITHOUT ROWID;

CREATE TABLE file_pins (
    id        INTEGER PRIMARY KEY,
    file_hash TEXT    NOT NULL,
    type      TEXT    NOT NULL, -- message, content, tx, grace_period
    created   BIGINT  NOT NULL,
    owner     TEXT,
    item_hash TEXT,             -- NULL for a grace pin of an upload
    ref       TEXT,
    tag       TEXT,             -- message pins: the tag that this STORE feeds
    tx_hash   TEXT,
    delete_by BIGINT            -- grace pins only
);
CREATE UNIQUE INDEX file_pins_item ON file_pins (item_hash, type) WHERE item_hash IS NOT NULL;
CREATE UNIQUE INDEX file_pins_upload ON file_pins (file_hash) WHERE item_hash IS NULL AND type = 'grace_period';
CREATE INDEX file_pins_file ON file_pins (file_hash);
CREATE INDEX file_pins_owner ON file_pins (owner, created DESC, item_hash) WHERE type = 'message';
CREATE INDEX file_pins_tag ON file_pins (tag, created DESC, item_hash DESC) WHERE tag IS NOT NULL;
CREATE INDEX file_pins_delete_by ON file_pins (delete_by) WHERE delete_by IS NOT NULL;

-- The latest version of a file under a name. -- spec messages 6.3
CREATE TABLE file_tags (
    tag          TEXT   NOT NULL PRIMARY KEY,
    owner        TEXT   NOT NULL,
    file_hash    TEXT   NOT NULL,
    item_hash    TEXT   NOT NULL, -- the STORE that set it
    last_updated BIGINT NOT NULL
) WITHOUT ROWID;

-- Files whose rows are gone and whose bytes are about to go.
CREATE TABLE file_deletions (
    hash TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE vms (
    item_hash    TEXT    NOT NULL PRIMARY KEY,
    type         TEXT    NOT NULL, -- program, instance, v-program
    owner        TEXT    NOT NULL,
    allow_amend  BOOLEAN NOT NULL,
    payment_type TEXT    NOT NULL,
    replaces     TEXT,
    created      BIGINT  NOT NULL
);
CREATE INDEX vms_owner ON vms (owner);

-- What a VM refers to. A row that blocks keeps the STORE from being forgotten.
CREATE TABLE vm_refs (
    vm_hash    TEXT    NOT NULL,
    ref        TEXT    NOT NULL,
    kind       TEXT    NOT NULL, -- code, runtime, data, rootfs, volume, parent, workload, hash_tree
    position   BIGINT  NOT NULL,
    use_latest BOOLEAN NOT NULL,
    blocks     BOOLEAN NOT NULL,
    PRIMARY KEY (vm_hash, kind, position)
) WITHOUT ROWID;
CREATE INDEX vm_refs_ref ON vm_refs (ref) WHERE blocks;

CREATE TABLE vm_versions (
    vm_hash         TEXT   NOT NULL PRIMARY KEY,
    owner           TEXT   NOT NULL,
    current_version TEXT   NOT NULL,
    last_updated    BIGINT NOT NULL
) WITHOUT ROWID;

-- One row that is written to find out whether the database can be written.
CREATE TABLE node_check (
    id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);
