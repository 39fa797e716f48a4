//! The bill: who sees what of it, and that it adds up.

use std::time::Duration;

use actix_web::http::Method;
use loquat_domain::{TokenParts, Usage};
use loquat_provider::{FinishReason, ProviderEvent};
use loquat_testkit::{Script, ScriptedProvider};
use serde_json::{Value, json};

use crate::stage::{ANNA, BERT, PRICE, STRANGER, Stage, all_powerful, granting, request};
use loquat_auth::Permission;

/// 1 September 2025, when the stage's clock begins.
const START: i64 = 1_756_684_800;

/// What the n-th answer uses: each part another number.
fn usage(n: u64) -> Usage {
    Usage {
        input_tokens: 1_000 + n,
        cached_tokens: 300,
        cache_write_tokens: 20 + n,
        output_tokens: 50,
        reasoning_tokens: 7,
        estimated: false,
    }
}

fn stage() -> Stage {
    let mut answers = 0;
    Stage::with_model(ScriptedProvider::answering(move |_| {
        answers += 1;
        Script::events([
            ProviderEvent::Text("Noted.".to_owned()),
            ProviderEvent::Finished(FinishReason::Stop),
            ProviderEvent::Usage(usage(answers)),
        ])
    }))
}

async fn ask(stage: &Stage, token: &str, body: Value) {
    let mut body = body;
    body["input"] = json!("Hi");
    body["model"] = json!("scripted");
    stage.post(token, "/v1/responses", &body).await.expect(200);
}

/// A stage with a history: three days, two users, conversations, and a stranger. The answers cost
/// in the order in which they were asked for.
async fn history() -> Stage {
    let stage = stage();
    let conversation = stage.posted("/v1/conversations", &json!({})).await["id"].take();
    for _ in 0..3 {
        ask(&stage, ANNA, json!({})).await;
        ask(&stage, ANNA, json!({"conversation": conversation})).await;
        ask(&stage, BERT, json!({"store": false})).await;
        ask(&stage, STRANGER, json!({})).await;
        stage.clock.advance(Duration::from_hours(24));
    }
    stage
}

fn rows(list: &Value) -> Vec<Value> {
    list["data"].as_array().unwrap().clone()
}

/// All rows of a question, page by page.
async fn pages(stage: &Stage, token: &str, query: &str, limit: usize) -> Vec<Value> {
    let mut seen = Vec::new();
    let mut path = format!("/v1/usage?{query}&limit={limit}");
    loop {
        let page = stage.get(token, &path).await.expect(200);
        assert!(rows(&page).len() <= limit);
        seen.extend(rows(&page));
        if page["has_more"] == false {
            return seen;
        }
        path =
            format!("/v1/usage?{query}&limit={limit}&after={}", page["last_id"].as_str().unwrap());
    }
}

const NUMBERS: [&str; 8] = [
    "calls",
    "estimated_calls",
    "input_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_micros",
];

fn sums(rows: &[Value]) -> Vec<u64> {
    let sum = |name: &&str| rows.iter().map(|row| row[*name].as_u64().unwrap()).sum();
    NUMBERS.iter().map(sum).collect()
}

/// What these answers must have used and cost.
fn expected(answers: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut sum = vec![0; 8];
    for n in answers {
        let parts = TokenParts::from(usage(n));
        let numbers = [
            1,
            0,
            parts.input,
            parts.cached,
            parts.cache_write,
            parts.output,
            parts.reasoning,
            PRICE.of(parts).0,
        ];
        sum.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
    }
    sum
}

/// Anna's answers are the 1st and 2nd of each day, Bert's the 3rd.
const ANNAS: [u64; 6] = [1, 2, 5, 6, 9, 10];
const BERTS: [u64; 3] = [3, 7, 11];

#[tokio::test]
async fn a_row_has_these_keys_and_no_others() {
    let stage = history().await;
    let list = stage.found("/v1/usage").await;
    let row = &rows(&list)[0];
    let sums = expected([1, 2]);
    let cost = sums[7];
    let expected = json!({
        "object": "usage.row", "day": "2025-09-01", "model": null, "user": null,
        "conversation_id": null, "calls": 2, "estimated_calls": 0,
        "input_tokens": 1_360, "cached_tokens": 600, "cache_write_tokens": 43,
        "output_tokens": 86, "reasoning_tokens": 14, "cost_micros": cost,
    });
    assert_eq!(row, &expected);
    assert_eq!((&list["object"], &list["has_more"]), (&json!("list"), &json!(false)));
    let days: Vec<_> = rows(&list).iter().map(|row| row["day"].clone()).collect();
    assert_eq!(days, ["2025-09-01", "2025-09-02", "2025-09-03"]);
}

