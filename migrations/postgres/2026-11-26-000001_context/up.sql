-- What is derived from the beginning of a long conversation: where its window begins, indexes of
-- what has left it, a summary, and the jobs that make these. All of it is about the active branch.
-- An implicit conversation has one too from now on: the items that came first. Nobody is shown it.
--
-- Functions that take or return more than before are new ones, `_v2`, and those before them stay
-- for the binaries that still call them. A few are replaced under their name, `activate_v1`,
-- `delete_item_v1` and `remove_response_v1`: to their callers they do what they did, and what is
-- derived from items must not outlive them either where an earlier binary deletes these.

-- What counted an item's tokens: so far, and by earlier binaries, always the estimate.
ALTER TABLE loquat.items ADD COLUMN counter text NOT NULL DEFAULT 'estimate-1';

ALTER TABLE loquat.conversations
    -- Rises with each change of `anchor`. NULL until items leave the window for the first time.
    ADD COLUMN context_version bigint,
    -- Rises with each edit of the active branch since then: what was derived from items that were
    -- read before an edit cannot be kept after it. What is appended is no edit.
    ADD COLUMN context_edits bigint NOT NULL DEFAULT 0,
    -- Position of the first item in the window. NULL after an edit.
    ADD COLUMN anchor bigint,
    -- The context engine's own notes, as JSON. NULL after an edit.
    ADD COLUMN context_state text,
    -- All rows that there are have neither, and need not be walked for that.
    ADD CONSTRAINT anchor_with_state CHECK ((context_state IS NULL) = (anchor IS NULL)) NOT VALID;

-- Indexes of runs of items that have left the window. Segments of a conversation never overlap.
CREATE TABLE loquat.segments (
    tenant         text COLLATE "C" NOT NULL,
    conversation   uuid   NOT NULL,
    -- The positions that it covers, both included.
    first_position bigint NOT NULL,
    last_position  bigint NOT NULL CHECK (last_position >= first_position),
    data           bytea  NOT NULL,
    PRIMARY KEY (conversation, tenant, first_position),
    FOREIGN KEY (conversation, tenant) REFERENCES loquat.conversations ON DELETE CASCADE
);

-- Hashes and counts in as few bytes as they take: nothing that compression would find.
ALTER TABLE loquat.segments ALTER data SET STORAGE EXTERNAL;

-- The beginning of a conversation in short.
CREATE TABLE loquat.summaries (
    tenant       text COLLATE "C" NOT NULL,
    conversation uuid   NOT NULL,
    -- Position of the last item that it covers.
    covers_to    bigint NOT NULL,
    text         text   NOT NULL,
    tokens       bigint NOT NULL CHECK (tokens >= 0),
    counter      text   NOT NULL,
    model        text   NOT NULL,
    created_at   bigint NOT NULL,
    PRIMARY KEY (conversation, tenant),
    FOREIGN KEY (conversation, tenant) REFERENCES loquat.conversations ON DELETE CASCADE
);

-- Conversations for which there is something to do.
CREATE TABLE loquat.context_jobs (
    tenant       text COLLATE "C" NOT NULL,
    conversation uuid   NOT NULL,
    user_id      text COLLATE "C" NOT NULL,
    -- The time from which on anybody may do it.
    due_at       bigint NOT NULL,
    -- How often it was tried in vain.
    attempts     bigint NOT NULL,
    -- Another one whenever it is queued or claimed, also after the row was deleted.
    ticket       bigint NOT NULL,
    -- 1 while somebody is at it, until `due_at`; 2 when it was queued anew meanwhile.
    held         smallint NOT NULL DEFAULT 0 CHECK (held IN (0, 1, 2)),
    PRIMARY KEY (conversation, tenant),
    FOREIGN KEY (conversation, tenant) REFERENCES loquat.conversations ON DELETE CASCADE
);

-- For those who do them, over all tenants.
CREATE INDEX context_jobs_by_due ON loquat.context_jobs (due_at, conversation);

