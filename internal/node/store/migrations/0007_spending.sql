-- +goose Up

-- What an address spent for a resource: the sum of its expenses is
-- high * 2^32 + low, so that no sum of credits is too large for a column. The
-- row with two empty names has the expenses of all.
CREATE TABLE credit_spending (
    address  TEXT   NOT NULL,
    resource TEXT   NOT NULL, -- empty when an expense names none
    high     BIGINT NOT NULL,
    low      BIGINT NOT NULL,
    PRIMARY KEY (address, resource)
) WITHOUT ROWID;
CREATE INDEX credit_spending_resource ON credit_spending (resource);
INSERT INTO credit_spending
SELECT address, COALESCE(origin, origin_ref, ''), SUM(ABS(amount / 4294967296)), SUM(ABS(amount % 4294967296))
FROM credit_history WHERE payment_method = 'credit_expense' GROUP BY address, COALESCE(origin, origin_ref, '');
INSERT INTO credit_spending SELECT '', '', SUM(high), SUM(low) FROM credit_spending HAVING COUNT(*) > 0;

-- Costs are listed by message, of an owner and of all.
DROP INDEX account_costs_owner;
CREATE INDEX account_costs_owner ON account_costs (owner, payment_type, item_hash);
CREATE INDEX account_costs_payment ON account_costs (payment_type, item_hash);