/// However rows are put together and on however many pages they come, they add up to what was used.
#[tokio::test]
async fn the_rows_of_all_pages_add_up_to_the_millionth() {
    let stage = history().await;
    let admin = granting(Permission::UsageRead, BERT);
    for groups in [
        "group_by=day",
        "group_by=none",
        "group_by=model",
        "group_by=user,conversation",
        "group_by=day,model&group_by=user&group_by=conversation",
    ] {
        for limit in [1, 2, 100] {
            let own = pages(&stage, ANNA, groups, limit).await;
            assert_eq!(sums(&own), expected(ANNAS), "{groups} {limit}");
            let all = pages(&stage, &admin, groups, limit).await;
            let everybody = ANNAS.into_iter().chain(BERTS);
            assert_eq!(sums(&all), expected(everybody), "{groups} {limit}");
            let of_bert = pages(&stage, &admin, &format!("{groups}&user=bert"), limit).await;
            assert_eq!(sums(&of_bert), expected(BERTS), "{groups} {limit}");
        }
    }
    let finest = pages(&stage, &admin, "group_by=day,model,user,conversation", 2).await;
    assert_eq!(finest.len(), 9);
    let conversations = finest.iter().filter(|row| row["conversation_id"].is_string()).count();
    assert_eq!(conversations, 3);
}

#[tokio::test]
async fn callers_see_their_own_use_and_no_other_without_the_scope() {
    let stage = history().await;
    let by_user = stage.found("/v1/usage?group_by=user").await;
    assert_eq!(rows(&by_user).len(), 1);
    assert_eq!(by_user["data"][0]["user"], "anna");
    for user in ["bert", "anna", "nobody", "%00"] {
        let answer = stage.get(ANNA, &format!("/v1/usage?user={user}")).await;
        answer.error(403, "insufficient_scope");
        assert!(answer.text().contains("usage:read"));
    }
    let strangers = granting(Permission::UsageRead, STRANGER);
    let theirs = stage.get(&strangers, "/v1/usage?group_by=user").await.expect(200);
    assert_eq!(sums(&rows(&theirs)), expected([4, 8, 12]), "of their tenant and of no other");
    let of_bert = stage.get(&strangers, "/v1/usage?user=bert").await.expect(200);
    assert_eq!(of_bert["data"], json!([]));
    let answer = stage.get(&strangers, "/v1/usage?user=two%20words").await;
    assert_eq!(answer.error(400, "invalid_value"), "user");
}

