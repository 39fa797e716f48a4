//! Charges, as they lie in the table from which bills are written.

use loquat_domain::{Charge, ConversationId, Micros, Price, Purpose, ResponseId, TokenParts};
use loquat_store::{FinishTurn, Ledger as _, TurnHome, TurnStore as _};
use uuid::Uuid;

use crate::{
    database::client,
    notebook::{NOW, Notebook},
};

/// A charge of which no two numbers and no two words are the same.
fn charge(response: ResponseId, id: u128) -> Charge {
    Charge {
        id: Uuid::from_u128(id),
        at: NOW,
        purpose: Purpose::Summary,
        conversation: Some(ConversationId::from_uuid(Uuid::from_u128(3))),
        response: Some(response),
        attempt: 4,
        model: "large".to_owned(),
        asked: "auto".to_owned(),
        provider: "east".to_owned(),
        upstream: "large-2".to_owned(),
        tokens: TokenParts { input: 5, cached: 6, cache_write: 7, output: 8, reasoning: 9 },
        price: Price {
            input: Micros(10),
            cached: Micros(11),
            cache_write: Micros(12),
            output: Micros(13),
            reasoning: Micros(14),
        },
        cost: Micros(15),
        estimated: true,
    }
}

#[tokio::test]
async fn every_column_of_a_charge_holds_what_it_is_named_after() {
    let (ada, database) = Notebook::open().await;
    let home = TurnHome::New { conversation: ada.new_conversation(), listed: false };
    let turn = ada.begin(home, "q").await.unwrap();
    let other = ResponseId::from_uuid(Uuid::from_u128(2));
    ada.store.record(&ada.scope, vec![charge(other, 101)]).await.unwrap();
    let charges = vec![charge(turn.id, 102)];
    let end = FinishTurn { charges, ..ada.end(turn.clone(), "a") };
    ada.store.finish_turn(&ada.scope, end).await.unwrap();

    let admin = client(&database.admin_url()).await;
    let read = "SELECT array_to_string(ARRAY[
            tenant, user_id, created_at::text, purpose, conversation::text, attempt::text, model,
            asked, provider, upstream, input_tokens::text, cached_tokens::text,
            cache_write_tokens::text, output_tokens::text, reasoning_tokens::text,
            input_price::text, cached_price::text, cache_write_price::text, output_price::text,
            reasoning_price::text, cost::text, estimated::text
        ], ' '), response::text, id::text FROM loquat.usage_records ORDER BY id";
    let rows = admin.query(read, &[]).await.unwrap();
    let expected = format!(
        "acme ada {} summary {} 4 large auto east large-2 5 6 7 8 9 10 11 12 13 14 15 true",
        NOW.as_micros(),
        Uuid::from_u128(3)
    );
    let kept: Vec<(String, String, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let of = |response: ResponseId, id| {
        (expected.clone(), response.as_uuid().to_string(), Uuid::from_u128(id).to_string())
    };
    assert_eq!(kept, [of(other, 101), of(turn.id, 102)]);
}
