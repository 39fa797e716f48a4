-- The notebook. Everything is in the schema `loquat`, which `loquat migrate` has made. Times are
-- microseconds since the Unix epoch: `timestamptz` begins in 4713 BC and so does not hold every time
-- that the domain does. JSON is the form of the crate `loquat-store`, module `json`, and kept as
-- text: `jsonb` would reorder a tool's schema.
--
-- The tenant is part of every key, but never its first column where an id is in it too, and of no
-- other index over ids: what is looked up by an id must have no other index to be found by. Plans
-- are made once, some of them on the first day, when all rows of a tenant seem as few as one; one
-- that looks at all of them would be kept. Of two indexes that seem equally good the planner takes
-- the one that was made later, so the order in which they are made here counts too.
--
-- Every key is compared byte by byte (`COLLATE "C"`): what a name is equal to, and where it stands
-- in an index, must not change with the operating system's library.

DO $$ BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'the database must have the encoding UTF8, not %',
            current_setting('server_encoding');
    END IF;
END $$;

CREATE TABLE loquat.conversations (
    tenant     text COLLATE "C" NOT NULL,
    id         uuid    NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    title      text,
    metadata   text    NOT NULL,
    -- False for an implicit conversation: not listed, without an active branch and without a lock.
    listed     boolean NOT NULL,
    archived   boolean NOT NULL,
    -- The last item of the active branch.
    leaf       uuid,
    -- The response that holds the lock or held it last. It holds it while its lease lasts.
    turn       uuid,
    created_at bigint  NOT NULL,
    updated_at bigint  NOT NULL,
    PRIMARY KEY (id, tenant)
) WITH (fillfactor = 80); -- each turn changes `leaf`, `turn` and `updated_at`, which no index has

CREATE INDEX conversations_by_creation
    ON loquat.conversations (tenant, user_id, archived, created_at, id) WHERE listed;

CREATE TABLE loquat.items (
    tenant       text COLLATE "C" NOT NULL,
    id           uuid    NOT NULL,
    conversation uuid    NOT NULL,
    parent       uuid,
    -- Rises strictly from the root to every leaf; gaps are where items were deleted.
    position     bigint  NOT NULL CHECK (position >= 0),
    active       boolean NOT NULL,
    -- The response that took it as input or produced it; that one may be deleted by now.
    response     uuid,
    kind         text    NOT NULL,
    role         text,
    content      text    NOT NULL,
    status       text    NOT NULL,
    tokens       bigint  NOT NULL CHECK (tokens >= 0),
    created_at   bigint  NOT NULL,
    PRIMARY KEY (id, tenant),
    FOREIGN KEY (conversation, tenant) REFERENCES loquat.conversations ON DELETE CASCADE
);

-- Children of an item, and what a conversation's deletion takes along.
CREATE INDEX items_by_parent ON loquat.items (conversation, parent);

-- Makes the active branch a line: two appends that race collide here.
CREATE UNIQUE INDEX items_active ON loquat.items (conversation, tenant, position) WHERE active;

-- The ends of a listed conversation's branches other than the active one: items that nothing
-- follows.
CREATE TABLE loquat.branches (
    tenant       text COLLATE "C" NOT NULL,
    conversation uuid NOT NULL,
    leaf         uuid NOT NULL,
    PRIMARY KEY (conversation, tenant, leaf),
    FOREIGN KEY (conversation, tenant) REFERENCES loquat.conversations ON DELETE CASCADE
);

CREATE TABLE loquat.responses (
    tenant             text COLLATE "C" NOT NULL,
    id                 uuid    NOT NULL,
    user_id            text COLLATE "C" NOT NULL,
    conversation       uuid    NOT NULL,
    -- True when callers may see which conversation it is in.
    names_conversation boolean NOT NULL,
    -- True when it is there only to answer the same request again: it goes with its key.
    hidden             boolean NOT NULL,
    background         boolean NOT NULL,
    previous           uuid,
    model              text    NOT NULL,
    settings           text    NOT NULL,
    metadata           text    NOT NULL,
    receipt            text    NOT NULL,
    status             text    NOT NULL,
    status_details     text,
    usage              text,
    -- The last item of its input while it runs, of its output afterwards; the item that it
    -- continues when it has neither.
    leaf               uuid,
    -- From this position on, the branch that ends at `leaf` is its output. NULL while it runs.
    output_from        bigint,
    -- Number of the last event. NULL while it runs.
    last_sequence      bigint,
    created_at         bigint  NOT NULL,
    completed_at       bigint,
    PRIMARY KEY (id, tenant),
    FOREIGN KEY (conversation, tenant) REFERENCES loquat.conversations ON DELETE CASCADE
);

-- Responses that end at an item, and what a conversation's deletion takes along.
CREATE INDEX responses_by_leaf ON loquat.responses (conversation, leaf);

