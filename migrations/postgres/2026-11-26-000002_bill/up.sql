-- What was used and what it cost; how much may be, and how much of that has been taken; who may
-- not; and what administrators have done. None of it refers to a conversation or a response: it
-- stays when these go.
--
-- A turn's end brings what its calls cost, and so it and what reads its route are new functions. So
-- is what forgets, which calls the one before it. `grant_to_v1` is replaced under its name: also
-- where an earlier binary migrates, what is only added to must not become changeable.

-- Which models were chosen and asked, as JSON. NULL where there was nothing to choose.
ALTER TABLE loquat.responses ADD COLUMN route text;

-- What calls of providers used and cost. Only added to. Tokens by what is paid for them, each in one
-- part; prices in micro-units for a million tokens, and cost in micro-units.
CREATE TABLE loquat.usage_records (
    tenant             text COLLATE "C" NOT NULL,
    id                 uuid    NOT NULL,
    user_id            text COLLATE "C" NOT NULL,
    -- When the call came to its end.
    created_at         bigint  NOT NULL,
    purpose            text COLLATE "C" NOT NULL,
    -- The listed conversation and the response that it was for; these may be deleted by now.
    conversation       uuid,
    response           uuid,
    attempt            bigint  NOT NULL,
    -- The model that was called, and the one that was asked for.
    model              text COLLATE "C" NOT NULL,
    asked              text    NOT NULL,
    provider           text    NOT NULL,
    upstream           text    NOT NULL,
    input_tokens       bigint  NOT NULL,
    cached_tokens      bigint  NOT NULL,
    cache_write_tokens bigint  NOT NULL,
    output_tokens      bigint  NOT NULL,
    reasoning_tokens   bigint  NOT NULL,
    input_price        bigint  NOT NULL,
    cached_price       bigint  NOT NULL,
    cache_write_price  bigint  NOT NULL,
    output_price       bigint  NOT NULL,
    reasoning_price    bigint  NOT NULL,
    cost               bigint  NOT NULL CHECK (cost >= 0),
    -- True when we counted the tokens ourselves.
    estimated          boolean NOT NULL,
    PRIMARY KEY (id, tenant)
);

-- Who records the same call again, because it was told that it had failed, records it once.
CREATE UNIQUE INDEX usage_records_once
    ON loquat.usage_records (response, purpose, attempt, tenant) WHERE response IS NOT NULL;

-- What a user has used within a time, and what a tenant has. Neither may be taken for the other
-- while there are few rows: the second is made later and is only for those who ask for its
-- condition, which holds for every row.
CREATE INDEX usage_records_by_user ON loquat.usage_records (tenant, user_id, created_at);
CREATE INDEX usage_records_by_time ON loquat.usage_records (tenant, created_at) WHERE cost >= 0;

-- What has been taken of what is limited: a row is one count, whose lock makes those who take from
-- it take turns. An empty name stands for all users or all models together.
--
-- A count changes several times a second, and no index has what changes then; so its old versions
-- are cleared away by who comes next, as long as they find place on the same page.
CREATE TABLE loquat.allowances (
    tenant     text COLLATE "C" NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    model      text COLLATE "C" NOT NULL,
    meter      text COLLATE "C" NOT NULL,
    -- When the period began in which this was taken; what was taken in another is nothing now.
    period     bigint   NOT NULL DEFAULT 0,
    taken      bigint   NOT NULL DEFAULT 0 CHECK (taken >= 0),
    -- Of streams: which process has taken how many, and until when it may keep silent.
    holders    uuid[]   NOT NULL DEFAULT '{}',
    held       bigint[] NOT NULL DEFAULT '{}',
    held_until bigint[] NOT NULL DEFAULT '{}',
    -- The time from which on it may be forgotten: some time after its period, or after nobody holds
    -- anything.
    until      bigint   NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, user_id, model, meter)
) WITH (fillfactor = 50);

-- For upkeep, over all tenants.
CREATE INDEX allowances_by_expiry ON loquat.allowances (until);

