//! The tables as `migrations/sqlite` makes them, where each column is explained.

diesel::table! {
    conversations (tenant, id) {
        tenant -> Text,
        id -> Binary,
        user -> Text,
        title -> Nullable<Text>,
        metadata -> Text,
        listed -> Bool,
        archived -> Bool,
        leaf -> Nullable<Binary>,
        turn -> Nullable<Binary>,
        created_at -> BigInt,
        updated_at -> BigInt,
        context_version -> Nullable<BigInt>,
        context_edits -> BigInt,
        anchor -> Nullable<BigInt>,
        context_state -> Nullable<Text>,
    }
}

diesel::table! {
    items (rid) {
        rid -> BigInt,
        tenant -> Text,
        id -> Binary,
        conversation -> Binary,
        parent -> Nullable<Binary>,
        position -> BigInt,
        active -> Bool,
        response -> Nullable<Binary>,
        kind -> Text,
        role -> Nullable<Text>,
        content -> Text,
        status -> Text,
        tokens -> BigInt,
        created_at -> BigInt,
        counter -> Text,
    }
}

diesel::table! {
    responses (tenant, id) {
        tenant -> Text,
        id -> Binary,
        user -> Text,
        conversation -> Binary,
        names_conversation -> Bool,
        previous -> Nullable<Binary>,
        model -> Text,
        settings -> Text,
        metadata -> Text,
        receipt -> Text,
        status -> Text,
        status_details -> Nullable<Text>,
        usage -> Nullable<Text>,
        leaf -> Nullable<Binary>,
        output_from -> Nullable<BigInt>,
        last_sequence -> Nullable<BigInt>,
        lease_until -> Nullable<BigInt>,
        created_at -> BigInt,
        completed_at -> Nullable<BigInt>,
        background -> Bool,
        hidden -> Bool,
        stop_requested -> Bool,
        log_until -> Nullable<BigInt>,
        route -> Nullable<Text>,
    }
}

diesel::table! {
    response_events (tenant, response, first_sequence) {
        tenant -> Text,
        response -> Binary,
        first_sequence -> BigInt,
        last_sequence -> BigInt,
        events -> Text,
    }
}

diesel::table! {
    branches (tenant, conversation, leaf) {
        tenant -> Text,
        conversation -> Binary,
        leaf -> Binary,
    }
}

diesel::table! {
    idempotency_keys (tenant, user, route, key) {
        tenant -> Text,
        user -> Text,
        route -> Text,
        key -> Text,
        fingerprint -> Binary,
        made -> Text,
        ids -> Binary,
        expires_at -> BigInt,
    }
}

diesel::table! {
    segments (tenant, conversation, first) {
        tenant -> Text,
        conversation -> Binary,
        first -> BigInt,
        last -> BigInt,
        data -> Binary,
    }
}

diesel::table! {
    summaries (tenant, conversation) {
        tenant -> Text,
        conversation -> Binary,
        covers_to -> BigInt,
        text -> Text,
        tokens -> BigInt,
        counter -> Text,
        model -> Text,
        created_at -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(conversations, items, responses);
