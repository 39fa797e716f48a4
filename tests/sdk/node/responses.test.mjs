import assert from "node:assert/strict";
import { test } from "node:test";

import { NotFoundError } from "openai";

import { ENDLESS, all, owner as client } from "./server_under_test.mjs";

test("an answer comes whole with its usage", async () => {
  const response = await client.responses.create({
    model: "echo",
    input: "Good morning, moon!",
    instructions: "Be brief.",
    temperature: 0.5,
    top_p: 0.9,
    max_output_tokens: 100,
    metadata: { topic: "greeting" },
  });
  assert.equal(response.output_text, "Good morning, moon!");
  assert.equal(response.status, "completed");
  assert.equal(response.model, "echo");
  assert.equal(response.instructions, "Be brief.");
  assert.equal(response.temperature, 0.5);
  assert.equal(response.top_p, 0.9);
  assert.equal(response.max_output_tokens, 100);
  assert.deepEqual(response.metadata, { topic: "greeting" });
  assert.equal(response.usage.output_tokens, 3);
  assert.equal(
    response.usage.total_tokens,
    response.usage.input_tokens + response.usage.output_tokens,
  );
});

test("an answer streams in pieces that add up", async () => {
  const events = await all(
    await client.responses.create({ model: "echo", input: "One two three", stream: true }),
  );
  assert.equal(events[0].type, "response.created");
  assert.equal(events.at(-1).type, "response.completed");
  assert.deepEqual(
    events.map((event) => event.sequence_number),
    [...events.keys()],
  );
  const pieces = events.filter((event) => event.type === "response.output_text.delta");
  assert.deepEqual(
    pieces.map((event) => event.delta),
    ["One ", "two ", "three"],
  );
});

test("the stream helper gathers the final response", async () => {
  const stream = client.responses.stream({ model: "echo", input: "All in one" });
  let said = "";
  stream.on("response.output_text.delta", (event) => {
    said += event.delta;
  });
  const final = await stream.finalResponse();
  assert.equal(final.status, "completed");
  assert.equal(final.output_text, "All in one");
  assert.equal(said, "All in one");
});

test("a stored response is retrieved as it was answered", async () => {
  const created = await client.responses.create({ model: "echo", input: "Remember me" });
  assert.deepEqual(await client.responses.retrieve(created.id), created);
});

test("a deleted response is gone", async () => {
  const created = await client.responses.create({ model: "echo", input: "Forget me" });
  await client.responses.delete(created.id);
  await assert.rejects(client.responses.retrieve(created.id), NotFoundError);
});

test("a response that is not stored cannot be retrieved", async () => {
  const created = await client.responses.create({ model: "echo", input: "Hush", store: false });
  assert.equal(created.output_text, "Hush");
  await assert.rejects(client.responses.retrieve(created.id), NotFoundError);
});

test("a running response is cancelled and keeps what it said", async () => {
  const stream = await client.responses.create({ model: "slow", input: ENDLESS, stream: true });
  let id;
  let said = "";
  let cancelled;
  for await (const event of stream) {
    if (event.type === "response.created") {
      id = event.response.id;
    }
    if (event.type === "response.output_text.delta") {
      said += event.delta;
      cancelled ??= await client.responses.cancel(id);
    }
  }
  assert.equal(cancelled.status, "cancelled");
  const stored = await client.responses.retrieve(id);
  assert.equal(stored.status, "cancelled");
  assert.equal(stored.output_text, said);
  assert.ok(ENDLESS.startsWith(said));
});

test("a client that aborts its stream cancels the response", async () => {
  const conversation = await client.conversations.create();
  const stream = await client.responses.create({
    model: "slow",
    input: ENDLESS,
    conversation: conversation.id,
    stream: true,
  });
  let id;
  for await (const event of stream) {
    if (event.type === "response.created") {
      id = event.response.id;
    }
    if (event.type === "response.output_text.delta") {
      break; // The SDK aborts the request.
    }
  }
  // Cancelling what is already being cancelled waits for its end, and changes nothing.
  await client.responses.cancel(id);
  const ended = await client.responses.retrieve(id);
  assert.equal(ended.status, "cancelled");
  assert.ok(ENDLESS.startsWith(ended.output_text) && ended.output_text.length > 0);
});

test("a response continues an earlier one", async () => {
  const first = await client.responses.create({ model: "echo", input: "First words here" });
  const second = await client.responses.create({
    model: "echo",
    input: "Second",
    previous_response_id: first.id,
  });
  assert.equal(second.previous_response_id, first.id);
  // The echo counts the words that it sees: both of the first turn's messages and its own.
  assert.equal(second.usage.input_tokens, 3 + 3 + 1);
});

test("a response continues a conversation", async () => {
  const conversation = await client.conversations.create();
  let response;
  for (const input of ["Hello there", "And again"]) {
    response = await client.responses.create({
      model: "echo",
      input,
      conversation: conversation.id,
    });
    assert.equal(response.conversation.id, conversation.id);
  }
  assert.equal(response.usage.input_tokens, 2 + 2 + 2);
});
