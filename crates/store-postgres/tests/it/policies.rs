//! Row-level security, as the role that runs meets it.

use loquat_domain::{Limit, LimitKey, Meter, Order, UserId, Whom};
use loquat_store::{
    AccessStore as _, ContextStore as _, ConversationStore as _, Ledger as _, LimitStore as _,
    Revoked, TurnHome, Upkeep as _,
};
use loquat_store_postgres::{Bypass, ConnectError, PostgresStore};
use tokio_postgres::{Client, error::SqlState};

use crate::{
    database::{bare_database, client, database, migrate, options},
    notebook::{HOUR, Notebook, page, take},
};

/// Every table that holds what tenants have, as the catalogue knows them.
async fn tables(client: &Client) -> Vec<String> {
    let statement = "SELECT relname::text FROM pg_class
        WHERE relnamespace = 'loquat'::regnamespace AND relkind = 'r'
            AND relname <> '__diesel_schema_migrations' ORDER BY relname";
    let rows = client.query(statement, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn count(client: &Client, statement: &str) -> i64 {
    client.query_one(statement, &[]).await.unwrap().get(0)
}

/// Something of each kind, for two tenants.
async fn fill(notebook: &Notebook) {
    for tenant in ["acme", "umbrella"] {
        let person = notebook.of(tenant, "ada");
        let items = person.items(&["a", "b"]);
        let fork = items[0].id;
        let id = person.conversation_of(items).await;
        let place = loquat_store::Place::After(Some(fork));
        let home = TurnHome::Existing { id, place };
        let ended = person.begin(home, "c").await.unwrap();
        person.finish(ended, "d").await.unwrap();
        let home = TurnHome::New { conversation: person.new_conversation(), listed: true };
        let key = loquat_domain::IdempotencyKey::new("k").unwrap();
        let fingerprint = loquat_domain::Fingerprint([7; 32]);
        let once = loquat_store::Once { route: "r", key, fingerprint, keep: HOUR };
        let turn = person.turn(home, "e", Some(once));
        loquat_store::TurnStore::begin_turn(&*person.store, &person.scope, turn).await.unwrap();
        person.shorten(id).await;
        person.store.record(&person.scope, vec![person.charge(None)]).await.unwrap();
        let count = take(person.count(Meter::Streams), 9, 1);
        person.store.exchange(uuid::Uuid::nil(), HOUR, vec![count]).await.unwrap();
        let key = LimitKey { whom: Whom::Tenant, model: None, meter: Meter::Streams };
        let (limit, audit) = (Limit { key, most: None }, person.audit("limit.set"));
        person.store.set_limit(&person.scope, limit, audit).await.unwrap();
        person.revoke(Revoked::User(UserId::new("eve").unwrap()), None).await;
    }
    // Nobody else gets them.
    let jobs = notebook.store.claim_context_jobs(9, HOUR).await.unwrap();
    assert_eq!(jobs.len(), 2);
}

#[tokio::test]
async fn every_table_with_a_tenant_is_bound_by_a_policy_also_for_its_owner() {
    let database = database().await;
    let client = client(&database.app_url()).await;
    let tables = tables(&client).await;
    assert!(tables.len() >= 16, "{tables:?}");
    let unbound = "SELECT c.relname::text FROM pg_class c
        WHERE c.relnamespace = 'loquat'::regnamespace AND c.relkind IN ('r', 'p')
            AND c.relname <> '__diesel_schema_migrations'
            AND NOT (
                c.relrowsecurity AND c.relforcerowsecurity
                AND EXISTS (
                    SELECT FROM pg_policy p
                    WHERE p.polrelid = c.oid AND p.polcmd = '*' AND p.polroles = '{0}'
                        AND pg_get_expr(p.polqual, p.polrelid) LIKE '((tenant = %loquat.tenant%) IS TRUE)'
                        AND pg_get_expr(p.polqual, p.polrelid)
                            = pg_get_expr(p.polwithcheck, p.polrelid)
                )
            )";
    let unbound: Vec<String> =
        client.query(unbound, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(unbound.is_empty(), "without a policy for the tenant: {unbound:?}");
    // Where there is no tenant there would be nothing for a policy to look at.
    let keyless = "SELECT c.relname::text FROM pg_class c
        WHERE c.relnamespace = 'loquat'::regnamespace AND c.relkind IN ('r', 'p')
            AND c.relname <> '__diesel_schema_migrations'
            AND NOT EXISTS (
                SELECT FROM pg_index i JOIN pg_attribute a
                    ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
                WHERE i.indrelid = c.oid AND i.indisprimary AND a.attname = 'tenant'
            )";
    assert!(client.query(keyless, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_upkeep_and_enforcement_may_look_beyond_a_tenant_and_only_where_they_have_to() {
    let database = database().await;
    let client = client(&database.app_url()).await;
    let others = "SELECT p.polname::text, c.relname::text, p.polcmd::text,
            pg_get_expr(p.polqual, p.polrelid) LIKE '%loquat.' || p.polname || '%'
        FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE p.polname <> 'scope' ORDER BY 1, 2";
    let others = client.query(others, &[]).await.unwrap();
    let others: Vec<(String, String, String, bool)> =
        others.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    let expected = [
        ("enforcement", "revocation_changes"),
        ("enforcement", "revocations"),
        ("upkeep", "allowances"),
        ("upkeep", "context_jobs"),
        ("upkeep", "idempotency_keys"),
        ("upkeep", "revocations"),
        ("upkeep", "turns"),
    ];
    let read_only =
        |(policy, table): (&str, &str)| (policy.to_owned(), table.to_owned(), "r".to_owned(), true);
    assert_eq!(others, expected.map(read_only));
}

#[tokio::test]
async fn the_role_that_runs_owns_nothing_and_cannot_get_around_the_policies() {
    let database = database().await;
    let client = client(&database.app_url()).await;
    let role = client
        .query_one(
            "SELECT rolsuper, rolbypassrls, EXISTS (
                SELECT FROM pg_shdepend WHERE refobjid = pg_roles.oid AND deptype = 'o'
            ) FROM pg_roles WHERE rolname = current_user",
            &[],
        )
        .await
        .unwrap();
    assert_eq!((role.get(0), role.get(1), role.get(2)), (false, false, false));
    for table in tables(&client).await {
        for statement in [
            format!("TRUNCATE loquat.{table}"),
            format!("ALTER TABLE loquat.{table} NO FORCE ROW LEVEL SECURITY"),
            format!("DROP POLICY scope ON loquat.{table}"),
        ] {
            let error = client.batch_execute(&statement).await.unwrap_err();
            assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
        }
    }
    let lie = "DELETE FROM loquat.__diesel_schema_migrations";
    let error = client.batch_execute(lie).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
}

#[tokio::test]
async fn a_statement_that_forgets_its_where_sees_one_tenant_or_nothing() {
    let (notebook, database) = Notebook::open().await;
    fill(&notebook).await;
    let client = client(&database.app_url()).await;
    for table in tables(&client).await {
        let all = format!("SELECT count(*) FROM loquat.{table}");
        let strangers = format!("SELECT count(*) FROM loquat.{table} WHERE tenant <> 'acme'");
        // Never set; set and taken back at the end of a transaction; empty; somebody unknown.
        assert_eq!(count(&client, &all).await, 0, "{table}");
        for tenant in ["acme", "", "nobody"] {
            client.batch_execute("BEGIN").await.unwrap();
            let set = "SELECT set_config('loquat.tenant', $1, true)";
            client.query(set, &[&tenant]).await.unwrap();
            let seen = count(&client, &all).await;
            assert_eq!(seen > 0, tenant == "acme", "{table} as {tenant:?}: {seen}");
            assert_eq!(count(&client, &strangers).await, 0, "{table}");
            client.batch_execute("COMMIT").await.unwrap();
            assert_eq!(count(&client, &all).await, 0, "{table} after {tenant:?}");
        }
    }
}

#[tokio::test]
async fn the_tables_owner_is_bound_as_well() {
    let (notebook, database) = Notebook::open().await;
    fill(&notebook).await;
    let owner = client(&database.owner_url()).await;
    for table in tables(&owner).await {
        assert_eq!(count(&owner, &format!("SELECT count(*) FROM loquat.{table}")).await, 0);
    }
}

#[tokio::test]
async fn a_statement_that_forgets_its_where_changes_one_tenant_only() {
    let (notebook, database) = Notebook::open().await;
    fill(&notebook).await;
    let stranger = notebook.of("umbrella", "ada");
    let before = stranger.store.conversations(
        &stranger.scope,
        loquat_store::Archived::Both,
        page(None, Order::Ascending),
    );
    let before = before.await.unwrap();
    assert_eq!(before.entries.len(), 2);
    let client = client(&database.app_url()).await;
    client
        .batch_execute(
            "BEGIN;
            SELECT set_config('loquat.tenant', 'acme', true);
            UPDATE loquat.conversations SET title = 'mine now';
            UPDATE loquat.items SET content = 'mine now';
            UPDATE loquat.turns SET stop_requested = true;
            UPDATE loquat.summaries SET text = 'mine now';
            UPDATE loquat.allowances SET taken = 0, held = '{0}';
            UPDATE loquat.limit_overrides SET most = 99;
            DELETE FROM loquat.revocations;
            DELETE FROM loquat.revocation_changes;
            DELETE FROM loquat.response_events;
            DELETE FROM loquat.segments;
            DELETE FROM loquat.context_jobs;
            DELETE FROM loquat.conversations;
            COMMIT",
        )
        .await
        .unwrap();
    let listed = |person: &Notebook| {
        let (store, scope) = (std::sync::Arc::clone(&person.store), person.scope.clone());
        async move {
            let page = page(None, Order::Ascending);
            store.conversations(&scope, loquat_store::Archived::Both, page).await.unwrap()
        }
    };
    assert_eq!(listed(&stranger).await, before);
    assert!(listed(&notebook).await.entries.is_empty());
    let store = &stranger.store;
    assert_eq!(store.limits(&stranger.scope).await.unwrap()[0].most, None);
    assert_eq!(store.revocations(&stranger.scope).await.unwrap().len(), 1);
    assert_eq!(store.revocations(&notebook.scope).await.unwrap().len(), 0);
    for (person, taken) in [(&stranger, 1), (&notebook, 0)] {
        let look = vec![take(person.count(Meter::Streams), 9, 0)];
        let seen = store.exchange(uuid::Uuid::nil(), HOUR, look).await.unwrap();
        assert_eq!(seen[0].taken, taken);
    }
}

#[tokio::test]
async fn nothing_can_be_written_for_another_tenant() {
    let (notebook, database) = Notebook::open().await;
    fill(&notebook).await;
    let client = client(&database.app_url()).await;
    for tenant in ["umbrella", "", "nobody"] {
        client.batch_execute("BEGIN").await.unwrap();
        let set = "SELECT set_config('loquat.tenant', $1, true)";
        client.query(set, &[&tenant]).await.unwrap();
        for statement in [
            "UPDATE loquat.conversations SET title = 'x' WHERE tenant = 'acme'",
            "DELETE FROM loquat.items WHERE tenant = 'acme'",
        ] {
            assert_eq!(client.execute(statement, &[]).await.unwrap(), 0, "{statement}");
        }
        for statement in [
            "INSERT INTO loquat.branches VALUES ('acme', gen_random_uuid(), gen_random_uuid())",
            "INSERT INTO loquat.segments VALUES ('acme', gen_random_uuid(), 0, 1, '')",
            "INSERT INTO loquat.context_jobs VALUES ('acme', gen_random_uuid(), 'ada', 0, 0, 0)",
            "INSERT INTO loquat.allowances (tenant, user_id, model, meter)
            VALUES ('acme', '', '', 'x')",
            "INSERT INTO loquat.limit_overrides VALUES ('acme', 'tenant', '', '', 'x', 9)",
            "INSERT INTO loquat.revocations VALUES ('acme', 'user', 'ada', NULL, 0, 'eve')",
            "INSERT INTO loquat.revocation_changes VALUES ('acme', 1)",
            "INSERT INTO loquat.audit_log
            VALUES ('acme', gen_random_uuid(), 0, 'eve', 'lie', '', '{}')",
            "INSERT INTO loquat.usage_records VALUES ('acme', gen_random_uuid(), 'ada', 0, 'answer',
                NULL, NULL, 0, 'm', 'm', 'p', 'u', 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 9, false)",
            "INSERT INTO loquat.conversations (
                tenant, id, user_id, metadata, listed, archived, created_at, updated_at
            ) VALUES ('acme', gen_random_uuid(), 'ada', '{}', true, false, 0, 0)",
        ] {
            client.batch_execute("SAVEPOINT before").await.unwrap();
            let error = client.batch_execute(statement).await.unwrap_err();
            assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
            client.batch_execute("ROLLBACK TO before").await.unwrap();
        }
        client.batch_execute("ROLLBACK").await.unwrap();
    }
    // Nor can a row be given away.
    client.batch_execute("BEGIN; SELECT set_config('loquat.tenant', 'acme', true)").await.unwrap();
    let give = "UPDATE loquat.idempotency_keys SET tenant = 'umbrella'";
    let error = client.batch_execute(give).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
}

#[tokio::test]
async fn upkeep_sees_no_more_than_what_has_run_out_and_leaves_no_trace() {
    let (notebook, database) = Notebook::open().await;
    fill(&notebook).await;
    let client = client(&database.app_url()).await;
    client.batch_execute("BEGIN; SELECT set_config('loquat.upkeep', 'on', true)").await.unwrap();
    for table in tables(&client).await {
        assert_eq!(count(&client, &format!("SELECT count(*) FROM loquat.{table}")).await, 0);
    }
    let stop = "UPDATE loquat.turns SET stop_requested = true";
    assert_eq!(client.execute(stop, &[]).await.unwrap(), 0);
    client.batch_execute("ROLLBACK").await.unwrap();

    // Within a transaction of somebody's, what the functions set is taken back.
    client.batch_execute("BEGIN").await.unwrap();
    client.query("SELECT * FROM loquat.stale_turns_v1(9)", &[]).await.unwrap();
    client.query("SELECT * FROM loquat.forget_expired_v2(9)", &[]).await.unwrap();
    client.query("SELECT * FROM loquat.claim_context_jobs_v1(9, 0)", &[]).await.unwrap();
    let left = "SELECT current_setting('loquat.upkeep') || current_setting('loquat.tenant')";
    let left: String = client.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, "");
    notebook.store.ping().await.unwrap();
}

#[tokio::test]
async fn enforcement_sees_whom_to_keep_out_and_nothing_else_and_leaves_no_trace() {
    let (notebook, database) = Notebook::open().await;
    fill(&notebook).await;
    let client = client(&database.app_url()).await;
    client
        .batch_execute("BEGIN; SELECT set_config('loquat.enforcement', 'on', true)")
        .await
        .unwrap();
    for table in tables(&client).await {
        let seen = count(&client, &format!("SELECT count(*) FROM loquat.{table}")).await;
        assert_eq!(seen, if table.starts_with("revocation") { 2 } else { 0 }, "{table}");
    }
    for statement in [
        "DELETE FROM loquat.revocations",
        "UPDATE loquat.revocations SET until = 0",
        "UPDATE loquat.revocation_changes SET changes = 0",
    ] {
        assert_eq!(client.execute(statement, &[]).await.unwrap(), 0, "{statement}");
    }
    client.batch_execute("ROLLBACK; BEGIN").await.unwrap();
    let list = "SELECT * FROM loquat.revocation_list_v1(NULL)";
    assert_eq!(client.query(list, &[]).await.unwrap().len(), 3);
    let left = "SELECT current_setting('loquat.enforcement') || current_setting('loquat.tenant')";
    let left: String = client.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, "");
}

#[tokio::test]
async fn a_role_that_is_not_bound_is_refused_unless_that_is_wanted() {
    let database = database().await;
    let admin = client(&database.admin_url()).await;
    let name = |role: &str| format!("{}_{role}", database.name());
    for (role, attributes) in [("super", "SUPERUSER"), ("bypass", "BYPASSRLS"), ("member", "")] {
        let role = name(role);
        let make = format!("CREATE ROLE {role} LOGIN PASSWORD 'loquat' {attributes}");
        admin.batch_execute(&make).await.unwrap();
        let grant = format!(
            "GRANT USAGE ON SCHEMA loquat TO {role};
            GRANT SELECT ON ALL TABLES IN SCHEMA loquat TO {role}"
        );
        admin.batch_execute(&grant).await.unwrap();
    }
    // Membership that must be made use of by SET ROLE is enough.
    let member = name("member");
    let join = format!("ALTER ROLE {member} NOINHERIT; GRANT loquat_owner TO {member}");
    admin.batch_execute(&join).await.unwrap();

    let url = |role: &str| database.app_url().replace("loquat_app", role);
    for (role, expected) in [
        (name("super"), Bypass::Superuser),
        (name("bypass"), Bypass::BypassRls),
        (member.clone(), Bypass::Owner),
        ("loquat_owner".to_owned(), Bypass::Owner),
    ] {
        let options = options(&url(&role));
        match PostgresStore::connect(&options).await {
            Err(ConnectError::UnsafeRole { role: refused, bypass }) => {
                assert_eq!((refused, bypass), (role, expected));
            }
            other => panic!("{role}: {other:?}"),
        }
        let allowed = options.with_unsafe_role_allowed();
        PostgresStore::connect(&allowed).await.unwrap().ping().await.unwrap();
    }
    for role in ["super", "bypass", "member"].map(name) {
        let sweep = format!("DROP OWNED BY {role}; DROP ROLE {role}");
        admin.batch_execute(&sweep).await.unwrap();
    }
}

#[tokio::test]
async fn the_owner_alone_is_enough_for_a_quick_try() {
    let database = bare_database().await;
    migrate(database.owner_url()).await.unwrap();
    let options = options(&database.owner_url()).with_unsafe_role_allowed();
    let notebook = Notebook::connect(&options).await;
    let id = notebook.conversation_of(notebook.items(&["a"])).await;
    assert_eq!(notebook.texts(id).await, ["a"]);
}
