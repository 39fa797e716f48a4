-- What calls of providers cost, how much of what is limited is taken, whose access is revoked, and
-- what administrators have done.

-- Which models were chosen and asked, as JSON. NULL while it runs, and where there was no choice.
ALTER TABLE responses ADD COLUMN route TEXT;

-- The book of charges: one row a call. It refers to nothing, so that it outlives what it is about.
CREATE TABLE usage_records (
    tenant            TEXT    NOT NULL,
    id                BLOB    NOT NULL CHECK (length(id) = 16),
    user              TEXT    NOT NULL,
    -- When the call came to its end.
    at                INTEGER NOT NULL,
    purpose           TEXT    NOT NULL,
    -- The listed conversation that it was for.
    conversation      BLOB    CHECK (length(conversation) = 16),
    response          BLOB    CHECK (length(response) = 16),
    -- Which of the calls for that response and purpose.
    attempt           INTEGER NOT NULL,
    -- The model that was called and the one that was asked for, by their configured names.
    model             TEXT    NOT NULL,
    asked             TEXT    NOT NULL,
    provider          TEXT    NOT NULL,
    -- The model's name at its provider.
    upstream          TEXT    NOT NULL,
    -- Tokens; each is in exactly one of these.
    input             INTEGER NOT NULL CHECK (input >= 0),
    cached            INTEGER NOT NULL CHECK (cached >= 0),
    cache_write       INTEGER NOT NULL CHECK (cache_write >= 0),
    output            INTEGER NOT NULL CHECK (output >= 0),
    reasoning         INTEGER NOT NULL CHECK (reasoning >= 0),
    -- What a million of each cost at that time, and what these did: millionths of the currency.
    input_price       INTEGER NOT NULL CHECK (input_price >= 0),
    cached_price      INTEGER NOT NULL CHECK (cached_price >= 0),
    cache_write_price INTEGER NOT NULL CHECK (cache_write_price >= 0),
    output_price      INTEGER NOT NULL CHECK (output_price >= 0),
    reasoning_price   INTEGER NOT NULL CHECK (reasoning_price >= 0),
    cost              INTEGER NOT NULL CHECK (cost >= 0),
    -- 1 when the provider did not say what was used.
    estimated         INTEGER NOT NULL CHECK (estimated IN (0, 1)),
    -- In the order of a user's report; a tenant's reads one user after the other. Each further order
    -- would be one more page that the end of each turn has to write.
    PRIMARY KEY (tenant, user, at, id)
) STRICT, WITHOUT ROWID;

-- A call is charged once.
CREATE UNIQUE INDEX usage_records_once ON usage_records (tenant, response, purpose, attempt)
    WHERE response IS NOT NULL;

CREATE TRIGGER usage_records_are_not_changed BEFORE UPDATE ON usage_records
BEGIN
    SELECT RAISE(ABORT, 'usage records are not changed');
END;

CREATE TRIGGER usage_records_are_not_deleted BEFORE DELETE ON usage_records
BEGIN
    SELECT RAISE(ABORT, 'usage records are not deleted');
END;

-- What is taken of limited amounts, where it is not over and is more than nothing.
CREATE TABLE allowances (
    tenant TEXT    NOT NULL,
    -- '' for the count of the whole tenant.
    user   TEXT    NOT NULL,
    -- '' for the count of all models.
    model  TEXT    NOT NULL,
    meter  TEXT    NOT NULL,
    -- The process that holds them, for streams; 16 zeros for every other meter.
    holder BLOB    NOT NULL CHECK (length(holder) = 16),
    taken  INTEGER NOT NULL CHECK (taken > 0),
    -- The time by this database's clock at which it is over: the end of its period, or of the
    -- holder's lease.
    ends   INTEGER NOT NULL,
    PRIMARY KEY (tenant, user, model, meter, holder)
) STRICT, WITHOUT ROWID;

-- For forgetting, over all tenants.
CREATE INDEX allowances_by_end ON allowances (ends);

-- Limits that come before those of the configuration.
CREATE TABLE limit_overrides (
    tenant TEXT NOT NULL,
    -- 'tenant', 'each_user' or 'user'.
    whom   TEXT NOT NULL,
    -- '' but for a limit of one user.
    user   TEXT NOT NULL CHECK ((user <> '') = (whom = 'user')),
    -- '' for a limit of all models together.
    model  TEXT NOT NULL,
    meter  TEXT NOT NULL,
    -- NULL lifts the limit.
    most   INTEGER CHECK (most >= 0),
    PRIMARY KEY (tenant, whom, user, model, meter)
) STRICT, WITHOUT ROWID;

CREATE TABLE revocations (
    tenant     TEXT    NOT NULL,
    -- 'tenant', 'user' or 'token'.
    whose      TEXT    NOT NULL,
    -- The user's or the token's; '' for the whole tenant.
    name       TEXT    NOT NULL CHECK ((name = '') = (whose = 'tenant')),
    -- The time by this database's clock from which on it may be forgotten. NULL for never.
    until      INTEGER,
    revoked_at INTEGER NOT NULL,
    revoked_by TEXT    NOT NULL,
    PRIMARY KEY (tenant, whose, name)
) STRICT, WITHOUT ROWID;

-- For forgetting, over all tenants.
CREATE INDEX revocations_by_end ON revocations (until) WHERE until IS NOT NULL;

-- One row: rises with each change of `revocations`, of whatever tenant.
CREATE TABLE revocations_version (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;

INSERT INTO revocations_version (id, version) VALUES (1, 0);

-- What administrators have done.
CREATE TABLE audit_log (
    tenant  TEXT    NOT NULL,
    id      BLOB    NOT NULL CHECK (length(id) = 16),
    at      INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    act     TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    details TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is not changed');
END;

CREATE TRIGGER audit_log_is_not_deleted BEFORE DELETE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is not deleted');
END;
