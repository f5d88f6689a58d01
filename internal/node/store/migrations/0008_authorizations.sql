-- +goose Up

-- Who is named in the `security` aggregates of whom: the entries of the list, by
-- their place in it. They follow from aggregate_members; the next version fills
-- the table. -- spec ccn-http-api 7.3
CREATE TABLE authorizations (
    grantee        TEXT   NOT NULL,
    owner          TEXT   NOT NULL,
    position       BIGINT NOT NULL,
    entry          TEXT   NOT NULL, -- JSON object without the address
    chain          TEXT   NOT NULL, -- what the entry is restricted to: empty for
    channels       TEXT   NOT NULL, -- nothing, else its values between line feeds
    types          TEXT   NOT NULL,
    post_types     TEXT   NOT NULL,
    aggregate_keys TEXT   NOT NULL,
    PRIMARY KEY (grantee, owner, position)
) WITHOUT ROWID;
CREATE INDEX authorizations_owner ON authorizations (owner);
