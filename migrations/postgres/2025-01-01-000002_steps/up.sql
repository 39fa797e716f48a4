-- What the store does, a function each: one call is one statement, one round trip and one
-- transaction, which can be left dangling by nobody. Each first says whose rows it is about, and
-- the policies hold it to that.
--
-- A function's name ends in its version, because an old and a new binary share the database while
-- they take turns: a change of what one does, or of its arguments, is a new function, and the old
-- one goes a release later. They run with the rights of their caller and name everything in full.
--
-- A refusal is an outcome and no exception, and comes before the first write: `not_found`,
-- `cursor_not_found`, `locked`, `conflict`, `done`; NULL means done as asked. Only an id that is
-- taken is left to the unique indexes, whose violation undoes the whole call.
--
-- A row is looked up by its key and by nothing else; what else must hold of it is asked of what was
-- found. Plans are made once for all values, and another condition could lead to another index,
-- which is as good only as long as there are few rows; see the tables. Where one row leads to the
-- next, `OFFSET 0` keeps the planner from going the other way.
--
-- Locks are taken in one order: a conversation, a key, a turn, a response; items and branches are
-- written under their conversation's. Where a call would need another order, it passes over what
-- others hold. In what follows `p_` are parameters, `v_` variables, and a bare name is a column.

-- ## Parts of steps

-- Puts items after `p_after`, which stands at `p_position`, in order; returns the branch's end.
CREATE FUNCTION loquat.attach_v1(
    p_tenant text, p_conversation uuid, p_active boolean, p_after uuid, p_position bigint,
    p_ids uuid[], p_responses uuid[], p_kinds text[], p_roles text[], p_contents text[],
    p_statuses text[], p_tokens bigint[], p_created_ats bigint[]
) RETURNS uuid LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF cardinality(p_ids) = 0 THEN
        RETURN p_after;
    END IF;
    INSERT INTO loquat.items (
        tenant, id, conversation, parent, position, active, response, kind, role, content, status,
        tokens, created_at
    )
    SELECT p_tenant, new.id, p_conversation, coalesce(p_ids[new.n - 1], p_after),
        coalesce(p_position, -1) + new.n, p_active, new.response, new.kind, new.role, new.content,
        new.status, new.tokens, new.created_at
    FROM unnest(
        p_ids, p_responses, p_kinds, p_roles, p_contents, p_statuses, p_tokens, p_created_ats
    ) WITH ORDINALITY
        AS new (id, response, kind, role, content, status, tokens, created_at, n);
    RETURN p_ids[cardinality(p_ids)];
END $$;

-- Makes the branch that ends at `p_end` the active one: takes the marks from what is beyond the
-- fork and gives them to what leads from there to the end.
CREATE FUNCTION loquat.activate_v1(p_tenant text, p_conversation uuid, p_end uuid)
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
END $$;

-- Notes whether an item is the end of a branch other than the active one, after a change to what
-- follows it or to the active end.
CREATE FUNCTION loquat.settle_v1(p_tenant text, p_conversation uuid, p_item uuid)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF p_item IS NULL THEN
        RETURN;
    END IF;
    IF EXISTS (
        SELECT FROM loquat.items
        WHERE tenant = p_tenant AND conversation = p_conversation AND parent = p_item
    ) OR EXISTS (
        SELECT FROM loquat.conversations
        WHERE tenant = p_tenant AND id = p_conversation AND leaf = p_item
    ) THEN
        DELETE FROM loquat.branches
        WHERE tenant = p_tenant AND conversation = p_conversation AND leaf = p_item;
    ELSE
        INSERT INTO loquat.branches (tenant, conversation, leaf)
        VALUES (p_tenant, p_conversation, p_item) ON CONFLICT DO NOTHING;
    END IF;
END $$;

-- For each of these items, how many there are from the root to it. What their branches share is
-- walked once, and so is the active branch, by its index and in steps from fork to fork.
CREATE FUNCTION loquat.branch_sizes_v1(p_tenant text, p_conversation uuid, p_leaves uuid[])
RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    -- Of each item on the way, from the root on: its place in `p_leaves`, if it has one; where its
    -- parent is in this list, if it is on the way; its position, and whether it is a fork.
    v_places bigint[];
    v_parents bigint[];
    v_positions bigint[];
    v_forks boolean[];
    v_sizes bigint[];
    v_size bigint;
    v_active bigint := 0;
    v_counted bigint := -1;
    v_result bigint[];
