-- +goose Up

-- The transactions that carried messages. -- spec messages 4.9
CREATE TABLE chain_txs (
    hash             TEXT   NOT NULL PRIMARY KEY,
    chain            TEXT   NOT NULL,
    height           BIGINT NOT NULL,
    datetime         BIGINT NOT NULL,
    publisher        TEXT   NOT NULL,
    protocol         TEXT   NOT NULL,
    protocol_version BIGINT NOT NULL,
    content          TEXT   NOT NULL -- the JSON value of the payload
);

-- Which transactions confirm a live message.
CREATE TABLE message_confirmations (
    item_hash TEXT NOT NULL,
    tx_hash   TEXT NOT NULL,
    PRIMARY KEY (item_hash, tx_hash)
) WITHOUT ROWID;

-- Which transactions will confirm a message that is not processed yet, if it is
-- that copy which is processed. -- Q-10
CREATE TABLE pending_confirmations (
    item_hash TEXT NOT NULL,
    tx_hash   TEXT NOT NULL,
    sender    TEXT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (item_hash, tx_hash, sender, signature)
) WITHOUT ROWID;

-- Why a message waits: the outcome of its last attempt.
ALTER TABLE pending_messages ADD COLUMN error_code BIGINT NOT NULL DEFAULT -1;
ALTER TABLE pending_messages ADD COLUMN details TEXT;
ALTER TABLE pending_messages ADD COLUMN traceback TEXT;
UPDATE pending_messages SET error_code = 3 WHERE NOT fetched;
CREATE INDEX pending_code ON pending_messages (error_code, id);

-- A record exists while its message is rejected, and while it waits again after
-- it was. sender and type are empty for what never became a message.
ALTER TABLE rejected_messages ADD COLUMN rejected_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rejected_messages ADD COLUMN sender TEXT NOT NULL DEFAULT '';
ALTER TABLE rejected_messages ADD COLUMN type TEXT NOT NULL DEFAULT '';
ALTER TABLE rejected_messages ADD COLUMN trusted BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE rejected_messages ADD COLUMN waiting BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE rejected_messages ADD COLUMN size BIGINT NOT NULL DEFAULT 0;
DELETE FROM rejected_messages WHERE item_hash NOT IN
(SELECT item_hash FROM message_status WHERE status IN ('pending', 'rejected'));
UPDATE rejected_messages SET size = LENGTH(message), rejected_at =
(SELECT s.reception_time FROM message_status s WHERE s.item_hash = rejected_messages.item_hash);
UPDATE rejected_messages SET waiting = TRUE WHERE item_hash IN
(SELECT item_hash FROM message_status WHERE status = 'pending');
CREATE INDEX rejected_at ON rejected_messages (rejected_at DESC, item_hash);
CREATE INDEX rejected_code ON rejected_messages (error_code, rejected_at DESC, item_hash);
CREATE INDEX rejected_sender ON rejected_messages (sender, rejected_at DESC, item_hash);
CREATE INDEX rejected_type ON rejected_messages (type, rejected_at DESC, item_hash);

-- How many messages wait or are rejected, by the reason, kept on write. A
-- rejected message that waits again counts in both: its record is kept.
CREATE TABLE letter_totals (
    state      TEXT   NOT NULL, -- pending, rejected, or retried for the record of one that waits again
    error_code BIGINT NOT NULL,
    total      BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    PRIMARY KEY (state, error_code)
) WITHOUT ROWID;
INSERT INTO letter_totals (state, error_code, total, bytes)
SELECT 'pending', error_code, COUNT(*), 0 FROM pending_messages GROUP BY error_code;
INSERT INTO letter_totals (state, error_code, total, bytes)
SELECT CASE WHEN waiting THEN 'retried' ELSE 'rejected' END, error_code, COUNT(*), SUM(size)
FROM rejected_messages GROUP BY waiting, error_code;

-- Programs that want to be called when certain messages arrive. -- spec ccn-http-api 5.9
ALTER TABLE vms ADD COLUMN on_message BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE vms SET on_message = TRUE WHERE type = 'program' AND item_hash IN
(SELECT item_hash FROM messages WHERE type = 'PROGRAM' AND (item_content LIKE '%"message"%' OR content LIKE '%"message"%'));
CREATE INDEX vms_on_message ON vms (item_hash) WHERE on_message;