-- Limits that were set while servers ran. `whom` is `tenant`, `each_user` or `user`, and only the
-- last has a name; an empty model stands for all together.
CREATE TABLE loquat.limit_overrides (
    tenant  text COLLATE "C" NOT NULL,
    whom    text COLLATE "C" NOT NULL CHECK (whom IN ('tenant', 'each_user', 'user')),
    user_id text COLLATE "C" NOT NULL CHECK ((user_id <> '') = (whom = 'user')),
    model   text COLLATE "C" NOT NULL,
    meter   text COLLATE "C" NOT NULL,
    -- NULL lifts a limit that is said elsewhere.
    most    bigint,
    PRIMARY KEY (tenant, whom, user_id, model, meter)
);

-- Who may not: a whole tenant, a user, or whoever shows a token.
CREATE TABLE loquat.revocations (
    tenant     text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL CHECK (kind IN ('tenant', 'user', 'token')),
    name       text COLLATE "C" NOT NULL CHECK ((name = '') = (kind = 'tenant')),
    -- The time from which on it does not count and may be forgotten. NULL is never.
    until      bigint,
    revoked_at bigint NOT NULL,
    revoked_by text   NOT NULL,
    PRIMARY KEY (tenant, kind, name)
);

-- For upkeep and enforcement, over all tenants.
CREATE INDEX revocations_by_expiry ON loquat.revocations (until) WHERE until IS NOT NULL;

-- How often a tenant's revocations have changed. The row's lock makes changes take turns, so that a
-- change that is seen later is counted later; one number for all tenants would make strangers wait
-- for each other.
CREATE TABLE loquat.revocation_changes (
    tenant  text COLLATE "C" NOT NULL PRIMARY KEY,
    changes bigint NOT NULL
);

-- What administrators have done. Only added to. Its one index begins with the tenant, unlike those
-- of other tables: there is no other that an id could be looked up by.
CREATE TABLE loquat.audit_log (
    tenant     text COLLATE "C" NOT NULL,
    id         uuid   NOT NULL,
    created_at bigint NOT NULL,
    actor      text   NOT NULL,
    act        text   NOT NULL,
    subject    text   NOT NULL,
    details    text   NOT NULL,
    PRIMARY KEY (tenant, id)
);

