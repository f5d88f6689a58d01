-- +goose Up

-- Amounts are decimals as text: sums of them are made in Go, exactly. Credits
-- are whole numbers.

-- What a paid message costs, in total and row by row. One row for each message
-- that has rows of costs. -- spec messages 7.4
CREATE TABLE account_costs (
    item_hash    TEXT NOT NULL PRIMARY KEY,
    owner        TEXT NOT NULL,
    payment_type TEXT NOT NULL,
    cost_hold    TEXT NOT NULL, -- tokens
    cost_stream  TEXT NOT NULL, -- tokens a second
    cost_credit  TEXT NOT NULL, -- credits a second
    details      TEXT NOT NULL  -- JSON array of the rows
) WITHOUT ROWID;
CREATE INDEX account_costs_owner ON account_costs (owner, payment_type);

-- The sums of account_costs by owner and way of paying, kept on write.
CREATE TABLE account_totals (
    owner        TEXT   NOT NULL,
    payment_type TEXT   NOT NULL,
    cost_hold    TEXT   NOT NULL,
    cost_stream  TEXT   NOT NULL,
    cost_credit  TEXT   NOT NULL,
    resources    BIGINT NOT NULL,
    PRIMARY KEY (owner, payment_type)
) WITHOUT ROWID;

-- Tokens of an address on a chain, in the contract of a dapp when that is not
-- empty. -- spec messages 7.7
CREATE TABLE balances (
    address     TEXT   NOT NULL,
    chain       TEXT   NOT NULL,
    dapp        TEXT   NOT NULL,
    balance     TEXT   NOT NULL,
    eth_height  BIGINT NOT NULL,
    last_update BIGINT NOT NULL, -- when the balance last changed here
    PRIMARY KEY (address, chain, dapp)
) WITHOUT ROWID;
CREATE INDEX balances_updated ON balances (last_update);

-- The ledger of credits. -- spec messages 7.8
CREATE TABLE credit_history (
    credit_ref        TEXT   NOT NULL, -- the POST
    credit_index      BIGINT NOT NULL,
    address           TEXT   NOT NULL,
    amount            BIGINT NOT NULL,
    price             TEXT,
    bonus_amount      TEXT,
    tx_hash           TEXT,
    token             TEXT,
    chain             TEXT,
    provider          TEXT,
    origin            TEXT,
    origin_ref        TEXT,
    payment_method    TEXT,
    expiration_date   BIGINT,
    message_timestamp BIGINT NOT NULL,
    last_update       BIGINT NOT NULL,
    expense_count     BIGINT,
    expense_size_mib  TEXT,
    PRIMARY KEY (credit_ref, credit_index)
);
CREATE INDEX credit_history_address ON credit_history (address, message_timestamp, credit_ref, credit_index);
CREATE INDEX credit_history_updated ON credit_history (last_update);

-- What is left of each grant of the ledger. The lots of an address follow from
-- its part of the ledger, whatever the order in which that arrived.
CREATE TABLE credit_balances (
    address           TEXT   NOT NULL,
    message_timestamp BIGINT NOT NULL,
    credit_ref        TEXT   NOT NULL,
    credit_index      BIGINT NOT NULL,
    amount_remaining  BIGINT NOT NULL,
    expiration_date   BIGINT,
    PRIMARY KEY (address, message_timestamp, credit_ref, credit_index)
) WITHOUT ROWID;
CREATE INDEX credit_balances_expiration ON credit_balances (expiration_date) WHERE expiration_date IS NOT NULL;

-- Messages whose resources go or are gone. While a message is removing the row
-- says only how large its file was and when it goes. -- spec messages 4.8
CREATE TABLE removed_messages (
    item_hash    TEXT NOT NULL PRIMARY KEY,
    type         TEXT,
    chain        TEXT,
    sender       TEXT,
    signature    TEXT,
    item_type    TEXT,
    time         BIGINT,
    channel      TEXT,
    owner        TEXT,
    payment_type TEXT,
    size         BIGINT,
    due          BIGINT, -- when the message goes unless it is paid for again
    removed_at   BIGINT  -- NULL until the message is gone
);
CREATE INDEX removed_due ON removed_messages (due) WHERE removed_at IS NULL;
CREATE INDEX removed_at ON removed_messages (removed_at DESC, item_hash);
CREATE INDEX removed_owner ON removed_messages (owner, removed_at DESC);
CREATE INDEX removed_sender ON removed_messages (sender, removed_at DESC);

-- When each job last ran to its end.
CREATE TABLE cron_jobs (
    id       TEXT   NOT NULL PRIMARY KEY,
    last_run BIGINT NOT NULL
) WITHOUT ROWID;
