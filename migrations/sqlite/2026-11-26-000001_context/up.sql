-- What is derived from the beginning of a long conversation: where its window begins, indexes of
-- what has left it, a summary, and the jobs that make these. All of it is about the active branch.
-- An implicit conversation has one too from now on: the items that came first. Nobody is shown it.

-- What counted an item's tokens: so far always the estimate.
ALTER TABLE items ADD COLUMN counter TEXT NOT NULL DEFAULT 'estimate-1';

-- Rises with each change of `anchor`. NULL until items leave the window for the first time.
ALTER TABLE conversations ADD COLUMN context_version INTEGER;
-- Rises with each edit of the active branch since then: what was derived from items that were read
-- before an edit cannot be kept after it. What is appended is no edit.
ALTER TABLE conversations ADD COLUMN context_edits INTEGER NOT NULL DEFAULT 0;
-- Position of the first item in the window. NULL after an edit.
ALTER TABLE conversations ADD COLUMN anchor INTEGER;
-- The context engine's own notes, as JSON. NULL after an edit.
ALTER TABLE conversations ADD COLUMN context_state TEXT
    CHECK ((context_state IS NULL) = (anchor IS NULL));

-- Indexes of runs of items that have left the window. Segments of a conversation never overlap. The
-- data is last, so that the rest of a row is read without it.
CREATE TABLE segments (
    tenant       TEXT    NOT NULL,
    conversation BLOB    NOT NULL,
    -- The positions that it covers, both included.
    first        INTEGER NOT NULL,
    last         INTEGER NOT NULL CHECK (last >= first),
    data         BLOB    NOT NULL,
    PRIMARY KEY (tenant, conversation, first),
    FOREIGN KEY (tenant, conversation) REFERENCES conversations (tenant, id) ON DELETE CASCADE
) STRICT;

-- The beginning of a conversation in short.
CREATE TABLE summaries (
    tenant       TEXT    NOT NULL,
    conversation BLOB    NOT NULL,
    -- Position of the last item that it covers.
    covers_to    INTEGER NOT NULL,
    text         TEXT    NOT NULL,
    tokens       INTEGER NOT NULL CHECK (tokens >= 0),
    counter      TEXT    NOT NULL,
    model        TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant, conversation),
    FOREIGN KEY (tenant, conversation) REFERENCES conversations (tenant, id) ON DELETE CASCADE
) STRICT;

-- Conversations for which there is something to do.
CREATE TABLE context_jobs (
    tenant       TEXT    NOT NULL,
    conversation BLOB    NOT NULL,
    user         TEXT    NOT NULL,
    -- The time by this database's clock from which on anybody may do it.
    due_at       INTEGER NOT NULL,
    -- How often it was tried in vain.
    attempts     INTEGER NOT NULL,
    -- Another one whenever it is queued or claimed, also after the row was deleted.
    ticket       INTEGER NOT NULL,
    -- 1 while somebody is at it, until `due_at`; 2 when it was queued anew meanwhile.
    held         INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1, 2)),
    PRIMARY KEY (tenant, conversation),
    FOREIGN KEY (tenant, conversation) REFERENCES conversations (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- For those who do them, over all tenants.
CREATE INDEX context_jobs_by_due ON context_jobs (due_at, conversation);