#[tokio::test]
async fn a_time_begins_where_it_says_and_ends_before_its_end() {
    let stage = history().await;
    let day = 86_400;
    for (query, answers) in [
        (format!("start_time={}", START + day), &ANNAS[2..]),
        (format!("end_time={}", START + day), &ANNAS[..2]),
        (format!("start_time={}&end_time={}", START + day, START + day + 1), &ANNAS[2..4]),
        (format!("start_time={}&end_time={}", START + 1, START + day), &[]),
        (format!("start_time={}", START + 2 * day + 1), &[]),
    ] {
        let list = stage.found(&format!("/v1/usage?{query}")).await;
        assert_eq!(sums(&rows(&list)), expected(answers.iter().copied()), "{query}");
    }
    // On the 30th day the first one is still told, on the 31st not any more.
    stage.clock.advance(Duration::from_hours(24 * 26));
    assert_eq!(sums(&rows(&stage.found("/v1/usage").await)), expected(ANNAS));
    stage.clock.advance(Duration::from_hours(24));
    let later = stage.found("/v1/usage").await;
    assert_eq!(sums(&rows(&later)), expected(ANNAS.into_iter().skip(2)));
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_is_refused_by_parameter() {
    let stage = Stage::new();
    for (query, param) in [
        ("start_time=now", "start_time"),
        ("start_time=-1", "start_time"),
        ("start_time=%2B1", "start_time"),
        ("start_time=1e9", "start_time"),
        ("start_time=", "start_time"),
        ("end_time=99999999999999999999", "end_time"),
        ("end_time=253402300800", "end_time"),
        ("start_time=5&end_time=5", "start_time"),
        ("start_time=1&start_time=1", "start_time"),
        ("group_by=week", "group_by"),
        ("group_by=", "group_by"),
        ("group_by=day,,user", "group_by"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
    ] {
        let answer = stage.get(ANNA, &format!("/v1/usage?{query}")).await;
        assert_eq!(answer.error(400, "invalid_value"), param, "{query}");
    }
    let page = request(Method::GET, ANNA, "/v1/usage").insert_header(("accept", "text/html"));
    stage.send(page).await.error(406, "not_acceptable");
}

#[tokio::test]
async fn a_cursor_is_good_for_whoever_was_given_it_and_for_the_same_question() {
    let stage = history().await;
    let first = stage.found("/v1/usage?group_by=day&limit=1").await;
    let cursor = first["last_id"].as_str().unwrap();
    let next = stage.found(&format!("/v1/usage?group_by=day&limit=100&after={cursor}")).await;
    assert_eq!(rows(&next).len(), 2);
    let refused = async |token: &str, query: &str| {
        let answer = stage.get(token, &format!("/v1/usage?{query}")).await;
        assert_eq!(answer.error(400, "invalid_cursor"), "after", "{query}");
    };
    for token in [BERT, STRANGER, "other/bert", &granting(Permission::UsageRead, ANNA)] {
        refused(token, &format!("group_by=day&after={cursor}")).await;
    }
    for query in [
        "group_by=day,user",
        "group_by=model",
        "group_by=none",
        "start_time=0",
        "end_time=253402300799",
    ] {
        refused(ANNA, &format!("{query}&after={cursor}")).await;
    }
    let mut flipped = cursor.to_owned();
    let last = flipped.pop().unwrap();
    flipped.push(if last == 'A' { 'B' } else { 'A' });
    for forged in [
        flipped.as_str(),
        "x",
        "",
        cursor.get(1..).unwrap(),
        "%00",
        "conv_0198c0de00007000800000000000002a",
    ] {
        refused(ANNA, &format!("after={forged}")).await;
    }
}

#[tokio::test]
async fn what_is_used_between_two_pages_moves_nothing() {
    let stage = history().await;
    let first = stage.found("/v1/usage?limit=2").await;
    stage.clock.advance(Duration::from_hours(24));
    ask(&stage, ANNA, json!({})).await;
    let path = format!("/v1/usage?limit=2&after={}", first["last_id"].as_str().unwrap());
    let second = stage.found(&path).await;
    let all: Vec<_> = rows(&first).into_iter().chain(rows(&second)).collect();
    assert_eq!(sums(&all), expected(ANNAS));
    assert_eq!(rows(&stage.found("/v1/usage").await).len(), 4);
}

#[tokio::test]
async fn a_spreadsheet_gets_the_same_rows() {
    let stage = history().await;
    let admin = all_powerful(ANNA);
    let table = async |after: Option<&str>| {
        let after = after.map_or_else(String::new, |after| format!("&after={after}"));
        let path = format!("/v1/usage?group_by=day,user&limit=4{after}");
        let asked = request(Method::GET, &admin, &path).insert_header(("accept", "text/csv"));
        stage.send(asked).await
    };
    let first = table(None).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert_eq!(first.header("content-disposition"), Some("attachment; filename=\"usage.csv\""));
    let cursor = first.header("x-next-cursor").unwrap();
    let second = table(Some(cursor)).await;
    assert_eq!(second.header("x-next-cursor"), None);
    let (first, second) = (first.text(), second.text());
    let names = format!("day,model,user,conversation_id,{}", NUMBERS.join(","));
    let lines: Vec<_> = first.split("\r\n").collect();
    assert_eq!(lines[0], names);
    assert_eq!(second.split("\r\n").next(), Some(names.as_str()));
    assert_eq!((lines.len(), lines[5]), (6, ""), "{first}");

    let json = pages(&stage, &admin, "group_by=day,user", 100).await;
    let as_line = |row: &Value| {
        let numbers = NUMBERS.map(|name| row[name].to_string()).join(",");
        format!("{},,{},,{numbers}", row["day"], row["user"])
    };
    let told = first.split("\r\n").skip(1).take(4).chain(second.split("\r\n").skip(1));
    let told: Vec<_> = told.filter(|line| !line.is_empty()).collect();
    assert_eq!(told, json.iter().map(as_line).collect::<Vec<_>>());
}

#[tokio::test]
async fn no_name_in_a_table_is_a_formula() {
    let stage = stage();
    let villain = "acme/=HYPERLINK(\"http://x\",\"a\")";
    ask(&stage, villain, json!({})).await;
    let path = "/v1/usage?group_by=user";
    let asked = request(Method::GET, villain, path).insert_header(("accept", "text/csv"));
    let table = stage.send(asked).await.text();
    let line = table.split("\r\n").nth(1).unwrap();
    assert!(line.starts_with(r#",,"'=HYPERLINK(""http://x"",""a"")",,1,"#), "{line}");
}
