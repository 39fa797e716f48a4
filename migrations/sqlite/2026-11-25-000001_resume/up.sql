-- What a turn has emitted outlives it and can be read, any process can stop a turn, branches are
-- listed, and a key makes a request happen once.

-- 1 when it goes on whoever reads it.
ALTER TABLE responses ADD COLUMN background INTEGER NOT NULL DEFAULT 0
    CHECK (background IN (0, 1));
-- 1 when its id is unknown to its owner: it goes with the key that made it.
ALTER TABLE responses ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0
    CHECK (hidden IN (0, 1));
-- 1 when its owner has asked whoever runs it to stop.
ALTER TABLE responses ADD COLUMN stop_requested INTEGER NOT NULL DEFAULT 0
    CHECK (stop_requested IN (0, 1));
-- The time by this database's clock until which the events of an ended turn are kept. NULL while it
-- runs, and when they are kept no longer.
ALTER TABLE responses ADD COLUMN log_until INTEGER;

-- For forgetting, over all tenants.
CREATE INDEX responses_by_log ON responses (log_until) WHERE log_until IS NOT NULL;

-- The leaves of a listed conversation's branches but for the active one: items that nothing
-- follows. What continues the active branch, which nearly all does, does not touch them.
CREATE TABLE branches (
    tenant       TEXT NOT NULL,
    conversation BLOB NOT NULL,
    leaf         BLOB NOT NULL CHECK (length(leaf) = 16),
    PRIMARY KEY (tenant, conversation, leaf),
    FOREIGN KEY (tenant, conversation) REFERENCES conversations (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

INSERT INTO branches (tenant, conversation, leaf)
SELECT items.tenant, items.conversation, items.id
FROM items
JOIN conversations
    ON conversations.tenant = items.tenant AND conversations.id = items.conversation
WHERE conversations.listed AND NOT items.active
    AND NOT EXISTS (
        SELECT 1 FROM items AS later
        WHERE later.tenant = items.tenant AND later.conversation = items.conversation
            AND later.parent = items.id
    );

-- Changes with each change of `leaf`, so that one by an earlier version, which knows nothing of
-- `branches`, is noticed: it leaves NULL behind, and NULL stays. Opening the file makes the rows of
-- such a conversation anew.
ALTER TABLE conversations ADD COLUMN branches_kept INTEGER DEFAULT 0
    CHECK (branches_kept IN (0, 1));

CREATE TRIGGER conversations_branches_not_kept AFTER UPDATE OF leaf ON conversations
WHEN NEW.branches_kept = OLD.branches_kept
BEGIN
    UPDATE conversations SET branches_kept = NULL WHERE tenant = NEW.tenant AND id = NEW.id;
END;

CREATE INDEX conversations_branches_not_kept ON conversations (tenant, id)
    WHERE branches_kept IS NULL;

-- Requests that were done and are not to be done again.
CREATE TABLE idempotency_keys (
    tenant      TEXT    NOT NULL,
    user        TEXT    NOT NULL,
    route       TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    -- A digest of what the request said.
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    -- What kind of thing it made: 'response', 'conversation' or 'items'.
    made        TEXT    NOT NULL,
    -- The id of what it made; for items, that of their conversation, followed by theirs.
    ids         BLOB    NOT NULL CHECK (length(ids) >= 16 AND length(ids) % 16 = 0),
    -- The time by this database's clock until which it is remembered.
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant, user, route, key)
) STRICT, WITHOUT ROWID;

-- For forgetting, over all tenants.
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
