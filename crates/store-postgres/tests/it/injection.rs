//! What people write reaches the database as values and never as words of a statement.

use loquat_domain::{
    Fingerprint, IdempotencyKey, Limit, LimitKey, Metadata, Meter, Order, RawJson, Title, TokenId,
    Whom,
};
use loquat_store::{
    AccessStore as _, AllowanceKey, Archived, ConversationPatch, ConversationStore as _,
    HistoryStart, Ledger as _, LimitStore as _, Once, Reach, Revoked, TurnStore as _, UsageGroups,
    UsageQuery,
};
use loquat_testkit::{ClusterOptions, PrivateCluster};

use crate::{
    database::{database_on, options},
    notebook::{HOUR, NOW, Notebook, all_usage, at_leaf, page, take},
};

/// Where a statement that is put together from text would break, and a word to look for.
const PAYLOADS: [&str; 5] = [
    "canary'); DROP TABLE loquat.items; --",
    "canary' OR '1'='1",
    "canary\\'; SELECT pg_sleep(9); --",
    "$1 canary $$; RESET ALL; $$",
    "canary%s{0}\u{2028}\"; COMMIT; --",
];

fn as_name(payload: &str) -> String {
    payload.chars().filter(char::is_ascii_graphic).collect()
}

#[tokio::test]
async fn whatever_is_said_is_kept_and_no_statement_holds_a_word_of_it() {
    // Statements are logged without their values: what shows a payload has it in its text.
    let logs_statements = ClusterOptions::default()
        .with_setting("log_statement", "all")
        .with_setting("log_min_error_statement", "error")
        .with_setting("log_parameter_max_length", "0")
        .with_setting("log_parameter_max_length_on_error", "0")
        .with_setting("logging_collector", "on")
        .with_setting("log_directory", "logs");
    let cluster = PrivateCluster::start(logs_statements).await;
    let database = database_on(&cluster).await;
    let ada = Notebook::connect(&options(&database.app_url())).await;
    for payload in PAYLOADS {
        say_everywhere(&ada.of(&as_name(payload), &as_name(payload)), payload).await;
        say_everywhere(&ada, payload).await;
    }

    let mut text = String::new();
    for file in std::fs::read_dir(cluster.data_directory().join("logs")).unwrap() {
        text.push_str(&std::fs::read_to_string(file.unwrap().path()).unwrap());
    }
    assert!(text.contains("begin_turn_v1"), "the statements are logged");
    let told: Vec<&str> = text.lines().filter(|line| line.contains("canary")).collect();
    assert_eq!(told, [""; 0]);
}

/// Says a text in every place that takes one, and finds it again.
async fn say_everywhere(person: &Notebook, payload: &str) {
    let (store, scope) = (&person.store, &person.scope);
    let id = person.conversation_of(person.items(&[payload])).await;
    let patch = ConversationPatch {
        title: Some(Some(Title::new(payload).unwrap())),
        metadata: Some(Metadata::new([(payload.to_owned(), payload.to_owned())].into()).unwrap()),
        archived: None,
    };
    let updated = store.update_conversation(scope, id, patch, NOW).await.unwrap();
    assert_eq!(updated.title.unwrap().as_str(), payload);
    let listed = store.conversations(scope, Archived::Both, page(None, Order::Descending)).await;
    assert!(listed.unwrap().entries.iter().any(|it| it.id == id));

    let once = Once {
        route: "injection",
        key: IdempotencyKey::new(as_name(payload)).unwrap(),
        fingerprint: Fingerprint([7; 32]),
        keep: HOUR,
    };
    let head =
        store.history(scope, HistoryStart::Conversation(id), Reach::tokens(1)).await.unwrap().head;
    let mut turn = person.turn(at_leaf(id, head.leaf), payload, Some(once.clone()));
    turn.response.model = payload.to_owned();
    turn.response.settings.instructions = Some(payload.to_owned());
    let response = turn.response.clone();
    store.begin_turn(scope, turn).await.unwrap();
    assert!(store.earlier(scope, &once).await.unwrap().is_some());
    person.finish(response.clone(), payload).await.unwrap();
    assert_eq!(store.response(scope, response.id).await.unwrap().response.model, payload);
    assert_eq!(person.texts(id).await, [payload; 3]);
    say_to_the_bill(person, payload).await;
}

/// Says a text in every place of the ledger, the limits and the audit log that takes one.
async fn say_to_the_bill(person: &Notebook, payload: &str) {
    let (store, scope) = (&person.store, &person.scope);
    let text = || payload.to_owned();
    let mut charge = person.charge(None);
    (charge.model, charge.asked, charge.provider, charge.upstream) =
        (text(), text(), text(), text());
    store.record(scope, vec![charge]).await.unwrap();
    let groups = UsageGroups { model: true, user: true, ..UsageGroups::default() };
    let query = UsageQuery { groups, ..all_usage() };
    let used = store.usage(scope, query.clone()).await.unwrap().entries;
    let key = used.iter().map(|row| &row.key).find(|key| key.model.as_deref() == Some(payload));
    store.usage(scope, UsageQuery { after: key.cloned(), ..query }).await.unwrap();
    assert!(key.is_some());

    let count = AllowanceKey { model: Some(text()), ..person.count(Meter::Streams) };
    store.exchange(uuid::Uuid::nil(), HOUR, vec![take(count, 9, 1)]).await.unwrap();
    let whom = Whom::User(scope.user.clone());
    let key = LimitKey { whom, model: Some(text()), meter: Meter::Streams };
    let mut audit = person.audit(payload);
    (audit.subject, audit.details) = (text(), RawJson::from_checked(payload));
    let limit = Limit { key: key.clone(), most: Some(1) };
    store.set_limit(scope, limit.clone(), audit.clone()).await.unwrap();
    assert!(store.limits(scope).await.unwrap().contains(&limit));
    store.remove_limit(scope, key, person.audit(payload)).await.unwrap();

    let token = TokenId::new(&as_name(payload)).unwrap();
    person.revoke(Revoked::User(scope.user.clone()), None).await;
    person.revoke(Revoked::Token(token.clone()), None).await;
    store.restore(scope, Revoked::Token(token), person.audit(payload)).await.unwrap();
    let log = store.audit(scope, page(None, Order::Descending)).await.unwrap();
    assert!(log.entries.contains(&audit));
}
