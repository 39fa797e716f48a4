import assert from "node:assert/strict";
import { test } from "node:test";

import {
  APIError,
  AuthenticationError,
  BadRequestError,
  ConflictError,
  NotFoundError,
  RateLimitError,
} from "openai";

import { ENDLESS, client as clientWith, owner as client, stranger } from "./server_under_test.mjs";

const UNKNOWN = "resp_00000000000000000000000000000000";

// The error with which the promise is rejected, which must be of that class.
async function failure(promise, kind) {
  const error = await promise.then(
    () => assert.fail("it succeeded"),
    (error) => error,
  );
  assert.ok(error instanceof kind, `${error}`);
  return error;
}

test("a wrong token is an authentication error", async () => {
  await failure(clientWith("not-a-token").models.list(), AuthenticationError);
});

test("a stranger's response looks like an unknown one", async () => {
  const mine = await client.responses.create({ model: "echo", input: "Mine" });
  const foreign = await failure(stranger.responses.retrieve(mine.id), NotFoundError);
  const unknown = await failure(stranger.responses.retrieve(UNKNOWN), NotFoundError);
  assert.deepEqual(foreign.error, unknown.error);
});

test("an unknown previous response is not found", async () => {
  const error = await failure(
    client.responses.create({ model: "echo", input: "Go on", previous_response_id: UNKNOWN }),
    NotFoundError,
  );
  assert.equal(error.code, "previous_response_not_found");
});

test("a value out of range is a bad request that names the field", async () => {
  const error = await failure(
    client.responses.create({ model: "echo", input: "Hi", temperature: 7 }),
    BadRequestError,
  );
  assert.equal(error.param, "temperature");
  assert.equal(error.type, "invalid_request_error");
});

test("a second turn beside a running one is a conflict", async () => {
  const conversation = await client.conversations.create();
  const running = await client.responses.create({
    model: "slow",
    input: ENDLESS,
    conversation: conversation.id,
    stream: true,
  });
  const error = await failure(
    client.responses.create({ model: "echo", input: "Me too", conversation: conversation.id }),
    ConflictError,
  );
  assert.equal(error.code, "conversation_locked");
  running.controller.abort();
});

test("a provider that asks to slow down is a rate limit error", async () => {
  await failure(client.responses.create({ model: "limited", input: "Hi" }), RateLimitError);
});

test("a failure in the middle of a stream is an error with its code", async () => {
  const stream = await client.responses.create({ model: "broken", input: "Hi", stream: true });
  let said = "";
  const consumed = (async () => {
    for await (const event of stream) {
      said += event.type === "response.output_text.delta" ? event.delta : "";
    }
  })();
  const error = await failure(consumed, APIError);
  assert.equal(error.code, "provider_error");
  assert.equal(said, "Half of ");
});
