-- The notebook. The tenant comes first in every key. Times are microseconds since the Unix epoch,
-- ids are the 16 bytes of a UUIDv7, JSON is the form of the crate `loquat-store`, module `json`.

CREATE TABLE conversations (
    tenant     TEXT    NOT NULL,
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    user       TEXT    NOT NULL,
    title      TEXT,
    metadata   TEXT    NOT NULL CHECK (json_valid(metadata)),
    -- 0 for an implicit conversation: not listed, without an active branch and without a lock.
    listed     INTEGER NOT NULL CHECK (listed IN (0, 1)),
    archived   INTEGER NOT NULL CHECK (archived IN (0, 1)),
    -- The last item of the active branch.
    leaf       BLOB    CHECK (length(leaf) = 16),
    -- The response that holds the lock or held it last. It holds it while its lease lasts.
    turn       BLOB    CHECK (length(turn) = 16),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX conversations_by_creation
    ON conversations (tenant, user, archived, created_at, id) WHERE listed;

CREATE TABLE items (
    -- Full-text search needs an integer key that never changes.
    rid          INTEGER PRIMARY KEY,
    tenant       TEXT    NOT NULL,
    id           BLOB    NOT NULL CHECK (length(id) = 16),
    conversation BLOB    NOT NULL,
    parent       BLOB    CHECK (length(parent) = 16),
    -- Rises strictly from the root to every leaf; gaps are where items were deleted.
    position     INTEGER NOT NULL CHECK (position >= 0),
    active       INTEGER NOT NULL CHECK (active IN (0, 1)),
    -- The response that took it as input or produced it; that one may be deleted by now.
    response     BLOB    CHECK (length(response) = 16),
    kind         TEXT    NOT NULL,
    role         TEXT,
    content      TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    tokens       INTEGER NOT NULL CHECK (tokens >= 0),
    created_at   INTEGER NOT NULL,
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant, conversation) REFERENCES conversations (tenant, id) ON DELETE CASCADE
) STRICT;

-- Makes the active branch a line: two appends that race collide here.
CREATE UNIQUE INDEX items_active ON items (tenant, conversation, position) WHERE active;

-- Children of an item, and what a conversation's deletion takes along.
CREATE INDEX items_by_parent ON items (tenant, conversation, parent);

CREATE TABLE responses (
    tenant             TEXT    NOT NULL,
    id                 BLOB    NOT NULL CHECK (length(id) = 16),
    user               TEXT    NOT NULL,
    conversation       BLOB    NOT NULL,
    -- 1 when callers may see which conversation it is in.
    names_conversation INTEGER NOT NULL CHECK (names_conversation IN (0, 1)),
    previous           BLOB    CHECK (length(previous) = 16),
    model              TEXT    NOT NULL,
    settings           TEXT    NOT NULL,
    metadata           TEXT    NOT NULL CHECK (json_valid(metadata)),
    receipt            TEXT    NOT NULL,
    status             TEXT    NOT NULL,
    status_details     TEXT,
    usage              TEXT,
    -- The last item of its input while it runs, of its output afterwards; the item that it
    -- continues when it has neither.
    leaf               BLOB    CHECK (length(leaf) = 16),
    -- From this position on, the branch that ends at `leaf` is its output. NULL while it runs.
    output_from        INTEGER,
    -- Number of the last event: of those that were checkpointed while it runs, of all afterwards.
    last_sequence      INTEGER,
    -- The time by this database's clock until which it counts as alive. NULL once it has ended.
    lease_until        INTEGER,
    created_at         INTEGER NOT NULL,
    completed_at       INTEGER,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, conversation) REFERENCES conversations (tenant, id) ON DELETE CASCADE
) STRICT;

-- Responses that end at an item, and what a conversation's deletion takes along.
CREATE INDEX responses_by_leaf ON responses (tenant, conversation, leaf);

-- For recovery, the one query over all tenants.
CREATE INDEX responses_by_lease ON responses (lease_until, created_at)
    WHERE lease_until IS NOT NULL;

-- The events of running turns, as far as they were checkpointed.
CREATE TABLE response_events (
    tenant         TEXT    NOT NULL,
    response       BLOB    NOT NULL,
    first_sequence INTEGER NOT NULL,
    last_sequence  INTEGER NOT NULL,
    events         TEXT    NOT NULL,
    PRIMARY KEY (tenant, response, first_sequence),
    FOREIGN KEY (tenant, response) REFERENCES responses (tenant, id) ON DELETE CASCADE
) STRICT;