-- What changes while a turn runs, and for how long its events are kept afterwards. A table of its
-- own, because Postgres writes the whole row at every change and a running turn's changes every
-- second, while a response's row is a hundred times as wide; and because only here upkeep may look
-- over all tenants, so that the policies of everything else stay as plain as can be.
CREATE TABLE loquat.turns (
    tenant         text COLLATE "C" NOT NULL,
    response       uuid    NOT NULL,
    user_id        text COLLATE "C" NOT NULL,
    -- The time until which it counts as alive. NULL once it has ended.
    lease_until    bigint,
    -- The time until which its events can be read. NULL while it runs. The row goes with them.
    log_until      bigint,
    -- For statements that look for a turn by its key: if they asked for the lease, the index that
    -- upkeep has would look as good to the planner while there are few turns.
    running        boolean NOT NULL GENERATED ALWAYS AS (lease_until IS NOT NULL) STORED,
    -- True until the first sign of work.
    queued         boolean NOT NULL,
    -- True when its owner has asked for its end.
    stop_requested boolean NOT NULL DEFAULT false,
    PRIMARY KEY (response, tenant),
    FOREIGN KEY (response, tenant) REFERENCES loquat.responses ON DELETE CASCADE,
    CHECK ((lease_until IS NULL) <> (log_until IS NULL))
);

-- For upkeep, over all tenants.
CREATE INDEX turns_by_lease ON loquat.turns (lease_until, response) WHERE lease_until IS NOT NULL;
CREATE INDEX turns_by_log ON loquat.turns (log_until, response) WHERE log_until IS NOT NULL;

-- The events of turns, as far as they were stored and are kept.
CREATE TABLE loquat.response_events (
    tenant         text COLLATE "C" NOT NULL,
    response       uuid   NOT NULL,
    first_sequence bigint NOT NULL,
    last_sequence  bigint NOT NULL,
    events         text   NOT NULL,
    PRIMARY KEY (response, tenant, first_sequence),
    FOREIGN KEY (response, tenant) REFERENCES loquat.responses ON DELETE CASCADE
);

-- An answer's events are some 10 KiB, which Postgres compresses by default with what costs three
-- times as much as lz4 does, a quarter of a turn's end. Servers before 14 and some builds have none.
DO $$ BEGIN
    EXECUTE 'ALTER TABLE loquat.response_events ALTER events SET COMPRESSION lz4';
EXCEPTION WHEN syntax_error OR feature_not_supported THEN
    NULL;
END $$;

-- Requests that shall be done once, and what they made: a response, a conversation, or items of a
-- conversation. That may be deleted by now.
CREATE TABLE loquat.idempotency_keys (
    tenant       text COLLATE "C" NOT NULL,
    user_id      text COLLATE "C" NOT NULL,
    route        text COLLATE "C" NOT NULL,
    key          text COLLATE "C" NOT NULL,
    fingerprint  bytea  NOT NULL,
    response     uuid,
    conversation uuid,
    items        uuid[],
    -- The time until which it is remembered.
    keep_until   bigint NOT NULL,
    PRIMARY KEY (tenant, user_id, route, key)
);

-- For upkeep, over all tenants.
CREATE INDEX idempotency_keys_by_expiry ON loquat.idempotency_keys (keep_until);

-- The time that leases and expiries run on: the database's, which is the same for every process,
-- and as it is when asked, not when the transaction began.
CREATE FUNCTION loquat.now_v1() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$;

-- The floor under every WHERE: whatever a statement says, it sees and writes rows of one tenant
-- only, that of its transaction, and none when there is none. The setting is NULL where it was
-- never set and '' after a transaction that had set it. `IS TRUE` keeps the condition from becoming
-- a second search key beside the statement's own, which costs more than to ask it of the few rows
-- that were found.
DO $$
DECLARE
    v_table text;
    v_scope constant text :=
        '(tenant = NULLIF(current_setting(''loquat.tenant'', true), '''')) IS TRUE';
BEGIN
    FOREACH v_table IN ARRAY ARRAY[
        'conversations', 'items', 'branches', 'responses', 'turns', 'response_events',
        'idempotency_keys'
    ] LOOP
        EXECUTE format('ALTER TABLE loquat.%I ENABLE ROW LEVEL SECURITY', v_table);
        EXECUTE format('ALTER TABLE loquat.%I FORCE ROW LEVEL SECURITY', v_table);
        EXECUTE format(
            'CREATE POLICY scope ON loquat.%1$I USING (%2$s) WITH CHECK (%2$s)', v_table, v_scope
        );
    END LOOP;
END $$;

-- Upkeep looks for what has run out, whoever's it is: it may see these rows while it says so, and
-- change none of them. It then goes to each tenant in turn.
CREATE POLICY upkeep ON loquat.turns FOR SELECT USING (
    current_setting('loquat.upkeep', true) = 'on'
    AND (lease_until <= loquat.now_v1() OR log_until <= loquat.now_v1())
);
CREATE POLICY upkeep ON loquat.idempotency_keys FOR SELECT USING (
    current_setting('loquat.upkeep', true) = 'on' AND keep_until <= loquat.now_v1()
);

-- Gives a role what running Loquat takes, and nothing that would let it around the policies. By
-- default privileges it also gets what later migrations make, so that there is no moment between.
CREATE FUNCTION loquat.grant_to_v1(p_role text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA loquat TO %I', p_role);
    EXECUTE format(
        'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA loquat TO %I', p_role
    );
    EXECUTE format(
        'REVOKE INSERT, UPDATE, DELETE ON loquat.__diesel_schema_migrations FROM %I', p_role
    );
    EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA loquat TO %I', p_role);
    EXECUTE format(
        'ALTER DEFAULT PRIVILEGES IN SCHEMA loquat
            GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', p_role
    );
    EXECUTE format(
        'ALTER DEFAULT PRIVILEGES IN SCHEMA loquat GRANT EXECUTE ON FUNCTIONS TO %I', p_role
    );
END $$;