BEGIN
    WITH RECURSIVE way AS (
        SELECT i.id, i.parent, i.position, i.active
        FROM unnest(p_leaves) AS leaf CROSS JOIN LATERAL (
            SELECT * FROM loquat.items WHERE tenant = p_tenant AND id = leaf OFFSET 0
        ) AS i
        UNION
        SELECT i.id, i.parent, i.position, i.active
        FROM way CROSS JOIN LATERAL (
            SELECT * FROM loquat.items WHERE tenant = p_tenant AND id = way.parent OFFSET 0
        ) AS i
        WHERE NOT way.active
    ), numbered AS (
        SELECT *, row_number() OVER (ORDER BY position) AS n FROM way
    )
    SELECT array_agg(leaf.place ORDER BY i.n), array_agg(parent.n ORDER BY i.n),
        array_agg(i.position ORDER BY i.n), array_agg(i.active ORDER BY i.n)
    INTO v_places, v_parents, v_positions, v_forks
    FROM numbered i LEFT JOIN numbered parent ON parent.id = i.parent
        LEFT JOIN unnest(p_leaves) WITH ORDINALITY AS leaf (id, place) ON leaf.id = i.id;
    FOR v_n IN 1 .. coalesce(cardinality(v_places), 0) LOOP
        IF v_forks[v_n] THEN
            v_active := v_active + (
                SELECT count(*) FROM loquat.items
                WHERE tenant = p_tenant AND conversation = p_conversation AND active
                    AND position > v_counted AND position <= v_positions[v_n]
            );
            v_counted := v_positions[v_n];
            v_size := v_active;
        ELSE
            v_size := coalesce(v_sizes[v_parents[v_n]], 0) + 1;
        END IF;
        v_sizes[v_n] := v_size;
        IF v_places[v_n] IS NOT NULL THEN
            v_result[v_places[v_n]] := v_size;
        END IF;
    END LOOP;
    RETURN v_result;
END $$;

