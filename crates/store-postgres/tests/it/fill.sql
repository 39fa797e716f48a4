-- 20,000 of everything: some in one conversation and of one user, some all over the tenants.

INSERT INTO loquat.conversations
SELECT 't' || i % 20, md5('c' || i)::uuid, 'u' || i % 40, NULL,
    '{"v":1,"pairs":{}}', true, i % 7 = 0, NULL, NULL, i, i FROM generate_series(1, 20000) i;
INSERT INTO loquat.conversations VALUES
    ('acme', md5('big')::uuid, 'ada', NULL, '{"v":1,"pairs":{}}', true, false, md5('i20000')::uuid, NULL, 5, 5);
INSERT INTO loquat.conversations
SELECT 'acme', md5('a' || i)::uuid, 'ada', NULL, '{"v":1,"pairs":{}}', true, i % 7 = 0, NULL, NULL, i, i
FROM generate_series(1, 20000) i;
INSERT INTO loquat.items
SELECT 'acme', md5('i' || i)::uuid, md5('big')::uuid,
    CASE WHEN i > 1 THEN md5('i' || i - 1)::uuid END, i - 1, true, NULL, 'message', 'user',
    repeat('x', 200), 'completed', 10, i FROM generate_series(1, 20000) i;
INSERT INTO loquat.items
SELECT 't' || i % 20, md5('j' || i)::uuid, md5('c' || i)::uuid, NULL, 0, true, NULL, 'message',
    'user', repeat('x', 200), 'completed', 10, i FROM generate_series(1, 20000) i;
INSERT INTO loquat.responses
SELECT 't' || i % 20, md5('r' || i)::uuid, 'u' || i % 40, md5('c' || i)::uuid, true, false, false,
    NULL, 'm', '{}', '{}', '{}', 'completed', NULL, NULL, md5('j' || i)::uuid, 1, 9, i, i
FROM generate_series(1, 20000) i;
INSERT INTO loquat.turns (tenant, response, user_id, lease_until, log_until, queued)
SELECT 't' || i % 20, md5('r' || i)::uuid, 'u' || i % 40,
    CASE WHEN i < 1000 THEN loquat.now_v1() + 1000000000000 END,
    CASE WHEN i >= 1000 THEN loquat.now_v1() + 1000000000000 END, false
FROM generate_series(1, 20000) i;
INSERT INTO loquat.response_events
SELECT 't' || i % 20, md5('r' || i)::uuid, 0, 8, repeat('e', 300) FROM generate_series(1, 20000) i;
INSERT INTO loquat.idempotency_keys
SELECT 't' || i % 20, 'u' || i % 40, 'r', 'k' || i, '', md5('r' || i)::uuid, NULL, NULL,
    loquat.now_v1() + 1000000000000 FROM generate_series(1, 20000) i;
INSERT INTO loquat.branches
SELECT 'acme', md5('big')::uuid, md5('b' || i)::uuid FROM generate_series(1, 5000) i;
INSERT INTO loquat.segments
SELECT 't' || i % 20, md5('c' || i)::uuid, 0, 9, '' FROM generate_series(1, 20000) i;
INSERT INTO loquat.segments
SELECT 'acme', md5('big')::uuid, i * 3, i * 3 + 2, '' FROM generate_series(1, 5000) i;
INSERT INTO loquat.summaries
SELECT 't' || i % 20, md5('c' || i)::uuid, 9, 'in short', 2, 'estimate-1', 'm', i
FROM generate_series(1, 20000) i;
INSERT INTO loquat.context_jobs
SELECT 't' || i % 20, md5('c' || i)::uuid, 'u' || i % 40, loquat.now_v1() + 1000000000000, 0, i
FROM generate_series(1, 20000) i;
INSERT INTO loquat.usage_records
SELECT CASE WHEN i % 2 = 0 THEN 'acme' ELSE 't' || i % 20 END, md5('r' || i)::uuid, 'u' || i % 40, i,
    'answer', md5('c' || i)::uuid, md5('r' || i)::uuid, 0, 'm', 'm', 'p', 'm-1', 9, 0, 0, 9, 0, 1, 1,
    1, 1, 1, 18, false FROM generate_series(1, 20000) i;
INSERT INTO loquat.allowances (tenant, user_id, model, meter, period, taken, until)
SELECT CASE WHEN i % 2 = 0 THEN 'acme' ELSE 't' || i % 20 END, 'u' || i, '', 'tokens_per_day', i, 7,
    loquat.now_v1() + 1000000000000 FROM generate_series(1, 20000) i;
INSERT INTO loquat.limit_overrides
SELECT 't' || i % 20, 'user', 'u' || i, '', 'tokens_per_day', i FROM generate_series(1, 20000) i;
INSERT INTO loquat.revocations
SELECT 't' || i % 20, 'token', 'j' || i,
    CASE WHEN i % 2 = 0 THEN loquat.now_v1() + 1000000000000 END, i, 'root'
FROM generate_series(1, 20000) i;
INSERT INTO loquat.revocation_changes SELECT 't' || i, 1000 FROM generate_series(0, 19) i;
INSERT INTO loquat.audit_log
SELECT 'acme', md5('a' || i)::uuid, i, 'root', 'access.revoke', 'j' || i, '{}'
FROM generate_series(1, 20000) i;
ANALYZE;