DO $$
DECLARE
    v_table text;
    v_scope constant text :=
        '(tenant = NULLIF(current_setting(''loquat.tenant'', true), '''')) IS TRUE';
BEGIN
    FOREACH v_table IN ARRAY ARRAY[
        'usage_records', 'allowances', 'limit_overrides', 'revocations', 'revocation_changes',
        'audit_log'
    ] LOOP
        EXECUTE format('ALTER TABLE loquat.%I ENABLE ROW LEVEL SECURITY', v_table);
        EXECUTE format('ALTER TABLE loquat.%I FORCE ROW LEVEL SECURITY', v_table);
        EXECUTE format(
            'CREATE POLICY scope ON loquat.%1$I USING (%2$s) WITH CHECK (%2$s)', v_table, v_scope
        );
    END LOOP;
END $$;

-- Upkeep sees what has run out, whoever's it is, while it says so.
CREATE POLICY upkeep ON loquat.allowances FOR SELECT USING (
    current_setting('loquat.upkeep', true) = 'on' AND until <= loquat.now_v1()
);
CREATE POLICY upkeep ON loquat.revocations FOR SELECT USING (
    current_setting('loquat.upkeep', true) = 'on' AND until <= loquat.now_v1()
);

-- Whoever keeps others out sees all revocations, whoever's they are, while it says so.
CREATE POLICY enforcement ON loquat.revocations FOR SELECT USING (
    current_setting('loquat.enforcement', true) = 'on'
);
CREATE POLICY enforcement ON loquat.revocation_changes FOR SELECT USING (
    current_setting('loquat.enforcement', true) = 'on'
);

-- Gives a role what running Loquat takes, and nothing that would let it around the policies or
-- change what is only added to. By default privileges it also gets what later migrations make, so
-- that there is no moment between.
CREATE OR REPLACE FUNCTION loquat.grant_to_v1(p_role text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA loquat TO %I', p_role);
    EXECUTE format(
        'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA loquat TO %I', p_role
    );
    EXECUTE format(
        'REVOKE INSERT, UPDATE, DELETE ON loquat.__diesel_schema_migrations FROM %I', p_role
    );
    EXECUTE format(
        'REVOKE UPDATE, DELETE ON loquat.usage_records, loquat.audit_log FROM %I', p_role
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

-- Roles that were granted what later migrations make have just been given too much.
DO $$
DECLARE
    v_role oid;
BEGIN
    FOR v_role IN
        SELECT DISTINCT privilege.grantee
        FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) AS privilege
        WHERE c.oid IN ('loquat.usage_records'::regclass, 'loquat.audit_log'::regclass)
            AND privilege.grantee <> c.relowner
    LOOP
        EXECUTE format(
            'REVOKE UPDATE, DELETE ON loquat.usage_records, loquat.audit_log FROM %s',
            CASE WHEN v_role = 0 THEN 'PUBLIC' ELSE v_role::regrole::text END
        );
    END LOOP;
END $$;

-- ## Parts of steps

-- Adds charges. What is in the book already stays as it is.
CREATE FUNCTION loquat.keep_charges_v1(
    p_tenant text, p_user text,
    p_ids uuid[], p_ats bigint[], p_purposes text[], p_conversations uuid[], p_responses uuid[],
    p_attempts bigint[], p_models text[], p_asked text[], p_providers text[], p_upstreams text[],
    p_input_tokens bigint[], p_cached_tokens bigint[], p_cache_write_tokens bigint[],
    p_output_tokens bigint[], p_reasoning_tokens bigint[], p_input_prices bigint[],
    p_cached_prices bigint[], p_cache_write_prices bigint[], p_output_prices bigint[],
    p_reasoning_prices bigint[], p_costs bigint[], p_estimated boolean[]
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO loquat.usage_records (
        tenant, user_id, id, created_at, purpose, conversation, response, attempt, model, asked,
        provider, upstream, input_tokens, cached_tokens, cache_write_tokens, output_tokens,
        reasoning_tokens, input_price, cached_price, cache_write_price, output_price,
        reasoning_price, cost, estimated
    )
    SELECT p_tenant, p_user, charge.*
    FROM unnest(
        p_ids, p_ats, p_purposes, p_conversations, p_responses, p_attempts, p_models, p_asked,
        p_providers, p_upstreams, p_input_tokens, p_cached_tokens, p_cache_write_tokens,
        p_output_tokens, p_reasoning_tokens, p_input_prices, p_cached_prices,
        p_cache_write_prices, p_output_prices, p_reasoning_prices, p_costs, p_estimated
    ) AS charge
    ON CONFLICT DO NOTHING;
END $$;

-- Adds an entry to the audit log, once.
CREATE FUNCTION loquat.keep_audit_v1(
    p_tenant text, p_id uuid, p_at bigint, p_actor text, p_act text, p_subject text, p_details text
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO loquat.audit_log (tenant, id, created_at, actor, act, subject, details)
    VALUES (p_tenant, p_id, p_at, p_actor, p_act, p_subject, p_details) ON CONFLICT DO NOTHING;
END $$;

-- In which period of a meter a time is: when it began, and when the next one begins. Streams have
-- one that began with the epoch and does not end.
CREATE FUNCTION loquat.period_v1(p_meter text, p_time bigint, OUT period bigint, OUT ends bigint)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_month timestamp;
BEGIN
    CASE p_meter
        WHEN 'requests_per_minute' THEN
            period := p_time - p_time % 60000000;
            ends := period + 60000000;
        WHEN 'streams' THEN
            period := 0;
            ends := 9223372036854775807;
        WHEN 'tokens_per_day' THEN
            period := p_time - p_time % 86400000000;
            ends := period + 86400000000;
        WHEN 'micros_per_month' THEN
            v_month := date_trunc('month', to_timestamp(p_time / 1000000) AT TIME ZONE 'UTC');
            period := extract(epoch FROM v_month)::bigint * 1000000;
            ends := extract(epoch FROM v_month + interval '1 month')::bigint * 1000000;
    END CASE;
END $$;

-- ## Turns

-- The end of a turn; if somebody else wants it because the turn is stale, only while it is. The
-- context engine's notes are kept where the context is still at `p_expected`.
CREATE FUNCTION loquat.finish_turn_v3(
    p_tenant text, p_user text, p_id uuid, p_status text, p_status_details text, p_usage text,
    p_completed_at bigint, p_last_sequence bigint,
    p_ids uuid[], p_responses uuid[], p_kinds text[], p_roles text[], p_contents text[],
    p_statuses text[], p_tokens bigint[], p_created_ats bigint[], p_counters text[],
    p_firsts bigint[], p_lasts bigint[], p_events text[], p_keep_log bigint,
    p_only_if_stale boolean, p_expected bigint, p_state text, p_route text,
    p_charge_ids uuid[], p_ats bigint[], p_purposes text[], p_charge_conversations uuid[],
    p_charge_responses uuid[], p_attempts bigint[], p_models text[], p_asked text[],
    p_providers text[], p_upstreams text[], p_input_tokens bigint[], p_cached_tokens bigint[],
    p_cache_write_tokens bigint[], p_output_tokens bigint[], p_reasoning_tokens bigint[],
    p_input_prices bigint[], p_cached_prices bigint[], p_cache_write_prices bigint[],
    p_output_prices bigint[], p_reasoning_prices bigint[], p_costs bigint[],
    p_estimated boolean[],
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
        completed_at = p_completed_at, route = p_route
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
    IF cardinality(p_charge_ids) > 0 THEN
        PERFORM loquat.keep_charges_v1(
            p_tenant, p_user, p_charge_ids, p_ats, p_purposes, p_charge_conversations,
            p_charge_responses, p_attempts, p_models, p_asked, p_providers, p_upstreams,
            p_input_tokens, p_cached_tokens, p_cache_write_tokens, p_output_tokens,
            p_reasoning_tokens, p_input_prices, p_cached_prices, p_cache_write_prices,
            p_output_prices, p_reasoning_prices, p_costs, p_estimated
        );
    END IF;
END $$;

-- A response and its output: the first row is the response, each further one an item, newest first.
CREATE FUNCTION loquat.response_v3(p_tenant text, p_user text, p_id uuid)
RETURNS TABLE (
    response_id uuid, conversation uuid, names_conversation boolean, hidden boolean,
    background boolean, previous uuid, model text, settings text, metadata text, receipt text,
    route text, response_status text, status_details text, usage text, response_created_at bigint,
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
        r.settings, r.metadata, r.receipt, r.route, r.status, r.status_details, r.usage,
        r.created_at, r.completed_at, r.leaf, r.output_from
    INTO response_id, conversation, names_conversation, hidden, background, previous, model,
        settings, metadata, receipt, route, response_status, status_details, usage,
        response_created_at, completed_at, v_leaf, v_output_from
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
        NULL::text, NULL::bigint, NULL::bigint, b.*
    FROM branch b;
END $$;

-- ## The ledger

CREATE FUNCTION loquat.record_v1(
    p_tenant text, p_user text,
    p_ids uuid[], p_ats bigint[], p_purposes text[], p_conversations uuid[], p_responses uuid[],
    p_attempts bigint[], p_models text[], p_asked text[], p_providers text[], p_upstreams text[],
    p_input_tokens bigint[], p_cached_tokens bigint[], p_cache_write_tokens bigint[],
    p_output_tokens bigint[], p_reasoning_tokens bigint[], p_input_prices bigint[],
    p_cached_prices bigint[], p_cache_write_prices bigint[], p_output_prices bigint[],
    p_reasoning_prices bigint[], p_costs bigint[], p_estimated boolean[],
    OUT outcome text
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    PERFORM loquat.keep_charges_v1(
        p_tenant, p_user, p_ids, p_ats, p_purposes, p_conversations, p_responses, p_attempts,
        p_models, p_asked, p_providers, p_upstreams, p_input_tokens, p_cached_tokens,
        p_cache_write_tokens, p_output_tokens, p_reasoning_tokens, p_input_prices,
        p_cached_prices, p_cache_write_prices, p_output_prices, p_reasoning_prices, p_costs,
        p_estimated
    );
END $$;

-- What was used from one time until before another, by `p_whose`, or without one by the whole
-- tenant: up to `p_most` groups after the one that `p_after_…` names, if `p_follows`. By what is
-- not asked for, all are in one group, where it is NULL. NULL comes before everything, which row
-- comparison does not know by itself. Sums of tokens are text: a `bigint` may be too small for them.
CREATE FUNCTION loquat.usage_v1(
    p_tenant text, p_user text, p_whose text, p_from bigint, p_until bigint,
    p_by_day boolean, p_by_model boolean, p_by_user boolean, p_by_conversation boolean,
    p_follows boolean, p_after_day bigint, p_after_model text, p_after_user text,
    p_after_conversation uuid, p_most bigint
) RETURNS TABLE (
    day bigint, model text, user_id text, conversation uuid, calls bigint, estimated_calls bigint,
    input_tokens text, cached_tokens text, cache_write_tokens text, output_tokens text,
    reasoning_tokens text, cost bigint
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_day constant bigint := 86400000000;
    v_greatest constant bigint := 9223372036854775807;
    v_none constant uuid := '00000000-0000-0000-0000-000000000000';
    v_from bigint := p_from;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    -- What is before the day of the page before is on no page after it. Days that no time is in
    -- could not be reckoned with.
    IF p_follows AND p_by_day
        AND p_after_day BETWEEN -(v_greatest / v_day) AND v_greatest / v_day
    THEN
        v_from := greatest(p_from, p_after_day * v_day);
    END IF;
    RETURN QUERY
    SELECT u.day, u.model, u.user_id, u.conversation, u.calls, u.estimated_calls,
        u.input_tokens::text, u.cached_tokens::text, u.cache_write_tokens::text,
        u.output_tokens::text, u.reasoning_tokens::text, least(u.cost, v_greatest)::bigint
    FROM (
        SELECT CASE WHEN p_by_day THEN r.created_at / v_day - (r.created_at % v_day < 0)::integer
            END AS day,
            CASE WHEN p_by_model THEN r.model END AS model,
            CASE WHEN p_by_user THEN r.user_id END AS user_id,
            CASE WHEN p_by_conversation THEN r.conversation END AS conversation,
            count(*) AS calls, count(*) FILTER (WHERE r.estimated) AS estimated_calls,
            sum(r.input_tokens) AS input_tokens, sum(r.cached_tokens) AS cached_tokens,
            sum(r.cache_write_tokens) AS cache_write_tokens, sum(r.output_tokens) AS output_tokens,
            sum(r.reasoning_tokens) AS reasoning_tokens, sum(r.cost) AS cost
        FROM (
            SELECT * FROM loquat.usage_records
            WHERE p_whose IS NULL AND tenant = p_tenant
                AND created_at >= v_from AND created_at < p_until AND cost >= 0
            UNION ALL
            SELECT * FROM loquat.usage_records
            WHERE tenant = p_tenant AND user_id = p_whose
                AND created_at >= v_from AND created_at < p_until
        ) AS r
        GROUP BY 1, 2, 3, 4
    ) AS u
    WHERE NOT p_follows OR (
        u.day IS NOT NULL, coalesce(u.day, 0), u.model IS NOT NULL, coalesce(u.model, ''),
        u.user_id IS NOT NULL, coalesce(u.user_id, ''), u.conversation IS NOT NULL,
        coalesce(u.conversation, v_none)
    ) > (
        p_after_day IS NOT NULL, coalesce(p_after_day, 0), p_after_model IS NOT NULL,
        coalesce(p_after_model, ''), p_after_user IS NOT NULL, coalesce(p_after_user, ''),
        p_after_conversation IS NOT NULL, coalesce(p_after_conversation, v_none)
    )
    ORDER BY u.day NULLS FIRST, u.model NULLS FIRST, u.user_id NULLS FIRST,
        u.conversation NULLS FIRST
    LIMIT p_most;
END $$;

-- ## Limits

-- Exchanges, an element of each array one, in the order of their counts, so that two calls take
-- their locks in one order. Returns how each came out, by its number, counted from 1.
--
-- The locks are those of the counts' rows: a batch may have any number of counts, and advisory locks
-- would fill a table that all of the server shares. They are held until the end of the transaction,
-- for which others wait, and so it ends without a wait for the disk: a server that crashes may
-- forget the exchanges of its last moment. Then a little more may be used than the limit says; what
-- was used is in the ledger, which forgets nothing.
CREATE FUNCTION loquat.exchange_v1(
    p_holder uuid, p_lease bigint,
    p_tenants text[], p_users text[], p_models text[], p_meters text[], p_mosts bigint[],
    p_returned bigint[], p_returned_to bigint[], p_needs bigint[], p_wants bigint[]
) RETURNS TABLE (
    exchange bigint, granted bigint, taken bigint, period bigint, ends bigint, moment bigint
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_greatest constant bigint := 9223372036854775807;
    v_tenant text;
    v_count loquat.allowances;
    v_period bigint;
    -- When it will be over, and for how long it stays then: once in so long, not each time, the
    -- index by that is written.
    v_over bigint;
    v_rest bigint;
    v_place integer;
    v_others numeric;
    v_own numeric;
    v_free numeric;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    FOR v_n IN 1 .. cardinality(p_tenants) LOOP
        IF v_tenant IS DISTINCT FROM p_tenants[v_n] THEN
            v_tenant := p_tenants[v_n];
            PERFORM set_config('loquat.tenant', v_tenant, true);
        END IF;
        LOOP
            SELECT * INTO v_count FROM loquat.allowances
            WHERE tenant = v_tenant AND user_id = p_users[v_n] AND model = p_models[v_n]
                AND meter = p_meters[v_n]
            FOR NO KEY UPDATE;
            EXIT WHEN FOUND;
            INSERT INTO loquat.allowances (tenant, user_id, model, meter)
            VALUES (v_tenant, p_users[v_n], p_models[v_n], p_meters[v_n]) ON CONFLICT DO NOTHING;
        END LOOP;
        -- Not before the lock: who had it meanwhile may have begun the next period.
        moment := loquat.now_v1();
        SELECT p.period, p.ends INTO v_period, ends
        FROM loquat.period_v1(v_count.meter, moment) AS p;
        IF v_count.meter = 'streams' THEN
            v_over := moment + p_lease;
            v_rest := p_lease;
            v_place := array_position(v_count.holders, p_holder);
            v_own := CASE WHEN v_count.held_until[v_place] > moment THEN v_count.held[v_place]
                ELSE 0 END;
            SELECT coalesce(array_agg(h.holder), '{}'), coalesce(array_agg(h.held), '{}'),
                coalesce(array_agg(h.held_until), '{}'), coalesce(sum(h.held), 0)
            INTO v_count.holders, v_count.held, v_count.held_until, v_others
            FROM unnest(v_count.holders, v_count.held, v_count.held_until)
                AS h (holder, held, held_until)
            WHERE h.held_until > moment AND h.holder <> p_holder;
        ELSE
            v_over := ends;
            v_rest := 3600000000;
            v_own := CASE WHEN v_count.period = v_period THEN v_count.taken ELSE 0 END;
            v_others := 0;
        END IF;
        IF coalesce(p_returned_to[v_n] = v_period, true) THEN
            v_own := least(greatest(v_own - p_returned[v_n], 0), v_greatest);
        END IF;
        v_free := p_mosts[v_n] - v_others - v_own;
        granted := CASE WHEN p_needs[v_n] BETWEEN 1 AND v_free
            THEN least(greatest(p_wants[v_n], p_needs[v_n]), v_free) ELSE 0 END;
        v_own := v_own + granted;
        IF v_count.meter = 'streams' AND v_own > 0 THEN
            v_count.holders := v_count.holders || p_holder;
            v_count.held := v_count.held || v_own::bigint;
            v_count.held_until := v_count.held_until || v_over;
        END IF;
        UPDATE loquat.allowances
        SET period = v_period, taken = least(v_others + v_own, v_greatest),
            holders = v_count.holders, held = v_count.held, held_until = v_count.held_until,
            until = CASE WHEN until < v_over THEN v_over + v_rest ELSE until END
        WHERE tenant = v_tenant AND user_id = p_users[v_n] AND model = p_models[v_n]
            AND meter = p_meters[v_n];
        exchange := v_n;
        taken := least(v_others + v_own, v_greatest);
        period := v_period;
        RETURN NEXT;
    END LOOP;
END $$;

-- The limits that were set for the tenant.
CREATE FUNCTION loquat.limits_v1(p_tenant text, p_user text)
RETURNS TABLE (whom text, user_id text, model text, meter text, most bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    RETURN QUERY
    SELECT l.whom, l.user_id, l.model, l.meter, l.most
    FROM loquat.limit_overrides l WHERE l.tenant = p_tenant;
END $$;

CREATE FUNCTION loquat.set_limit_v1(
    p_tenant text, p_user text, p_whom text, p_name text, p_model text, p_meter text, p_most bigint,
    p_audit_id uuid, p_at bigint, p_actor text, p_act text, p_subject text, p_details text,
    OUT outcome text
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    INSERT INTO loquat.limit_overrides (tenant, whom, user_id, model, meter, most)
    VALUES (p_tenant, p_whom, p_name, p_model, p_meter, p_most)
    ON CONFLICT (tenant, whom, user_id, model, meter) DO UPDATE SET most = excluded.most;
    PERFORM loquat.keep_audit_v1(p_tenant, p_audit_id, p_at, p_actor, p_act, p_subject, p_details);
END $$;

CREATE FUNCTION loquat.remove_limit_v1(
    p_tenant text, p_user text, p_whom text, p_name text, p_model text, p_meter text,
    p_audit_id uuid, p_at bigint, p_actor text, p_act text, p_subject text, p_details text,
    OUT outcome text
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    DELETE FROM loquat.limit_overrides
    WHERE tenant = p_tenant AND whom = p_whom AND user_id = p_name AND model = p_model
        AND meter = p_meter;
    IF NOT FOUND THEN
        outcome := 'not_found';
        RETURN;
    END IF;
    PERFORM loquat.keep_audit_v1(p_tenant, p_audit_id, p_at, p_actor, p_act, p_subject, p_details);
END $$;

-- ## Access
--
-- The version of the list of all revocations is the number of changes, with those that time has made
-- and nobody has written down yet: one that has run out counts as a change, and is written down as
-- one when it is forgotten. So the list has another version whenever it is another list.

CREATE FUNCTION loquat.change_revocations_v1(p_tenant text, p_changes bigint)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO loquat.revocation_changes AS made (tenant, changes) VALUES (p_tenant, p_changes)
    ON CONFLICT (tenant) DO UPDATE SET changes = made.changes + excluded.changes;
END $$;

CREATE FUNCTION loquat.revoke_v1(
    p_tenant text, p_user text, p_kind text, p_name text, p_until bigint, p_revoked_at bigint,
    p_revoked_by text,
    p_audit_id uuid, p_at bigint, p_actor text, p_act text, p_subject text, p_details text,
    OUT outcome text
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    -- Two: the one in whose place it comes may have counted as one, having run out.
    PERFORM loquat.change_revocations_v1(p_tenant, 2);
    INSERT INTO loquat.revocations (tenant, kind, name, until, revoked_at, revoked_by)
    VALUES (p_tenant, p_kind, p_name, p_until, p_revoked_at, p_revoked_by)
    ON CONFLICT (tenant, kind, name) DO UPDATE
    SET until = excluded.until, revoked_at = excluded.revoked_at, revoked_by = excluded.revoked_by;
    PERFORM loquat.keep_audit_v1(p_tenant, p_audit_id, p_at, p_actor, p_act, p_subject, p_details);
END $$;

CREATE FUNCTION loquat.restore_v1(
    p_tenant text, p_user text, p_kind text, p_name text,
    p_audit_id uuid, p_at bigint, p_actor text, p_act text, p_subject text, p_details text,
    OUT outcome text
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_revocation loquat.revocations;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    -- The same lock first as who revokes.
    PERFORM FROM loquat.revocation_changes WHERE tenant = p_tenant FOR NO KEY UPDATE;
    SELECT * INTO v_revocation FROM loquat.revocations
    WHERE tenant = p_tenant AND kind = p_kind AND name = p_name;
    IF NOT FOUND OR v_revocation.until <= loquat.now_v1() THEN
        outcome := 'not_found';
        RETURN;
    END IF;
    DELETE FROM loquat.revocations
    WHERE tenant = p_tenant AND kind = p_kind AND name = p_name;
    PERFORM loquat.change_revocations_v1(p_tenant, 1);
    PERFORM loquat.keep_audit_v1(p_tenant, p_audit_id, p_at, p_actor, p_act, p_subject, p_details);
END $$;

-- The tenant's revocations that count.
CREATE FUNCTION loquat.revocations_v1(p_tenant text, p_user text)
RETURNS TABLE (kind text, name text, until bigint, revoked_at bigint, revoked_by text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := loquat.now_v1();
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    RETURN QUERY
    SELECT r.kind, r.name, r.until, r.revoked_at, r.revoked_by
    FROM loquat.revocations r
    WHERE r.tenant = p_tenant AND coalesce(r.until > v_now, true);
END $$;

-- All revocations that count, of all tenants: the first row says which version it is, and when that
-- is not `p_known`, each further one is a revocation.
CREATE FUNCTION loquat.revocation_list_v1(p_known bigint)
RETURNS TABLE (version bigint, tenant text, kind text, name text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := loquat.now_v1();
BEGIN
    PERFORM set_config('loquat.tenant', '', true), set_config('loquat.enforcement', 'on', true);
    version := (SELECT coalesce(sum(changes), 0) FROM loquat.revocation_changes)
        + (SELECT count(*) FROM loquat.revocations WHERE until <= v_now);
    RETURN NEXT;
    IF version IS DISTINCT FROM p_known THEN
        RETURN QUERY
        SELECT NULL::bigint, r.tenant, r.kind, r.name
        FROM loquat.revocations r WHERE coalesce(r.until > v_now, true);
    END IF;
    PERFORM set_config('loquat.enforcement', '', true);
END $$;

-- Up to `p_most` entries of the tenant's audit log after `p_after`.
CREATE FUNCTION loquat.audit_v1(
    p_tenant text, p_user text, p_after uuid, p_ascending boolean, p_most bigint
) RETURNS TABLE (
    outcome text, id uuid, created_at bigint, actor text, act text, subject text, details text
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_after uuid := p_after;
BEGIN
    PERFORM set_config('loquat.tenant', p_tenant, true);
    IF p_after IS NULL THEN
        v_after := CASE WHEN p_ascending THEN '00000000-0000-0000-0000-000000000000'
            ELSE 'ffffffff-ffff-ffff-ffff-ffffffffffff' END;
    ELSIF NOT EXISTS (
        SELECT FROM loquat.audit_log a WHERE a.tenant = p_tenant AND a.id = p_after
    ) THEN
        outcome := 'cursor_not_found';
        RETURN NEXT;
        RETURN;
    END IF;
    IF p_ascending THEN
        RETURN QUERY
        SELECT NULL, a.id, a.created_at, a.actor, a.act, a.subject, a.details
        FROM loquat.audit_log a WHERE a.tenant = p_tenant AND a.id > v_after
        ORDER BY a.id LIMIT p_most;
    ELSE
        RETURN QUERY
        SELECT NULL, a.id, a.created_at, a.actor, a.act, a.subject, a.details
        FROM loquat.audit_log a WHERE a.tenant = p_tenant AND a.id < v_after
        ORDER BY a.id DESC LIMIT p_most;
    END IF;
END $$;

-- ## Upkeep

-- Forgets up to `p_most` of each that has run out, of all tenants: keys, logs, counts and
-- revocations; returns how many. It waits for nobody.
CREATE FUNCTION loquat.forget_expired_v2(p_most bigint, OUT forgotten bigint)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now bigint := loquat.now_v1();
    v_counts loquat.allowances[];
    v_revocations loquat.revocations[];
    v_count loquat.allowances;
    v_revocation loquat.revocations;
BEGIN
    forgotten := loquat.forget_expired_v1(p_most);
    PERFORM set_config('loquat.upkeep', 'on', true);
    SELECT array_agg(expired) INTO v_counts FROM (
        SELECT * FROM loquat.allowances WHERE until <= v_now ORDER BY until LIMIT p_most
    ) AS expired;
    SELECT array_agg(expired) INTO v_revocations FROM (
        SELECT * FROM loquat.revocations WHERE until <= v_now ORDER BY until LIMIT p_most
    ) AS expired;
    PERFORM set_config('loquat.upkeep', '', true);
    FOREACH v_count IN ARRAY coalesce(v_counts, '{}') LOOP
        PERFORM set_config('loquat.tenant', v_count.tenant, true);
        PERFORM FROM loquat.allowances
        WHERE tenant = v_count.tenant AND user_id = v_count.user_id AND model = v_count.model
            AND meter = v_count.meter AND until = v_count.until
        FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        DELETE FROM loquat.allowances
        WHERE tenant = v_count.tenant AND user_id = v_count.user_id AND model = v_count.model
            AND meter = v_count.meter;
        forgotten := forgotten + 1;
    END LOOP;
    FOREACH v_revocation IN ARRAY coalesce(v_revocations, '{}') LOOP
        PERFORM set_config('loquat.tenant', v_revocation.tenant, true);
        PERFORM FROM loquat.revocation_changes
        WHERE tenant = v_revocation.tenant FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        DELETE FROM loquat.revocations
        WHERE tenant = v_revocation.tenant AND kind = v_revocation.kind
            AND name = v_revocation.name AND until = v_revocation.until;
        CONTINUE WHEN NOT FOUND;
        PERFORM loquat.change_revocations_v1(v_revocation.tenant, 1);
        forgotten := forgotten + 1;
    END LOOP;
    PERFORM set_config('loquat.tenant', '', true);
END $$;