-- Keeps a run of events. One that comes again with more, because its writer was told that it had
-- failed, takes the place of the shorter one.
CREATE FUNCTION loquat.keep_run_v1(
    p_tenant text, p_response uuid, p_first bigint, p_last bigint, p_events text
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO loquat.response_events AS kept (
        tenant, response, first_sequence, last_sequence, events
    ) VALUES (p_tenant, p_response, p_first, p_last, p_events)
    ON CONFLICT (response, tenant, first_sequence) DO UPDATE
    SET last_sequence = excluded.last_sequence, events = excluded.events
    WHERE kept.last_sequence < excluded.last_sequence;
END $$;

-- Whether a turn holds its conversation's lock.
CREATE FUNCTION loquat.holds_v1(p_tenant text, p_turn uuid)
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_lease_until bigint;
BEGIN
    IF p_turn IS NOT NULL THEN
        SELECT lease_until INTO v_lease_until
        FROM loquat.turns WHERE tenant = p_tenant AND response = p_turn;
    END IF;
    RETURN coalesce(v_lease_until > loquat.now_v1(), false);
END $$;

-- Takes a response away with what nobody can reach without it: an implicit conversation goes with
-- its last response, until then the items at the end of the response's branch do, up to the first
-- that another item follows or another response ends at. False when it was gone.
CREATE FUNCTION loquat.remove_response_v1(p_tenant text, p_id uuid)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_conversation uuid;
    v_listed boolean;
    v_is_last boolean;
    v_end uuid;
    v_parent uuid;
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
            RETURNING parent INTO v_parent;
            v_end := v_parent;
        END LOOP;
    END IF;
    RETURN true;
END $$;

-- Whether a key is to be remembered: until its time is over, and the turn that it began, if it did.
CREATE FUNCTION loquat.is_remembered_v1(p_key loquat.idempotency_keys)
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN p_key.keep_until > loquat.now_v1() OR EXISTS (
        SELECT FROM loquat.turns
        WHERE tenant = p_key.tenant AND response = p_key.response AND running
    );
END $$;

-- Forgets a key that need not be remembered, with its hidden response. False when there is none.
CREATE FUNCTION loquat.forget_key_v1(p_tenant text, p_user text, p_route text, p_key text)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_key loquat.idempotency_keys;
    v_now loquat.idempotency_keys;
    v_hidden uuid;
BEGIN
    SELECT * INTO v_key FROM loquat.idempotency_keys
    WHERE tenant = p_tenant AND user_id = p_user AND route = p_route AND key = p_key;
    SELECT conversation INTO v_hidden FROM loquat.responses
    WHERE tenant = p_tenant AND id = v_key.response AND hidden;
    -- The conversation before the key, which may be another by the time that it is locked.
    PERFORM FROM loquat.conversations WHERE tenant = p_tenant AND id = v_hidden FOR UPDATE;
    SELECT * INTO v_now FROM loquat.idempotency_keys
    WHERE tenant = p_tenant AND user_id = p_user AND route = p_route AND key = p_key FOR UPDATE;
    IF NOT FOUND OR v_now.response IS DISTINCT FROM v_key.response
        OR loquat.is_remembered_v1(v_now)
    THEN
        RETURN false;
    END IF;
    DELETE FROM loquat.idempotency_keys
    WHERE tenant = p_tenant AND user_id = p_user AND route = p_route AND key = p_key;
    IF v_hidden IS NOT NULL THEN
        PERFORM loquat.remove_response_v1(p_tenant, v_key.response);
    END IF;
    RETURN true;
END $$;

-- What was done with a key, while it is remembered; all NULL when nothing was, or without a key.
CREATE FUNCTION loquat.done_before_v1(p_tenant text, p_user text, p_route text, p_key text)
RETURNS loquat.idempotency_keys LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_earlier loquat.idempotency_keys;
BEGIN
    IF p_key IS NOT NULL THEN
        SELECT * INTO v_earlier FROM loquat.idempotency_keys
        WHERE tenant = p_tenant AND user_id = p_user AND route = p_route AND key = p_key;
        IF FOUND AND NOT loquat.is_remembered_v1(v_earlier) THEN
            v_earlier := NULL;
        END IF;
    END IF;
    RETURN v_earlier;
END $$;

-- Remembers a key, or returns what somebody has done with it meanwhile. While another transaction
-- is at the same key, the insertion waits for its end.
CREATE FUNCTION loquat.remember_v1(
    p_tenant text, p_user text, p_route text, p_key text, p_fingerprint bytea, p_keep bigint,
    p_response uuid, p_conversation uuid, p_items uuid[]
) RETURNS loquat.idempotency_keys LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_earlier loquat.idempotency_keys;
BEGIN
    WHILE p_key IS NOT NULL LOOP
        INSERT INTO loquat.idempotency_keys (
            tenant, user_id, route, key, fingerprint, response, conversation, items, keep_until
        ) VALUES (
            p_tenant, p_user, p_route, p_key, p_fingerprint, p_response, p_conversation, p_items,
            loquat.now_v1() + p_keep
        ) ON CONFLICT DO NOTHING;
        EXIT WHEN FOUND;
        v_earlier := loquat.done_before_v1(p_tenant, p_user, p_route, p_key);
        EXIT WHEN v_earlier.key IS NOT NULL;
        PERFORM loquat.forget_key_v1(p_tenant, p_user, p_route, p_key);
    END LOOP;
    RETURN v_earlier;
END $$;

-- ## Turns

-- The newest part of a branch, until its tokens add up to the budget: no row when there is no such
-- start, one without an item when the branch is empty. The branch ends at the last item of
-- `p_response`; or in `p_conversation`, at the active leaf or at `p_item`.
CREATE FUNCTION loquat.history_v1(
    p_tenant text, p_user text, p_response uuid, p_conversation uuid, p_at_leaf boolean,
    p_item uuid, p_budget bigint
) RETURNS TABLE (
    conversation uuid, listed boolean, leaf uuid, running boolean,
    id uuid, parent uuid, "position" bigint, response uuid, content text, status text,
    tokens bigint, created_at bigint
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
    v_turn loquat.responses;
    v_lease_until bigint;
    v_leaf uuid;
    v_running boolean;
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
    IF v_leaf IS NULL THEN
        conversation := v_home.id;
        listed := v_home.listed;
        running := v_running;
        RETURN NEXT;
        RETURN;
    END IF;
    RETURN QUERY
    WITH RECURSIVE branch AS (
        SELECT i.id, i.parent, i.position, i.response, i.content, i.status, i.tokens, i.created_at,
            i.tokens AS total
        FROM loquat.items i WHERE i.tenant = p_tenant AND i.id = v_leaf
        UNION ALL
        SELECT i.id, i.parent, i.position, i.response, i.content, i.status, i.tokens, i.created_at,
            b.total + i.tokens
        FROM branch b CROSS JOIN LATERAL (
            SELECT * FROM loquat.items WHERE tenant = p_tenant AND id = b.parent OFFSET 0
        ) AS i
        WHERE b.total < p_budget
    )
    SELECT v_home.id, v_home.listed, v_leaf, v_running, b.id, b.parent, b.position, b.response,
        b.content, b.status, b.tokens, b.created_at
    FROM branch b;
END $$;

-- The start of a turn: in a new conversation, or in an existing one after `p_after`, which must
-- still be the active leaf when `p_at_leaf`.
CREATE FUNCTION loquat.begin_turn_v1(
    p_tenant text, p_user text,
    p_id uuid, p_names_conversation boolean, p_hidden boolean, p_background boolean,
    p_previous uuid, p_model text, p_settings text, p_metadata text, p_receipt text, p_status text,
    p_created_at bigint, p_lease bigint,
    p_conversation uuid, p_new boolean, p_new_listed boolean, p_new_title text,
    p_new_metadata text, p_new_archived boolean, p_new_created_at bigint, p_new_updated_at bigint,
    p_at_leaf boolean, p_after uuid,
    p_ids uuid[], p_responses uuid[], p_kinds text[], p_roles text[], p_contents text[],
    p_statuses text[], p_tokens bigint[], p_created_ats bigint[],
    p_route text, p_key text, p_fingerprint bytea, p_keep bigint,
    OUT outcome text, OUT fingerprint bytea, OUT made_response uuid, OUT made_conversation uuid,
    OUT made_items uuid[]
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
    v_listed boolean := p_new_listed;
    v_after loquat.items;
    v_leaf uuid;
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
    END IF;
    v_leaf := loquat.attach_v1(
        p_tenant, p_conversation, v_listed, p_after, v_after.position, p_ids, p_responses, p_kinds,
        p_roles, p_contents, p_statuses, p_tokens, p_created_ats
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
END $$;

-- What a request with this key has done before: no row when nothing.
CREATE FUNCTION loquat.earlier_v1(p_tenant text, p_user text, p_route text, p_key text)
RETURNS TABLE (
    fingerprint bytea, made_response uuid, made_conversation uuid, made_items uuid[]
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_earlier loquat.idempotency_keys;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    v_earlier := loquat.done_before_v1(p_tenant, p_user, p_route, p_key);
    IF v_earlier.key IS NOT NULL THEN
        fingerprint := v_earlier.fingerprint;
        made_response := v_earlier.response;
        made_conversation := v_earlier.conversation;
        made_items := v_earlier.items;
        RETURN NEXT;
    END IF;
END $$;

-- Signs of life, an element of each array a sign, in the order of tenants and responses, so that
-- two calls take their locks in one order. Returns those, counted from 1, that are `stopped`,
-- because the turn's owner asked for that, or `gone`, or `held`: others are at the turn's row, and
-- nothing was done. Given `p_patience`, these are waited for, and a longer wait is an error.
CREATE FUNCTION loquat.checkpoint_v1(
    p_tenants text[], p_users text[], p_responses uuid[], p_at_work boolean[], p_firsts bigint[],
    p_lasts bigint[], p_events text[], p_lease bigint, p_patience bigint
) RETURNS TABLE (sign bigint, fate text) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_until bigint := loquat.now_v1() + p_lease;
    v_give_up bigint := loquat.now_v1() + p_patience;
    v_tenant text;
    v_response uuid;
    v_queued boolean;
    v_stopped boolean;
BEGIN
    FOR v_n IN 1 .. cardinality(p_responses) LOOP
        IF v_tenant IS DISTINCT FROM p_tenants[v_n] THEN
            v_tenant := p_tenants[v_n];
            PERFORM set_config('loquat.tenant', v_tenant, true);
        END IF;
        v_response := p_responses[v_n];
        sign := v_n;
        IF p_patience IS NULL THEN
            UPDATE loquat.turns SET lease_until = v_until
            WHERE tenant = v_tenant AND user_id = p_users[v_n] AND response = (
                SELECT response FROM loquat.turns
                WHERE tenant = v_tenant AND response = v_response AND running
                FOR NO KEY UPDATE SKIP LOCKED
            ) RETURNING queued, stop_requested INTO v_queued, v_stopped;
        ELSE
            -- Zero would be no limit.
            PERFORM set_config(
                'lock_timeout', greatest((v_give_up - loquat.now_v1()) / 1000, 1)::text, true
            );
            UPDATE loquat.turns SET lease_until = v_until
            WHERE tenant = v_tenant AND user_id = p_users[v_n] AND response = v_response AND running
            RETURNING queued, stop_requested INTO v_queued, v_stopped;
        END IF;
        IF NOT FOUND THEN
            fate := CASE WHEN p_patience IS NULL AND EXISTS (
                SELECT FROM loquat.turns
                WHERE tenant = v_tenant AND user_id = p_users[v_n] AND response = v_response
                    AND running
            ) THEN 'held' ELSE 'gone' END;
            RETURN NEXT;
            CONTINUE;
        END IF;
        IF v_stopped THEN
            fate := 'stopped';
            RETURN NEXT;
        END IF;
        IF v_queued AND p_at_work[v_n] THEN
            UPDATE loquat.turns SET queued = false
            WHERE tenant = v_tenant AND response = v_response;
            UPDATE loquat.responses SET status = 'in_progress'
            WHERE tenant = v_tenant AND id = v_response;
        END IF;
        IF p_firsts[v_n] IS NOT NULL THEN
            PERFORM loquat.keep_run_v1(
                v_tenant, v_response, p_firsts[v_n], p_lasts[v_n], p_events[v_n]
            );
        END IF;
    END LOOP;
END $$;

-- The end of a turn; if somebody else wants it because the turn is stale, only while it is.
CREATE FUNCTION loquat.finish_turn_v1(
    p_tenant text, p_user text, p_id uuid, p_status text, p_status_details text, p_usage text,
    p_completed_at bigint, p_last_sequence bigint,
    p_ids uuid[], p_responses uuid[], p_kinds text[], p_roles text[], p_contents text[],
    p_statuses text[], p_tokens bigint[], p_created_ats bigint[],
    p_firsts bigint[], p_lasts bigint[], p_events text[], p_keep_log bigint,
    p_only_if_stale boolean,
    OUT outcome text
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_conversation uuid;
    v_listed boolean;
    v_active_leaf uuid;
    v_after uuid;
    v_position bigint;
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

    SELECT r.leaf, i.position INTO v_after, v_position FROM loquat.responses r
    LEFT JOIN LATERAL (
        SELECT * FROM loquat.items WHERE tenant = p_tenant AND id = r.leaf OFFSET 0
    ) AS i ON true
    WHERE r.tenant = p_tenant AND r.id = p_id;
    v_active := v_listed AND v_active_leaf IS NOT DISTINCT FROM v_after;
    v_leaf := loquat.attach_v1(
        p_tenant, v_conversation, v_active, v_after, v_position, p_ids, p_responses, p_kinds,
        p_roles, p_contents, p_statuses, p_tokens, p_created_ats
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
            updated_at = greatest(updated_at, p_completed_at)
        WHERE tenant = p_tenant AND id = v_conversation;
        IF NOT v_active THEN
            PERFORM loquat.settle_v1(p_tenant, v_conversation, v_after);
            PERFORM loquat.settle_v1(p_tenant, v_conversation, v_leaf);
        END IF;
    END IF;
END $$;

-- A response and its output: the first row is the response, each further one an item, newest first.
CREATE FUNCTION loquat.response_v1(p_tenant text, p_user text, p_id uuid)
RETURNS TABLE (
    response_id uuid, conversation uuid, names_conversation boolean, hidden boolean,
    background boolean, previous uuid, model text, settings text, metadata text, receipt text,
    response_status text, status_details text, usage text, response_created_at bigint,
    completed_at bigint,
    id uuid, parent uuid, "position" bigint, response uuid, content text, status text,
    tokens bigint, created_at bigint
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
        SELECT i.id, i.parent, i.position, i.response, i.content, i.status, i.tokens, i.created_at
        FROM loquat.items i
        WHERE i.tenant = p_tenant AND i.id = v_leaf AND i.position >= v_output_from
        UNION ALL
        SELECT i.id, i.parent, i.position, i.response, i.content, i.status, i.tokens, i.created_at
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

-- A part of a turn's events: the first row says how the turn stands, each further one is a run,
-- which begins where the one before ended.
CREATE FUNCTION loquat.events_v1(
    p_tenant text, p_user text, p_id uuid, p_from bigint, p_most bigint
) RETURNS TABLE (
    ended boolean, kept boolean, turn_last_sequence bigint,
    first_sequence bigint, last_sequence bigint, events text
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_next bigint := p_from;
    v_now bigint := loquat.now_v1();
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT t.lease_until IS NULL, coalesce(t.log_until > v_now, t.lease_until IS NOT NULL),
        r.last_sequence
    INTO ended, kept, turn_last_sequence
    FROM loquat.responses r
    LEFT JOIN loquat.turns t ON t.tenant = p_tenant AND t.response = r.id
    WHERE r.tenant = p_tenant AND r.id = p_id AND r.user_id = p_user;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN NEXT;
    FOR v_count IN 1 .. CASE WHEN kept THEN p_most ELSE 0 END LOOP
        SELECT NULL, e.first_sequence, e.last_sequence, e.events
        INTO ended, first_sequence, last_sequence, events
        FROM loquat.response_events e
        WHERE e.tenant = p_tenant AND e.response = p_id AND e.first_sequence = v_next;
        EXIT WHEN NOT FOUND;
        RETURN NEXT;
        v_next := last_sequence + 1;
    END LOOP;
END $$;

-- Asks for a turn's end, and tells whether it runs.
CREATE FUNCTION loquat.request_stop_v1(
    p_tenant text, p_user text, p_id uuid, OUT outcome text, OUT running boolean
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    IF NOT EXISTS (
        SELECT FROM loquat.responses
        WHERE tenant = p_tenant AND id = p_id AND user_id = p_user AND NOT hidden
    ) THEN
        outcome := 'not_found';
        RETURN;
    END IF;
    UPDATE loquat.turns t SET stop_requested = true
    WHERE t.tenant = p_tenant AND t.response = p_id AND t.running;
    running := FOUND;
END $$;

CREATE FUNCTION loquat.delete_response_v1(
    p_tenant text, p_user text, p_id uuid, OUT outcome text
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    IF NOT EXISTS (
        SELECT FROM loquat.responses
        WHERE tenant = p_tenant AND id = p_id AND user_id = p_user AND NOT hidden
    ) OR NOT loquat.remove_response_v1(p_tenant, p_id) THEN
        outcome := 'not_found';
    END IF;
END $$;

-- ## Conversations

CREATE FUNCTION loquat.create_conversation_v1(
    p_tenant text, p_user text, p_id uuid, p_title text, p_metadata text, p_archived boolean,
    p_created_at bigint, p_updated_at bigint,
    p_ids uuid[], p_responses uuid[], p_kinds text[], p_roles text[], p_contents text[],
    p_statuses text[], p_tokens bigint[], p_created_ats bigint[],
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
    PERFORM loquat.attach_v1(
        p_tenant, p_id, true, NULL, NULL, p_ids, p_responses, p_kinds, p_roles, p_contents,
        p_statuses, p_tokens, p_created_ats
    );
END $$;

CREATE FUNCTION loquat.conversation_v1(p_tenant text, p_user text, p_id uuid)
RETURNS TABLE (
    id uuid, title text, metadata text, archived boolean, created_at bigint, updated_at bigint
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT * INTO v_home FROM loquat.conversations WHERE tenant = p_tenant AND id = p_id;
    IF v_home.user_id = p_user AND v_home.listed THEN
        RETURN QUERY SELECT v_home.id, v_home.title, v_home.metadata, v_home.archived,
            v_home.created_at, v_home.updated_at;
    END IF;
END $$;

-- Up to `p_most` conversations after `p_after`. The index has archived ones and others apart, so
-- that one kind hides the other at no cost; `p_kinds` says which to merge.
CREATE FUNCTION loquat.conversations_v1(
    p_tenant text, p_user text, p_kinds boolean[], p_after uuid, p_ascending boolean, p_most bigint
) RETURNS TABLE (
    outcome text, id uuid, title text, metadata text, archived boolean, created_at bigint,
    updated_at bigint
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_cursor loquat.conversations;
    v_id uuid := p_after;
    v_created_at bigint;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    IF p_after IS NOT NULL THEN
        SELECT * INTO v_cursor FROM loquat.conversations WHERE tenant = p_tenant AND id = p_after;
        IF v_cursor.user_id IS DISTINCT FROM p_user OR NOT v_cursor.listed THEN
            outcome := 'cursor_not_found';
            RETURN NEXT;
            RETURN;
        END IF;
        v_created_at := v_cursor.created_at;
    ELSIF p_ascending THEN
        v_id := '00000000-0000-0000-0000-000000000000';
        v_created_at := -9223372036854775808;
    ELSE
        v_id := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
        v_created_at := 9223372036854775807;
    END IF;
    IF p_ascending THEN
        RETURN QUERY
        SELECT NULL, page.* FROM unnest(p_kinds) AS kind (archived) CROSS JOIN LATERAL (
            SELECT c.id, c.title, c.metadata, c.archived, c.created_at, c.updated_at
            FROM loquat.conversations c
            WHERE c.tenant = p_tenant AND c.user_id = p_user AND c.archived = kind.archived
                AND c.listed AND (c.created_at, c.id) > (v_created_at, v_id)
            ORDER BY c.created_at, c.id LIMIT p_most
        ) AS page
        ORDER BY page.created_at, page.id LIMIT p_most;
    ELSE
        RETURN QUERY
        SELECT NULL, page.* FROM unnest(p_kinds) AS kind (archived) CROSS JOIN LATERAL (
            SELECT c.id, c.title, c.metadata, c.archived, c.created_at, c.updated_at
            FROM loquat.conversations c
            WHERE c.tenant = p_tenant AND c.user_id = p_user AND c.archived = kind.archived
                AND c.listed AND (c.created_at, c.id) < (v_created_at, v_id)
            ORDER BY c.created_at DESC, c.id DESC LIMIT p_most
        ) AS page
        ORDER BY page.created_at DESC, page.id DESC LIMIT p_most;
    END IF;
END $$;

-- Changes a conversation's own fields; NULL leaves one as it is, and `p_sets_title` tells a title
-- that is taken away from one that stays.
CREATE FUNCTION loquat.update_conversation_v1(
    p_tenant text, p_user text, p_id uuid, p_sets_title boolean, p_title text, p_metadata text,
    p_archived boolean, p_now bigint
) RETURNS TABLE (
    id uuid, title text, metadata text, archived boolean, created_at bigint, updated_at bigint
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT * INTO v_home FROM loquat.conversations
    WHERE tenant = p_tenant AND id = p_id FOR NO KEY UPDATE;
    IF v_home.user_id = p_user AND v_home.listed THEN
        RETURN QUERY
        UPDATE loquat.conversations c
        SET title = CASE WHEN p_sets_title THEN p_title ELSE c.title END,
            metadata = coalesce(p_metadata, c.metadata),
            archived = coalesce(p_archived, c.archived), updated_at = p_now
        WHERE c.tenant = p_tenant AND c.id = p_id
        RETURNING c.id, c.title, c.metadata, c.archived, c.created_at, c.updated_at;
    END IF;
END $$;

CREATE FUNCTION loquat.delete_conversation_v1(
    p_tenant text, p_user text, p_id uuid, OUT outcome text
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_home loquat.conversations;
    v_responses uuid[];
    v_running uuid[];
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT * INTO v_home FROM loquat.conversations
    WHERE tenant = p_tenant AND id = p_id FOR UPDATE;
    IF v_home.user_id IS DISTINCT FROM p_user OR NOT v_home.listed THEN
        outcome := 'not_found';
        RETURN;
    END IF;
    SELECT array_agg(id ORDER BY id) INTO v_responses
    FROM loquat.responses WHERE tenant = p_tenant AND conversation = p_id;
    SELECT coalesce(array_agg(response), '{}') INTO v_running
    FROM loquat.turns WHERE tenant = p_tenant AND response = ANY (v_responses) AND running;
    -- What may take long comes before the turn that runs, whose signs of life others write
    -- meanwhile.
    DELETE FROM loquat.items WHERE tenant = p_tenant AND conversation = p_id;
    DELETE FROM loquat.turns
    WHERE tenant = p_tenant AND response = ANY (v_responses) AND NOT running;
    DELETE FROM loquat.responses
    WHERE tenant = p_tenant AND id = ANY (v_responses) AND id <> ALL (v_running);
    DELETE FROM loquat.turns WHERE tenant = p_tenant AND response = ANY (v_running);
    DELETE FROM loquat.conversations WHERE tenant = p_tenant AND id = p_id;
END $$;

-- ## Items

-- Up to `p_most` items of the active branch after `p_after`.
CREATE FUNCTION loquat.items_v1(
    p_tenant text, p_user text, p_conversation uuid, p_after uuid, p_ascending boolean,
    p_most bigint
) RETURNS TABLE (
    outcome text, id uuid, parent uuid, "position" bigint, response uuid, content text,
    status text, tokens bigint, created_at bigint
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
            i.created_at
        FROM loquat.items i
        WHERE i.tenant = p_tenant AND i.conversation = p_conversation AND i.active
            AND i.position > v_position
        ORDER BY i.position LIMIT p_most;
    ELSE
        RETURN QUERY
        SELECT NULL, i.id, i.parent, i.position, i.response, i.content, i.status, i.tokens,
            i.created_at
        FROM loquat.items i
        WHERE i.tenant = p_tenant AND i.conversation = p_conversation AND i.active
            AND i.position < v_position
        ORDER BY i.position DESC LIMIT p_most;
    END IF;
END $$;

-- An item, on whichever branch it is.
CREATE FUNCTION loquat.item_v1(p_tenant text, p_user text, p_conversation uuid, p_id uuid)
RETURNS TABLE (
    id uuid, parent uuid, "position" bigint, response uuid, content text, status text,
    tokens bigint, created_at bigint
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
            v_item.content, v_item.status, v_item.tokens, v_item.created_at;
    END IF;
END $$;

-- Appends items to the end of the active branch.
CREATE FUNCTION loquat.append_items_v1(
    p_tenant text, p_user text, p_conversation uuid, p_now bigint,
    p_ids uuid[], p_responses uuid[], p_kinds text[], p_roles text[], p_contents text[],
    p_statuses text[], p_tokens bigint[], p_created_ats bigint[],
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
    v_leaf := loquat.attach_v1(
        p_tenant, p_conversation, true, v_home.leaf, v_position, p_ids, p_responses, p_kinds, p_roles,
        p_contents, p_statuses, p_tokens, p_created_ats
    );
    UPDATE loquat.conversations SET leaf = v_leaf, updated_at = p_now
    WHERE tenant = p_tenant AND id = p_conversation;
END $$;

-- Takes an item out; what pointed at it points at what it followed.
CREATE FUNCTION loquat.delete_item_v1(
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
END $$;

-- ## Branches

-- Up to `p_most` branches by the ids of their leaves, after `p_after`, which may be any item of the
-- conversation: it was a leaf when somebody was told of it.
CREATE FUNCTION loquat.branches_v1(
    p_tenant text, p_user text, p_conversation uuid, p_after uuid, p_ascending boolean,
    p_most bigint
) RETURNS TABLE (
    outcome text, leaf uuid, kind text, size bigint, active boolean, created_at bigint
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
    v_after uuid := p_after;
    v_leaves uuid[];
    v_sizes bigint[];
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    SELECT * INTO v_home FROM loquat.conversations c
    WHERE c.tenant = p_tenant AND c.id = p_conversation;
    IF v_home.user_id IS DISTINCT FROM p_user OR NOT v_home.listed THEN
        outcome := 'not_found';
        RETURN NEXT;
        RETURN;
    END IF;
    IF p_after IS NULL THEN
        v_after := CASE WHEN p_ascending THEN '00000000-0000-0000-0000-000000000000'
            ELSE 'ffffffff-ffff-ffff-ffff-ffffffffffff' END;
    ELSIF p_conversation IS DISTINCT FROM (
        SELECT i.conversation FROM loquat.items i WHERE i.tenant = p_tenant AND i.id = p_after
    ) THEN
        outcome := 'cursor_not_found';
        RETURN NEXT;
        RETURN;
    END IF;
    IF p_ascending THEN
        SELECT array_agg(page.leaf ORDER BY page.leaf) INTO v_leaves FROM (
            SELECT ends.leaf FROM (
                (
                    SELECT b.leaf FROM loquat.branches b
                    WHERE b.tenant = p_tenant AND b.conversation = p_conversation
                        AND b.leaf > v_after
                    ORDER BY b.leaf LIMIT p_most
                )
                UNION ALL SELECT v_home.leaf WHERE v_home.leaf > v_after
            ) AS ends (leaf)
            ORDER BY ends.leaf LIMIT p_most
        ) AS page;
    ELSE
        SELECT array_agg(page.leaf ORDER BY page.leaf DESC) INTO v_leaves FROM (
            SELECT ends.leaf FROM (
                (
                    SELECT b.leaf FROM loquat.branches b
                    WHERE b.tenant = p_tenant AND b.conversation = p_conversation
                        AND b.leaf < v_after
                    ORDER BY b.leaf DESC LIMIT p_most
                )
                UNION ALL SELECT v_home.leaf WHERE v_home.leaf < v_after
            ) AS ends (leaf)
            ORDER BY ends.leaf DESC LIMIT p_most
        ) AS page;
    END IF;
    v_sizes := loquat.branch_sizes_v1(p_tenant, p_conversation, v_leaves);
    RETURN QUERY
    SELECT NULL, page.leaf, i.kind, page.size, page.leaf IS NOT DISTINCT FROM v_home.leaf,
        i.created_at
    FROM unnest(v_leaves, v_sizes) WITH ORDINALITY AS page (leaf, size, place)
    CROSS JOIN LATERAL (
        SELECT * FROM loquat.items WHERE tenant = p_tenant AND id = page.leaf OFFSET 0
    ) AS i
    ORDER BY page.place;
END $$;

-- Makes a branch the active one.
CREATE FUNCTION loquat.activate_branch_v1(
    p_tenant text, p_user text, p_conversation uuid, p_leaf uuid, p_now bigint,
    OUT outcome text, OUT leaf uuid, OUT kind text, OUT size bigint, OUT active boolean,
    OUT created_at bigint
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_home loquat.conversations;
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
    IF v_home.leaf IS DISTINCT FROM p_leaf AND NOT EXISTS (
        SELECT FROM loquat.branches b
        WHERE b.tenant = p_tenant AND b.conversation = p_conversation AND b.leaf = p_leaf
    ) THEN
        outcome := 'not_found';
        RETURN;
    END IF;
    IF v_home.leaf IS DISTINCT FROM p_leaf THEN
        PERFORM loquat.activate_v1(p_tenant, p_conversation, p_leaf);
        UPDATE loquat.conversations c SET leaf = p_leaf, updated_at = p_now
        WHERE c.tenant = p_tenant AND c.id = p_conversation;
        PERFORM loquat.settle_v1(p_tenant, p_conversation, v_home.leaf);
        PERFORM loquat.settle_v1(p_tenant, p_conversation, p_leaf);
    END IF;
    SELECT i.id, i.kind, (loquat.branch_sizes_v1(p_tenant, p_conversation, ARRAY[i.id]))[1], true,
        i.created_at
    INTO leaf, kind, size, active, created_at
    FROM loquat.items i WHERE i.tenant = p_tenant AND i.id = p_leaf;
END $$;

-- ## Upkeep

-- Up to `p_most` turns of all tenants whose lease has run out, oldest first.
CREATE FUNCTION loquat.stale_turns_v1(p_most bigint)
RETURNS TABLE (tenant text, user_id text, response uuid) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := loquat.now_v1();
BEGIN
    PERFORM set_config('loquat.tenant', '', true), set_config('loquat.upkeep', 'on', true);
    RETURN QUERY
    SELECT t.tenant, t.user_id, t.response FROM loquat.turns t
    WHERE t.lease_until <= v_now ORDER BY t.lease_until, t.response LIMIT p_most;
    PERFORM set_config('loquat.upkeep', '', true);
END $$;

-- Forgets up to `p_most` keys and as many logs that have run out, of all tenants; returns how many.
-- It holds many locks, in no order that others could keep to, and so waits for nobody who may be
-- waiting for it: what somebody is at is left for another time.
CREATE FUNCTION loquat.forget_expired_v1(p_most bigint, OUT forgotten bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := loquat.now_v1();
    v_logs loquat.turns[];
    v_keys loquat.idempotency_keys[];
    v_log loquat.turns;
    v_key loquat.idempotency_keys;
    v_hidden uuid;
BEGIN
    PERFORM set_config('loquat.tenant', '', true), set_config('loquat.upkeep', 'on', true);
    SELECT array_agg(expired ORDER BY tenant, response) INTO v_logs FROM (
        SELECT * FROM loquat.turns
        WHERE log_until <= v_now ORDER BY log_until, response LIMIT p_most
    ) AS expired;
    SELECT array_agg(expired ORDER BY tenant, user_id, route, key) INTO v_keys FROM (
        SELECT * FROM loquat.idempotency_keys
        WHERE keep_until <= v_now ORDER BY keep_until LIMIT p_most
    ) AS expired;
    PERFORM set_config('loquat.upkeep', '', true);
    forgotten := 0;
    FOREACH v_key IN ARRAY coalesce(v_keys, '{}') LOOP
        PERFORM set_config('loquat.tenant', v_key.tenant, true);
        SELECT conversation INTO v_hidden FROM loquat.responses
        WHERE tenant = v_key.tenant AND id = v_key.response AND hidden;
        IF FOUND THEN
            PERFORM FROM loquat.conversations
            WHERE tenant = v_key.tenant AND id = v_hidden FOR UPDATE SKIP LOCKED;
            CONTINUE WHEN NOT FOUND;
        END IF;
        PERFORM FROM loquat.idempotency_keys
        WHERE tenant = v_key.tenant AND user_id = v_key.user_id AND route = v_key.route
            AND key = v_key.key FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        forgotten := forgotten + loquat.forget_key_v1(
            v_key.tenant, v_key.user_id, v_key.route, v_key.key
        )::integer;
    END LOOP;
    -- Last, since who forgets a key goes on to its turn.
    FOREACH v_log IN ARRAY coalesce(v_logs, '{}') LOOP
        PERFORM set_config('loquat.tenant', v_log.tenant, true);
        PERFORM FROM loquat.turns
        WHERE tenant = v_log.tenant AND response = v_log.response FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        DELETE FROM loquat.response_events
        WHERE tenant = v_log.tenant AND response = v_log.response;
        forgotten := forgotten + FOUND::integer;
        DELETE FROM loquat.turns WHERE tenant = v_log.tenant AND response = v_log.response;
    END LOOP;
    PERFORM set_config('loquat.tenant', '', true);
END $$;

-- Fails where nothing can be written: on a standby, or when the log cannot be.
CREATE FUNCTION loquat.ping_v1(OUT writable boolean) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM FROM loquat.turns WHERE tenant = '' AND response IS NULL;
    PERFORM txid_current();
    writable := NOT current_setting('transaction_read_only')::boolean;
END $$;