DO $$
DECLARE
    v_table text;
    v_scope constant text :=
        '(tenant = NULLIF(current_setting(''loquat.tenant'', true), '''')) IS TRUE';
BEGIN
    FOREACH v_table IN ARRAY ARRAY['segments', 'summaries', 'context_jobs'] LOOP
        EXECUTE format('ALTER TABLE loquat.%I ENABLE ROW LEVEL SECURITY', v_table);
        EXECUTE format('ALTER TABLE loquat.%I FORCE ROW LEVEL SECURITY', v_table);
        EXECUTE format(
            'CREATE POLICY scope ON loquat.%1$I USING (%2$s) WITH CHECK (%2$s)', v_table, v_scope
        );
    END LOOP;
END $$;

-- Who looks for jobs sees those that are due, whoever's they are, while it says so.
CREATE POLICY upkeep ON loquat.context_jobs FOR SELECT USING (
    current_setting('loquat.upkeep', true) = 'on' AND due_at <= loquat.now_v1()
);

-- ## Parts of steps

-- Puts items after `p_after`, which stands at `p_position`, in order; returns the branch's end.
CREATE FUNCTION loquat.attach_v2(
    p_tenant text, p_conversation uuid, p_active boolean, p_after uuid, p_position bigint,
    p_ids uuid[], p_responses uuid[], p_kinds text[], p_roles text[], p_contents text[],
    p_statuses text[], p_tokens bigint[], p_created_ats bigint[], p_counters text[]
) RETURNS uuid LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF cardinality(p_ids) = 0 THEN
        RETURN p_after;
    END IF;
    INSERT INTO loquat.items (
        tenant, id, conversation, parent, position, active, response, kind, role, content, status,
        tokens, created_at, counter
    )
    SELECT p_tenant, new.id, p_conversation, coalesce(p_ids[new.n - 1], p_after),
        coalesce(p_position, -1) + new.n, p_active, new.response, new.kind, new.role, new.content,
        new.status, new.tokens, new.created_at, new.counter
    FROM unnest(
        p_ids, p_responses, p_kinds, p_roles, p_contents, p_statuses, p_tokens, p_created_ats,
        p_counters
    ) WITH ORDINALITY
        AS new (id, response, kind, role, content, status, tokens, created_at, counter, n);
    RETURN p_ids[cardinality(p_ids)];
END $$;

-- Whether what is put after an item of an implicit conversation is on its active branch, which is
-- made of the items that came first. Asked under the conversation's lock: of two that follow the
-- same item one comes first.
CREATE FUNCTION loquat.comes_first_v1(
    p_tenant text, p_conversation uuid, p_after_active boolean, p_position bigint
) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_position bigint := coalesce(p_position, -1);
BEGIN
    RETURN coalesce(p_after_active, true) AND NOT EXISTS (
        SELECT FROM loquat.items
        WHERE tenant = p_tenant AND conversation = p_conversation AND active
            AND position > v_position
    );
END $$;

-- Queues a job, which is due at once.
CREATE FUNCTION loquat.queue_context_job_v1(p_tenant text, p_user text, p_conversation uuid)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now bigint := loquat.now_v1();
BEGIN
    INSERT INTO loquat.context_jobs AS job (
        tenant, conversation, user_id, due_at, attempts, ticket
    ) VALUES (p_tenant, p_conversation, p_user, v_now, 0, v_now)
    ON CONFLICT (conversation, tenant) DO UPDATE SET
        attempts = 0,
        held = CASE WHEN job.held > 0 AND job.due_at > excluded.due_at THEN 2 ELSE 0 END,
        ticket = CASE WHEN job.held > 0 AND job.due_at > excluded.due_at THEN job.ticket
            ELSE greatest(job.ticket + 1, excluded.ticket) END,
        due_at = CASE WHEN job.held > 0 THEN greatest(job.due_at, excluded.due_at)
            ELSE excluded.due_at END;
END $$;

-- Takes away what is not true any more after an edit of the active branch, which has lost its items
-- from `p_from` to `p_to`, and queues a job where segments are left.
CREATE FUNCTION loquat.edit_context_v1(
    p_tenant text, p_conversation uuid, p_from bigint, p_to bigint
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_user text;
    v_before bigint;
BEGIN
    UPDATE loquat.conversations
    SET context_version = context_version + 1, context_edits = context_edits + 1, anchor = NULL,
        context_state = NULL
    WHERE tenant = p_tenant AND id = p_conversation AND context_version IS NOT NULL
    RETURNING user_id INTO v_user;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    DELETE FROM loquat.segments
    WHERE tenant = p_tenant AND conversation = p_conversation AND first_position >= p_from
        AND first_position <= p_to;
    -- Of those that begin before, only the last can reach so far.
    SELECT first_position INTO v_before FROM loquat.segments
    WHERE tenant = p_tenant AND conversation = p_conversation AND first_position < p_from
    ORDER BY first_position DESC LIMIT 1;
    DELETE FROM loquat.segments
    WHERE tenant = p_tenant AND conversation = p_conversation AND first_position = v_before
        AND last_position >= p_from;
    DELETE FROM loquat.summaries
    WHERE tenant = p_tenant AND conversation = p_conversation AND covers_to >= p_from;
    IF EXISTS (
        SELECT FROM loquat.segments WHERE tenant = p_tenant AND conversation = p_conversation
    ) THEN
        PERFORM loquat.queue_context_job_v1(p_tenant, v_user, p_conversation);
    END IF;
END $$;

-- Makes the branch that ends at `p_end` the active one: takes the marks from what is beyond the
-- fork and gives them to what leads from there to the end; and takes away what was derived from
-- what is beyond the fork.
CREATE OR REPLACE FUNCTION loquat.activate_v1(p_tenant text, p_conversation uuid, p_end uuid)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_next uuid := p_end;
    v_path uuid[] := '{}';
    v_fork bigint := -1;
    v_parent uuid;
    v_position bigint;
    v_active boolean;
BEGIN
    WHILE v_next IS NOT NULL LOOP
        SELECT parent, position, active INTO v_parent, v_position, v_active
        FROM loquat.items WHERE tenant = p_tenant AND id = v_next;
        IF v_active THEN
            v_fork := v_position;
            EXIT;
        END IF;
        v_path := v_path || v_next;
        v_next := v_parent;
    END LOOP;
    UPDATE loquat.items SET active = false
    WHERE tenant = p_tenant AND conversation = p_conversation AND active AND position > v_fork;
    UPDATE loquat.items SET active = true WHERE tenant = p_tenant AND id = ANY (v_path);
    PERFORM loquat.edit_context_v1(p_tenant, p_conversation, v_fork + 1, 9223372036854775807);
END $$;

-- Takes a response away with what nobody can reach without it: an implicit conversation goes with
-- its last response, until then the items at the end of the response's branch do, up to the first
-- that another item follows or another response ends at. False when it was gone.
CREATE OR REPLACE FUNCTION loquat.remove_response_v1(p_tenant text, p_id uuid)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_conversation uuid;
    v_listed boolean;
    v_is_last boolean;
    v_end uuid;
    v_parent uuid;
    v_position bigint;
    v_active boolean;
    v_off bigint;
BEGIN
    SELECT conversation INTO v_conversation
    FROM loquat.responses WHERE tenant = p_tenant AND id = p_id;
    SELECT listed INTO v_listed
    FROM loquat.conversations WHERE tenant = p_tenant AND id = v_conversation FOR UPDATE;
    v_is_last := NOT v_listed AND NOT EXISTS (
        SELECT FROM loquat.responses
        WHERE tenant = p_tenant AND conversation = v_conversation AND id <> p_id
    );
    IF v_is_last THEN
        -- What may take long comes before the turn, whose signs of life others write meanwhile.
        DELETE FROM loquat.items WHERE tenant = p_tenant AND conversation = v_conversation;
    END IF;
    DELETE FROM loquat.turns WHERE tenant = p_tenant AND response = p_id;
    DELETE FROM loquat.responses WHERE tenant = p_tenant AND id = p_id RETURNING leaf INTO v_end;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF v_listed THEN
        UPDATE loquat.conversations SET turn = NULL
        WHERE tenant = p_tenant AND id = v_conversation AND turn = p_id;
    ELSIF v_is_last THEN
        DELETE FROM loquat.conversations WHERE tenant = p_tenant AND id = v_conversation;
    ELSE
        WHILE v_end IS NOT NULL LOOP
            EXIT WHEN EXISTS (
                SELECT FROM loquat.items
                WHERE tenant = p_tenant AND conversation = v_conversation AND parent = v_end
            ) OR EXISTS (
                SELECT FROM loquat.responses
                WHERE tenant = p_tenant AND conversation = v_conversation AND leaf = v_end
            );
            DELETE FROM loquat.items WHERE tenant = p_tenant AND id = v_end
            RETURNING parent, position, active INTO v_parent, v_position, v_active;
            IF v_active THEN
                v_off := v_position;
            END IF;
            v_end := v_parent;
        END LOOP;
        IF v_off IS NOT NULL THEN
            PERFORM loquat.edit_context_v1(p_tenant, v_conversation, v_off, 9223372036854775807);
        END IF;
    END IF;
    RETURN true;
END $$;

-- ## Turns

-- The newest part of a branch, and what the context engine keeps: no row when there is no such
-- start. The first row is the head, each further one an item of the branch, or one that leads (the
-- first items of the active branch that are the operator's words, where it may not have been read
-- so far), or a segment.
--
-- The branch ends at the last item of `p_response`; or in `p_conversation`, at the active leaf or
-- at `p_item`. It is read until its tokens add up to the budget, and if `p_anchored` no further
-- than to the anchor.
CREATE FUNCTION loquat.history_v2(
    p_tenant text, p_user text, p_response uuid, p_conversation uuid, p_at_leaf boolean,
    p_item uuid, p_budget bigint, p_anchored boolean, p_segments boolean
) RETURNS TABLE (
    conversation uuid, listed boolean, leaf uuid, running boolean,
    context_version bigint, anchor bigint, context_state text,
    covers_to bigint, summary text, summary_tokens bigint, summary_counter text,
    summary_model text, summary_created_at bigint,
    leads boolean, active boolean,
    id uuid, parent uuid, "position" bigint, response uuid, content text, status text,
    tokens bigint, created_at bigint, counter text,
    first_position bigint, last_position bigint, data bytea
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
    v_turn loquat.responses;
    v_lease_until bigint;
    v_leaf uuid;
    v_running boolean;
    v_position bigint;
    v_active boolean;
    v_stop bigint := -1;
    v_count bigint;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    IF p_response IS NOT NULL THEN
        SELECT * INTO v_turn FROM loquat.responses WHERE tenant = p_tenant AND id = p_response;
        IF v_turn.user_id IS DISTINCT FROM p_user OR v_turn.hidden THEN
            RETURN;
        END IF;
        SELECT * INTO v_home FROM loquat.conversations
        WHERE tenant = p_tenant AND id = v_turn.conversation;
        v_leaf := v_turn.leaf;
        v_running := EXISTS (
            SELECT FROM loquat.turns
            WHERE tenant = p_tenant AND response = p_response AND running
        );
    ELSE
        SELECT * INTO v_home FROM loquat.conversations
        WHERE tenant = p_tenant AND id = p_conversation;
        IF v_home.user_id IS DISTINCT FROM p_user OR NOT v_home.listed THEN
            RETURN;
        END IF;
        v_leaf := CASE WHEN p_at_leaf THEN v_home.leaf ELSE p_item END;
        IF NOT p_at_leaf AND p_item IS NOT NULL AND p_conversation IS DISTINCT FROM (
            SELECT conversation FROM loquat.items WHERE tenant = p_tenant AND id = p_item
        ) THEN
            RETURN;
        END IF;
        -- In the way is the turn whose input this history would end with; and elsewhere than at the
        -- active leaf, any that holds the lock.
        IF v_home.turn IS NOT NULL THEN
            SELECT * INTO v_turn FROM loquat.responses WHERE tenant = p_tenant AND id = v_home.turn;
            SELECT lease_until INTO v_lease_until
            FROM loquat.turns WHERE tenant = p_tenant AND response = v_home.turn;
        END IF;
        v_running := v_lease_until IS NOT NULL AND (
            v_turn.leaf IS NOT DISTINCT FROM v_leaf
            OR NOT p_at_leaf AND v_lease_until > loquat.now_v1()
        );
    END IF;
    conversation := v_home.id;
    listed := v_home.listed;
    leaf := v_leaf;
    running := v_running;
    IF v_home.context_version IS NOT NULL THEN
        context_version := v_home.context_version;
        anchor := v_home.anchor;
        context_state := v_home.context_state;
        SELECT i.position, i.active INTO v_position, v_active
        FROM loquat.items i WHERE i.tenant = p_tenant AND i.id = v_leaf;
        IF v_active THEN
            SELECT s.covers_to, s.text, s.tokens, s.counter, s.model, s.created_at
            INTO covers_to, summary, summary_tokens, summary_counter, summary_model,
                summary_created_at
            FROM loquat.summaries s
            WHERE s.tenant = p_tenant AND s.conversation = v_home.id
                AND s.covers_to < v_position;
        END IF;
        IF p_anchored AND v_home.anchor <= v_position THEN
            v_stop := v_home.anchor;
        END IF;
    END IF;
    RETURN NEXT;
    IF v_leaf IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH RECURSIVE branch AS (
        SELECT i.id, i.parent, i.position, i.response, i.content, i.status, i.tokens, i.created_at,
            i.counter, i.active, i.tokens AS total
        FROM loquat.items i WHERE i.tenant = p_tenant AND i.id = v_leaf
        UNION ALL
        SELECT i.id, i.parent, i.position, i.response, i.content, i.status, i.tokens, i.created_at,
            i.counter, i.active, b.total + i.tokens
        FROM branch b CROSS JOIN LATERAL (
            SELECT * FROM loquat.items WHERE tenant = p_tenant AND id = b.parent OFFSET 0
        ) AS i
        WHERE b.total < p_budget AND b.position > v_stop
    )
    SELECT NULL::uuid, NULL::boolean, NULL::uuid, NULL::boolean, NULL::bigint, NULL::bigint,
        NULL::text, NULL::bigint, NULL::text, NULL::bigint, NULL::text, NULL::text, NULL::bigint,
        false, b.active, b.id, b.parent, b.position, b.response, b.content, b.status, b.tokens,
        b.created_at, b.counter, NULL::bigint, NULL::bigint, NULL::bytea
    FROM branch b;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    IF v_home.context_version IS NULL THEN
        SELECT i.position, i.active INTO v_position, v_active
        FROM loquat.items i WHERE i.tenant = p_tenant AND i.id = v_leaf;
    END IF;
    -- As many as there can be are all that there are, and nothing leads them. Of fewer,
    -- the others were not read, or were deleted.
    IF v_active AND v_count <= v_position THEN
        RETURN QUERY
        WITH RECURSIVE lead AS (
            SELECT i.*, 1 AS n FROM (
                SELECT * FROM loquat.items
                WHERE tenant = p_tenant AND conversation = v_home.id AND active AND position > -1
                ORDER BY position LIMIT 1
            ) AS i
            WHERE i.role IN ('system', 'developer')
            UNION ALL
            SELECT i.*, l.n + 1
            FROM lead l CROSS JOIN LATERAL (
                SELECT * FROM loquat.items
                WHERE tenant = p_tenant AND conversation = v_home.id AND active
                    AND position > l.position
                ORDER BY position LIMIT 1
            ) AS i
            WHERE l.n < 16 AND i.role IN ('system', 'developer')
        )
        SELECT NULL::uuid, NULL::boolean, NULL::uuid, NULL::boolean, NULL::bigint, NULL::bigint,
            NULL::text, NULL::bigint, NULL::text, NULL::bigint, NULL::text, NULL::text,
            NULL::bigint, true, l.active, l.id, l.parent, l.position, l.response, l.content,
            l.status, l.tokens, l.created_at, l.counter, NULL::bigint, NULL::bigint, NULL::bytea
        FROM lead l;
    END IF;
    IF p_segments AND v_home.anchor IS NOT NULL AND v_active THEN
        RETURN QUERY
        SELECT NULL::uuid, NULL::boolean, NULL::uuid, NULL::boolean, NULL::bigint, NULL::bigint,
            NULL::text, NULL::bigint, NULL::text, NULL::bigint, NULL::text, NULL::text,
            NULL::bigint, NULL::boolean, NULL::boolean, NULL::uuid, NULL::uuid, NULL::bigint,
            NULL::uuid, NULL::text, NULL::text, NULL::bigint, NULL::bigint, NULL::text,
            s.first_position, s.last_position, s.data
        FROM loquat.segments s
        WHERE s.tenant = p_tenant AND s.conversation = v_home.id
            AND s.first_position < v_position
        ORDER BY s.first_position;
    END IF;
END $$;

-- The start of a turn: in a new conversation, or in an existing one after `p_after`, which must
-- still be the active leaf when `p_at_leaf`. Given `p_anchor`, items leave the window, which the
-- conversation's context must not have changed for since it was at `p_expected`.
CREATE FUNCTION loquat.begin_turn_v2(
    p_tenant text, p_user text,
    p_id uuid, p_names_conversation boolean, p_hidden boolean, p_background boolean,
    p_previous uuid, p_model text, p_settings text, p_metadata text, p_receipt text, p_status text,
    p_created_at bigint, p_lease bigint,
    p_conversation uuid, p_new boolean, p_new_listed boolean, p_new_title text,
    p_new_metadata text, p_new_archived boolean, p_new_created_at bigint, p_new_updated_at bigint,
    p_at_leaf boolean, p_after uuid,
    p_ids uuid[], p_responses uuid[], p_kinds text[], p_roles text[], p_contents text[],
    p_statuses text[], p_tokens bigint[], p_created_ats bigint[], p_counters text[],
    p_route text, p_key text, p_fingerprint bytea, p_keep bigint,
    p_expected bigint, p_anchor bigint, p_state text,
    OUT outcome text, OUT fingerprint bytea, OUT made_response uuid, OUT made_conversation uuid,
    OUT made_items uuid[]
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
    v_listed boolean := p_new_listed;
    v_after loquat.items;
    v_leaf uuid;
    v_active boolean := true;
    v_earlier loquat.idempotency_keys;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    -- The conversation's lock comes first: the same request may be at work in it, and its key can
    -- be seen only when that has ended.
    IF NOT p_new THEN
        SELECT * INTO v_home FROM loquat.conversations
        WHERE tenant = p_tenant AND id = p_conversation FOR NO KEY UPDATE;
        v_listed := v_home.listed;
    END IF;
    IF p_key IS NOT NULL THEN
        v_earlier := loquat.done_before_v1(p_tenant, p_user, p_route, p_key);
    END IF;
    IF v_earlier.key IS NULL THEN
        IF NOT p_new AND v_home.user_id IS DISTINCT FROM p_user THEN
            outcome := 'not_found';
            RETURN;
        END IF;
        IF loquat.holds_v1(p_tenant, v_home.turn) THEN
            outcome := 'locked';
            RETURN;
        END IF;
        IF p_at_leaf AND v_home.leaf IS DISTINCT FROM p_after THEN
            outcome := 'conflict';
            RETURN;
        END IF;
        IF p_anchor IS NOT NULL AND v_home.context_version IS DISTINCT FROM p_expected THEN
            outcome := 'conflict';
            RETURN;
        END IF;
        IF p_after IS NOT NULL THEN
            SELECT * INTO v_after FROM loquat.items WHERE tenant = p_tenant AND id = p_after;
            IF v_after.conversation IS DISTINCT FROM p_conversation THEN
                outcome := 'not_found';
                RETURN;
            END IF;
        END IF;
        IF p_key IS NOT NULL THEN
            v_earlier := loquat.remember_v1(
                p_tenant, p_user, p_route, p_key, p_fingerprint, p_keep, p_id, NULL, NULL
            );
        END IF;
    END IF;
    IF v_earlier.key IS NOT NULL THEN
        outcome := 'done';
        fingerprint := v_earlier.fingerprint;
        made_response := v_earlier.response;
        made_conversation := v_earlier.conversation;
        made_items := v_earlier.items;
        RETURN;
    END IF;

    IF p_new THEN
        v_leaf := p_ids[cardinality(p_ids)];
        INSERT INTO loquat.conversations (
            tenant, id, user_id, title, metadata, listed, archived, leaf, turn, created_at,
            updated_at
        ) VALUES (
            p_tenant, p_conversation, p_user, p_new_title, p_new_metadata, p_new_listed,
            p_new_archived, CASE WHEN p_new_listed THEN v_leaf END,
            CASE WHEN p_new_listed THEN p_id END, p_new_created_at,
            greatest(p_new_updated_at, p_created_at)
        );
    ELSIF v_listed AND p_after IS DISTINCT FROM v_home.leaf THEN
        PERFORM loquat.activate_v1(p_tenant, p_conversation, p_after);
    ELSIF NOT v_listed THEN
        v_active := loquat.comes_first_v1(
            p_tenant, p_conversation, v_after.active, v_after.position
        );
    END IF;
    v_leaf := loquat.attach_v2(
        p_tenant, p_conversation, v_active, p_after, v_after.position, p_ids, p_responses, p_kinds,
        p_roles, p_contents, p_statuses, p_tokens, p_created_ats, p_counters
    );
    INSERT INTO loquat.responses (
        tenant, id, user_id, conversation, names_conversation, hidden, background, previous, model,
        settings, metadata, receipt, status, leaf, created_at
    ) VALUES (
        p_tenant, p_id, p_user, p_conversation, p_names_conversation, p_hidden, p_background,
        p_previous, p_model, p_settings, p_metadata, p_receipt, p_status, v_leaf, p_created_at
    );
    INSERT INTO loquat.turns (tenant, response, user_id, lease_until, queued)
    VALUES (p_tenant, p_id, p_user, loquat.now_v1() + p_lease, p_status = 'queued');
    IF NOT p_new AND v_listed THEN
        UPDATE loquat.conversations
        SET leaf = v_leaf, turn = p_id, updated_at = greatest(updated_at, p_created_at)
        WHERE tenant = p_tenant AND id = p_conversation;
        IF p_after IS DISTINCT FROM v_home.leaf THEN
            PERFORM loquat.settle_v1(p_tenant, p_conversation, v_home.leaf);
            PERFORM loquat.settle_v1(p_tenant, p_conversation, p_after);
        END IF;
    END IF;
    IF p_anchor IS NOT NULL THEN
        UPDATE loquat.conversations
        SET context_version = coalesce(p_expected, 0) + 1, anchor = p_anchor,
            context_state = p_state
        WHERE tenant = p_tenant AND id = p_conversation;
        PERFORM loquat.queue_context_job_v1(p_tenant, p_user, p_conversation);
    END IF;
END $$;

-- The end of a turn; if somebody else wants it because the turn is stale, only while it is. The
-- context engine's notes are kept where the context is still at `p_expected`.
CREATE FUNCTION loquat.finish_turn_v2(
    p_tenant text, p_user text, p_id uuid, p_status text, p_status_details text, p_usage text,
    p_completed_at bigint, p_last_sequence bigint,
    p_ids uuid[], p_responses uuid[], p_kinds text[], p_roles text[], p_contents text[],
    p_statuses text[], p_tokens bigint[], p_created_ats bigint[], p_counters text[],
    p_firsts bigint[], p_lasts bigint[], p_events text[], p_keep_log bigint,
    p_only_if_stale boolean, p_expected bigint, p_state text,
    OUT outcome text
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_conversation uuid;
    v_listed boolean;
    v_active_leaf uuid;
    v_after uuid;
    v_position bigint;
    v_after_active boolean;
    v_active boolean;
    v_leaf uuid;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT conversation INTO v_conversation FROM loquat.responses
    WHERE tenant = p_tenant AND id = p_id AND user_id = p_user;
    SELECT listed, leaf INTO v_listed, v_active_leaf FROM loquat.conversations
    WHERE tenant = p_tenant AND id = v_conversation FOR NO KEY UPDATE;
    -- Who has waited for the row's lock asks it again as it is then.
    IF p_keep_log > 0 THEN
        UPDATE loquat.turns SET lease_until = NULL, log_until = loquat.now_v1() + p_keep_log
        WHERE tenant = p_tenant AND response = p_id AND user_id = p_user AND running
            AND NOT (p_only_if_stale AND lease_until > loquat.now_v1());
    ELSE
        DELETE FROM loquat.turns
        WHERE tenant = p_tenant AND response = p_id AND user_id = p_user AND running
            AND NOT (p_only_if_stale AND lease_until > loquat.now_v1());
    END IF;
    IF NOT FOUND THEN
        outcome := CASE WHEN EXISTS (
            SELECT FROM loquat.responses
            WHERE tenant = p_tenant AND id = p_id AND user_id = p_user
        ) THEN 'conflict' ELSE 'not_found' END;
        RETURN;
    END IF;

    SELECT r.leaf, i.position, i.active INTO v_after, v_position, v_after_active
    FROM loquat.responses r
    LEFT JOIN LATERAL (
        SELECT * FROM loquat.items WHERE tenant = p_tenant AND id = r.leaf OFFSET 0
    ) AS i ON true
    WHERE r.tenant = p_tenant AND r.id = p_id;
    IF v_listed THEN
        v_active := v_active_leaf IS NOT DISTINCT FROM v_after;
    ELSE
        v_active := loquat.comes_first_v1(p_tenant, v_conversation, v_after_active, v_position);
    END IF;
    v_leaf := loquat.attach_v2(
        p_tenant, v_conversation, v_active, v_after, v_position, p_ids, p_responses, p_kinds,
        p_roles, p_contents, p_statuses, p_tokens, p_created_ats, p_counters
    );
    UPDATE loquat.responses
    SET status = p_status, status_details = p_status_details, usage = p_usage, leaf = v_leaf,
        output_from = coalesce(v_position, -1) + 1, last_sequence = p_last_sequence,
        completed_at = p_completed_at
    WHERE tenant = p_tenant AND id = p_id;
    IF p_keep_log > 0 THEN
        FOR v_n IN 1 .. cardinality(p_firsts) LOOP
            PERFORM loquat.keep_run_v1(
                p_tenant, p_id, p_firsts[v_n], p_lasts[v_n], p_events[v_n]
            );
        END LOOP;
    ELSE
        DELETE FROM loquat.response_events WHERE tenant = p_tenant AND response = p_id;
    END IF;
    IF v_listed THEN
        UPDATE loquat.conversations
        SET leaf = CASE WHEN v_active THEN v_leaf ELSE leaf END, turn = nullif(turn, p_id),
            updated_at = greatest(updated_at, p_completed_at),
            context_state = CASE WHEN context_version = p_expected AND anchor IS NOT NULL
                THEN p_state ELSE context_state END
        WHERE tenant = p_tenant AND id = v_conversation;
        IF NOT v_active THEN
            PERFORM loquat.settle_v1(p_tenant, v_conversation, v_after);
            PERFORM loquat.settle_v1(p_tenant, v_conversation, v_leaf);
        END IF;
    ELSIF p_expected IS NOT NULL THEN
        UPDATE loquat.conversations SET context_state = p_state
        WHERE tenant = p_tenant AND id = v_conversation AND context_version = p_expected
            AND anchor IS NOT NULL;
    END IF;
END $$;

-- A response and its output: the first row is the response, each further one an item, newest first.
CREATE FUNCTION loquat.response_v2(p_tenant text, p_user text, p_id uuid)
RETURNS TABLE (
    response_id uuid, conversation uuid, names_conversation boolean, hidden boolean,
    background boolean, previous uuid, model text, settings text, metadata text, receipt text,
    response_status text, status_details text, usage text, response_created_at bigint,
    completed_at bigint,
    id uuid, parent uuid, "position" bigint, response uuid, content text, status text,
    tokens bigint, created_at bigint, counter text
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_leaf uuid;
    v_output_from bigint;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT r.id, r.conversation, r.names_conversation, r.hidden, r.background, r.previous, r.model,
        r.settings, r.metadata, r.receipt, r.status, r.status_details, r.usage, r.created_at,
        r.completed_at, r.leaf, r.output_from
    INTO response_id, conversation, names_conversation, hidden, background, previous, model,
        settings, metadata, receipt, response_status, status_details, usage, response_created_at,
        completed_at, v_leaf, v_output_from
    FROM loquat.responses r WHERE r.tenant = p_tenant AND r.id = p_id AND r.user_id = p_user;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN NEXT;
    IF v_leaf IS NULL OR v_output_from IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH RECURSIVE branch AS (
        SELECT i.id, i.parent, i.position, i.response, i.content, i.status, i.tokens, i.created_at,
            i.counter
        FROM loquat.items i
        WHERE i.tenant = p_tenant AND i.id = v_leaf AND i.position >= v_output_from
        UNION ALL
        SELECT i.id, i.parent, i.position, i.response, i.content, i.status, i.tokens, i.created_at,
            i.counter
        FROM branch b CROSS JOIN LATERAL (
            SELECT * FROM loquat.items WHERE tenant = p_tenant AND id = b.parent OFFSET 0
        ) AS i
        WHERE i.position >= v_output_from
    )
    SELECT NULL::uuid, NULL::uuid, NULL::boolean, NULL::boolean, NULL::boolean, NULL::uuid,
        NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text,
        NULL::bigint, NULL::bigint, b.*
    FROM branch b;
END $$;

-- ## Conversations

CREATE FUNCTION loquat.create_conversation_v2(
    p_tenant text, p_user text, p_id uuid, p_title text, p_metadata text, p_archived boolean,
    p_created_at bigint, p_updated_at bigint,
    p_ids uuid[], p_responses uuid[], p_kinds text[], p_roles text[], p_contents text[],
    p_statuses text[], p_tokens bigint[], p_created_ats bigint[], p_counters text[],
    p_route text, p_key text, p_fingerprint bytea, p_keep bigint,
    OUT outcome text, OUT fingerprint bytea, OUT made_response uuid, OUT made_conversation uuid,
    OUT made_items uuid[]
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_earlier loquat.idempotency_keys;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    v_earlier := loquat.remember_v1(
        p_tenant, p_user, p_route, p_key, p_fingerprint, p_keep, NULL, p_id, NULL
    );
    IF v_earlier.key IS NOT NULL THEN
        outcome := 'done';
        fingerprint := v_earlier.fingerprint;
        made_response := v_earlier.response;
        made_conversation := v_earlier.conversation;
        made_items := v_earlier.items;
        RETURN;
    END IF;
    INSERT INTO loquat.conversations (
        tenant, id, user_id, title, metadata, listed, archived, leaf, created_at, updated_at
    ) VALUES (
        p_tenant, p_id, p_user, p_title, p_metadata, true, p_archived, p_ids[cardinality(p_ids)],
        p_created_at, p_updated_at
    );
    PERFORM loquat.attach_v2(
        p_tenant, p_id, true, NULL, NULL, p_ids, p_responses, p_kinds, p_roles, p_contents,
        p_statuses, p_tokens, p_created_ats, p_counters
    );
END $$;

-- ## Items

-- Up to `p_most` items of the active branch after `p_after`.
CREATE FUNCTION loquat.items_v2(
    p_tenant text, p_user text, p_conversation uuid, p_after uuid, p_ascending boolean,
    p_most bigint
) RETURNS TABLE (
    outcome text, id uuid, parent uuid, "position" bigint, response uuid, content text,
    status text, tokens bigint, created_at bigint, counter text
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
    v_cursor loquat.items;
    v_position bigint;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT * INTO v_home FROM loquat.conversations
    WHERE tenant = p_tenant AND id = p_conversation;
    IF v_home.user_id IS DISTINCT FROM p_user OR NOT v_home.listed THEN
        outcome := 'not_found';
        RETURN NEXT;
        RETURN;
    END IF;
    IF p_after IS NOT NULL THEN
        SELECT * INTO v_cursor FROM loquat.items WHERE tenant = p_tenant AND id = p_after;
        IF v_cursor.conversation IS DISTINCT FROM p_conversation OR NOT v_cursor.active THEN
            outcome := 'cursor_not_found';
            RETURN NEXT;
            RETURN;
        END IF;
        v_position := v_cursor.position;
    ELSE
        v_position := CASE WHEN p_ascending THEN -1 ELSE 9223372036854775807 END;
    END IF;
    IF p_ascending THEN
        RETURN QUERY
        SELECT NULL, i.id, i.parent, i.position, i.response, i.content, i.status, i.tokens,
            i.created_at, i.counter
        FROM loquat.items i
        WHERE i.tenant = p_tenant AND i.conversation = p_conversation AND i.active
            AND i.position > v_position
        ORDER BY i.position LIMIT p_most;
    ELSE
        RETURN QUERY
        SELECT NULL, i.id, i.parent, i.position, i.response, i.content, i.status, i.tokens,
            i.created_at, i.counter
        FROM loquat.items i
        WHERE i.tenant = p_tenant AND i.conversation = p_conversation AND i.active
            AND i.position < v_position
        ORDER BY i.position DESC LIMIT p_most;
    END IF;
END $$;

-- An item, on whichever branch it is.
CREATE FUNCTION loquat.item_v2(p_tenant text, p_user text, p_conversation uuid, p_id uuid)
RETURNS TABLE (
    id uuid, parent uuid, "position" bigint, response uuid, content text, status text,
    tokens bigint, created_at bigint, counter text
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
    v_item loquat.items;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT * INTO v_home FROM loquat.conversations
    WHERE tenant = p_tenant AND id = p_conversation;
    SELECT * INTO v_item FROM loquat.items WHERE tenant = p_tenant AND id = p_id;
    IF v_home.user_id = p_user AND v_home.listed AND v_item.conversation = p_conversation THEN
        RETURN QUERY SELECT v_item.id, v_item.parent, v_item.position, v_item.response,
            v_item.content, v_item.status, v_item.tokens, v_item.created_at, v_item.counter;
    END IF;
END $$;

-- Appends items to the end of the active branch.
CREATE FUNCTION loquat.append_items_v2(
    p_tenant text, p_user text, p_conversation uuid, p_now bigint,
    p_ids uuid[], p_responses uuid[], p_kinds text[], p_roles text[], p_contents text[],
    p_statuses text[], p_tokens bigint[], p_created_ats bigint[], p_counters text[],
    p_route text, p_key text, p_fingerprint bytea, p_keep bigint,
    OUT outcome text, OUT fingerprint bytea, OUT made_response uuid, OUT made_conversation uuid,
    OUT made_items uuid[]
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
    v_position bigint;
    v_leaf uuid;
    v_earlier loquat.idempotency_keys;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    -- The lock before the key, as a turn's start does and for the same reason.
    SELECT * INTO v_home FROM loquat.conversations
    WHERE tenant = p_tenant AND id = p_conversation FOR NO KEY UPDATE;
    IF p_key IS NOT NULL THEN
        v_earlier := loquat.done_before_v1(p_tenant, p_user, p_route, p_key);
    END IF;
    IF v_earlier.key IS NULL THEN
        IF v_home.user_id IS DISTINCT FROM p_user OR NOT v_home.listed THEN
            outcome := 'not_found';
            RETURN;
        END IF;
        IF loquat.holds_v1(p_tenant, v_home.turn) THEN
            outcome := 'locked';
            RETURN;
        END IF;
        v_earlier := loquat.remember_v1(
            p_tenant, p_user, p_route, p_key, p_fingerprint, p_keep, NULL, p_conversation, p_ids
        );
    END IF;
    IF v_earlier.key IS NOT NULL THEN
        outcome := 'done';
        fingerprint := v_earlier.fingerprint;
        made_response := v_earlier.response;
        made_conversation := v_earlier.conversation;
        made_items := v_earlier.items;
        RETURN;
    END IF;
    SELECT position INTO v_position FROM loquat.items
    WHERE tenant = p_tenant AND id = v_home.leaf;
    v_leaf := loquat.attach_v2(
        p_tenant, p_conversation, true, v_home.leaf, v_position, p_ids, p_responses, p_kinds,
        p_roles, p_contents, p_statuses, p_tokens, p_created_ats, p_counters
    );
    UPDATE loquat.conversations SET leaf = v_leaf, updated_at = p_now
    WHERE tenant = p_tenant AND id = p_conversation;
END $$;

-- Takes an item out, with what was derived from it; what pointed at it points at what it followed.
CREATE OR REPLACE FUNCTION loquat.delete_item_v1(
    p_tenant text, p_user text, p_conversation uuid, p_item uuid, p_now bigint,
    OUT outcome text, OUT id uuid, OUT title text, OUT metadata text, OUT archived boolean,
    OUT created_at bigint, OUT updated_at bigint
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
    v_item loquat.items;
    v_before uuid;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT * INTO v_home FROM loquat.conversations c
    WHERE c.tenant = p_tenant AND c.id = p_conversation FOR NO KEY UPDATE;
    IF v_home.user_id IS DISTINCT FROM p_user OR NOT v_home.listed THEN
        outcome := 'not_found';
        RETURN;
    END IF;
    IF loquat.holds_v1(p_tenant, v_home.turn) THEN
        outcome := 'locked';
        RETURN;
    END IF;
    SELECT * INTO v_item FROM loquat.items i WHERE i.tenant = p_tenant AND i.id = p_item;
    IF v_item.conversation IS DISTINCT FROM p_conversation THEN
        outcome := 'not_found';
        RETURN;
    END IF;
    v_before := v_item.parent;
    DELETE FROM loquat.items i WHERE i.tenant = p_tenant AND i.id = p_item;
    UPDATE loquat.items SET parent = v_before
    WHERE tenant = p_tenant AND conversation = p_conversation AND parent = p_item;
    UPDATE loquat.responses SET leaf = v_before
    WHERE tenant = p_tenant AND conversation = p_conversation AND leaf = p_item;
    UPDATE loquat.conversations c
    SET leaf = CASE WHEN c.leaf = p_item THEN v_before ELSE c.leaf END, updated_at = p_now
    WHERE c.tenant = p_tenant AND c.id = p_conversation
    RETURNING c.id, c.title, c.metadata, c.archived, c.created_at, c.updated_at
    INTO id, title, metadata, archived, created_at, updated_at;
    DELETE FROM loquat.branches
    WHERE tenant = p_tenant AND conversation = p_conversation AND leaf = p_item;
    PERFORM loquat.settle_v1(p_tenant, p_conversation, v_before);
    IF v_item.active THEN
        PERFORM loquat.edit_context_v1(
            p_tenant, p_conversation, v_item.position, v_item.position
        );
    END IF;
END $$;

-- ## What is derived

-- The items of the active branch at these positions.
CREATE FUNCTION loquat.items_at_v1(
    p_tenant text, p_user text, p_conversation uuid, p_positions bigint[]
) RETURNS TABLE (
    outcome text, id uuid, parent uuid, "position" bigint, response uuid, content text,
    status text, tokens bigint, created_at bigint, counter text
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT * INTO v_home FROM loquat.conversations
    WHERE tenant = p_tenant AND id = p_conversation;
    IF v_home.user_id IS DISTINCT FROM p_user THEN
        outcome := 'not_found';
        RETURN NEXT;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT NULL, i.id, i.parent, i.position, i.response, i.content, i.status, i.tokens,
        i.created_at, i.counter
    FROM unnest(p_positions) AS place CROSS JOIN LATERAL (
        SELECT * FROM loquat.items
        WHERE tenant = p_tenant AND conversation = p_conversation AND active AND position = place
        OFFSET 0
    ) AS i;
END $$;

-- These items, on whichever branch each is.
CREATE FUNCTION loquat.pinned_v1(p_tenant text, p_user text, p_conversation uuid, p_ids uuid[])
RETURNS TABLE (
    outcome text, id uuid, parent uuid, "position" bigint, response uuid, content text,
    status text, tokens bigint, created_at bigint, counter text
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT * INTO v_home FROM loquat.conversations
    WHERE tenant = p_tenant AND id = p_conversation;
    IF v_home.user_id IS DISTINCT FROM p_user THEN
        outcome := 'not_found';
        RETURN NEXT;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT NULL, i.id, i.parent, i.position, i.response, i.content, i.status, i.tokens,
        i.created_at, i.counter
    FROM unnest(p_ids) AS pin CROSS JOIN LATERAL (
        SELECT * FROM loquat.items WHERE tenant = p_tenant AND id = pin OFFSET 0
    ) AS i
    WHERE i.conversation = p_conversation;
END $$;

-- Up to `p_most` items of the active branch from `p_from` to before `p_to`.
CREATE FUNCTION loquat.span_v1(
    p_tenant text, p_user text, p_conversation uuid, p_from bigint, p_to bigint, p_most bigint
) RETURNS TABLE (
    outcome text, id uuid, parent uuid, "position" bigint, response uuid, content text,
    status text, tokens bigint, created_at bigint, counter text
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT * INTO v_home FROM loquat.conversations
    WHERE tenant = p_tenant AND id = p_conversation;
    IF v_home.user_id IS DISTINCT FROM p_user THEN
        outcome := 'not_found';
        RETURN NEXT;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT NULL, i.id, i.parent, i.position, i.response, i.content, i.status, i.tokens,
        i.created_at, i.counter
    FROM loquat.items i
    WHERE i.tenant = p_tenant AND i.conversation = p_conversation AND i.active
        AND i.position >= p_from AND i.position < p_to
    ORDER BY i.position LIMIT p_most;
END $$;

-- What there is to do for a conversation: the first row says how it stands, each further one is a
-- run of positions that a segment covers.
CREATE FUNCTION loquat.backlog_v1(p_tenant text, p_user text, p_conversation uuid)
RETURNS TABLE (
    edits bigint, anchor bigint, covers_to bigint, summary text, summary_tokens bigint,
    summary_counter text, summary_model text, summary_created_at bigint,
    first_position bigint, last_position bigint
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT * INTO v_home FROM loquat.conversations
    WHERE tenant = p_tenant AND id = p_conversation;
    IF v_home.user_id IS DISTINCT FROM p_user THEN
        RETURN;
    END IF;
    edits := v_home.context_edits;
    anchor := v_home.anchor;
    SELECT s.covers_to, s.text, s.tokens, s.counter, s.model, s.created_at
    INTO covers_to, summary, summary_tokens, summary_counter, summary_model, summary_created_at
    FROM loquat.summaries s WHERE s.tenant = p_tenant AND s.conversation = p_conversation;
    RETURN NEXT;
    RETURN QUERY
    SELECT NULL::bigint, NULL::bigint, NULL::bigint, NULL::text, NULL::bigint, NULL::text,
        NULL::text, NULL::bigint, s.first_position, s.last_position
    FROM loquat.segments s
    WHERE s.tenant = p_tenant AND s.conversation = p_conversation
    ORDER BY s.first_position;
END $$;

-- Keeps a segment that was made since the last edit and overlaps no other.
CREATE FUNCTION loquat.put_segment_v1(
    p_tenant text, p_user text, p_conversation uuid, p_edits bigint, p_first bigint, p_last bigint,
    p_data bytea, OUT outcome text
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_home loquat.conversations;
    v_before bigint;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT * INTO v_home FROM loquat.conversations
    WHERE tenant = p_tenant AND id = p_conversation FOR NO KEY UPDATE;
    IF v_home.user_id IS DISTINCT FROM p_user THEN
        outcome := 'not_found';
        RETURN;
    END IF;
    -- Of those that begin where it ends or before, the last ends last.
    SELECT last_position INTO v_before FROM loquat.segments
    WHERE tenant = p_tenant AND conversation = p_conversation AND first_position <= p_last
    ORDER BY first_position DESC LIMIT 1;
    IF v_home.context_version IS NULL OR v_home.context_edits <> p_edits OR v_before >= p_first THEN
        outcome := 'conflict';
        RETURN;
    END IF;
    INSERT INTO loquat.segments (tenant, conversation, first_position, last_position, data)
    VALUES (p_tenant, p_conversation, p_first, p_last, p_data);
END $$;

-- Keeps a summary that was made since the last edit, in place of the one that there is.
CREATE FUNCTION loquat.put_summary_v1(
    p_tenant text, p_user text, p_conversation uuid, p_edits bigint, p_covers_to bigint,
    p_text text, p_tokens bigint, p_counter text, p_model text, p_created_at bigint,
    OUT outcome text
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_home loquat.conversations;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT * INTO v_home FROM loquat.conversations
    WHERE tenant = p_tenant AND id = p_conversation FOR NO KEY UPDATE;
    IF v_home.user_id IS DISTINCT FROM p_user THEN
        outcome := 'not_found';
        RETURN;
    END IF;
    IF v_home.context_version IS NULL OR v_home.context_edits <> p_edits THEN
        outcome := 'conflict';
        RETURN;
    END IF;
    INSERT INTO loquat.summaries (
        tenant, conversation, covers_to, text, tokens, counter, model, created_at
    ) VALUES (
        p_tenant, p_conversation, p_covers_to, p_text, p_tokens, p_counter, p_model, p_created_at
    ) ON CONFLICT (conversation, tenant) DO UPDATE
    SET covers_to = excluded.covers_to, text = excluded.text, tokens = excluded.tokens,
        counter = excluded.counter, model = excluded.model, created_at = excluded.created_at;
END $$;

-- Takes up to `p_most` jobs of all tenants that are due, those that were due first first, and holds
-- them for a time. What somebody is at is left to them.
CREATE FUNCTION loquat.claim_context_jobs_v1(p_most bigint, p_lease bigint)
RETURNS TABLE (
    tenant text, user_id text, conversation uuid, attempts bigint, ticket bigint
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := loquat.now_v1();
    v_due loquat.context_jobs[];
    v_job loquat.context_jobs;
BEGIN
    PERFORM set_config('loquat.tenant', '', true), set_config('loquat.upkeep', 'on', true);
    SELECT array_agg(due ORDER BY due_at, conversation) INTO v_due FROM (
        SELECT * FROM loquat.context_jobs
        WHERE due_at <= v_now ORDER BY due_at, conversation LIMIT p_most
    ) AS due;
    PERFORM set_config('loquat.upkeep', '', true);
    FOREACH v_job IN ARRAY coalesce(v_due, '{}') LOOP
        PERFORM set_config('loquat.tenant', v_job.tenant, true);
        PERFORM FROM loquat.context_jobs
        WHERE tenant = v_job.tenant AND conversation = v_job.conversation AND ticket = v_job.ticket
        FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        RETURN QUERY
        UPDATE loquat.context_jobs job
        SET due_at = loquat.now_v1() + p_lease,
            held = 1,
            ticket = greatest(job.ticket + 1, loquat.now_v1())
        WHERE job.tenant = v_job.tenant AND job.conversation = v_job.conversation
        RETURNING job.tenant, job.user_id, job.conversation, job.attempts, job.ticket;
    END LOOP;
    PERFORM set_config('loquat.tenant', '', true);
END $$;

-- Ends a claim, unless the ticket is another by now: the job is gone, or due again after `p_again`;
-- if it was queued anew meanwhile, it is due at once.
CREATE FUNCTION loquat.end_context_job_v1(
    p_tenant text, p_user text, p_conversation uuid, p_ticket bigint, p_again bigint,
    OUT outcome text
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    UPDATE loquat.context_jobs SET held = 0, ticket = ticket + 1, due_at = loquat.now_v1()
    WHERE tenant = p_tenant AND conversation = p_conversation AND user_id = p_user
        AND ticket = p_ticket AND held = 2;
    IF FOUND THEN
        RETURN;
    END IF;
    IF p_again IS NULL THEN
        DELETE FROM loquat.context_jobs
        WHERE tenant = p_tenant AND conversation = p_conversation AND user_id = p_user
            AND ticket = p_ticket;
    ELSE
        UPDATE loquat.context_jobs
        SET due_at = loquat.now_v1() + p_again, attempts = attempts + 1, held = 0
        WHERE tenant = p_tenant AND conversation = p_conversation AND user_id = p_user
            AND ticket = p_ticket;
    END IF;
END $$;
