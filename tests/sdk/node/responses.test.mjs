import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { APIError, NotFoundError } from "openai";

import { ENDLESS, all, owner as client, stranger } from "./server_under_test.mjs";

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

test("an answer is told again after each of its events", async () => {
  const first = await all(
    await client.responses.create({ model: "echo", input: "One two three", stream: true }),
  );
  const { id } = first[0].response;
  assert.deepEqual(await all(await client.responses.retrieve(id, { stream: true })), first);
  for (const had of first.keys()) {
    const rest = await client.responses.retrieve(id, { stream: true, starting_after: had });
    assert.deepEqual(await all(rest), first.slice(had + 1));
  }
});

test("the stream helper takes up an answer after an event", async () => {
  const first = await all(
    await client.responses.create({ model: "echo", input: "One two three", stream: true }),
  );
  const { id } = first[0].response;
  const stream = client.responses.stream({ response_id: id, starting_after: 4 });
  const numbers = [];
  stream.on("event", (event) => numbers.push(event.sequence_number));
  const final = await stream.finalResponse();
  assert.equal(final.output_text, "One two three");
  assert.deepEqual(
    numbers,
    first.slice(5).map((event) => event.sequence_number),
  );
});

test("a stream in the background is left and taken up again", async () => {
  const stream = await client.responses.create({
    model: "slow",
    input: "One two three",
    background: true,
    stream: true,
  });
  const events = [];
  for await (const event of stream) {
    events.push(event);
    if (event.type === "response.output_text.delta") {
      break; // The SDK aborts the request.
    }
  }
  const rest = await client.responses.retrieve(events[0].response.id, {
    stream: true,
    starting_after: events.at(-1).sequence_number,
  });
  events.push(...(await all(rest)));
  assert.deepEqual(
    events.map((event) => event.sequence_number),
    [...events.keys()],
  );
  assert.deepEqual(
    events.slice(0, 3).map((event) => event.type),
    ["response.created", "response.queued", "response.in_progress"],
  );
  assert.equal(events.at(-1).type, "response.completed");
  const pieces = events.filter((event) => event.type === "response.output_text.delta");
  assert.equal(pieces.map((event) => event.delta).join(""), "One two three");
});

test("an answer in the background is asked for until it has ended", async () => {
  let response = await client.responses.create({
    model: "slow",
    input: "One two three",
    background: true,
  });
  assert.equal(response.status, "queued");
  assert.equal(response.background, true);
  const deadline = Date.now() + 20_000;
  while (["queued", "in_progress"].includes(response.status)) {
    assert.ok(Date.now() < deadline);
    await setTimeout(50);
    response = await client.responses.retrieve(response.id);
  }
  assert.equal(response.status, "completed");
  assert.equal(response.output_text, "One two three");
});

test("nobody else follows an answer", async () => {
  const { id } = await client.responses.create({ model: "echo", input: "Mine" });
  await assert.rejects(stranger.responses.retrieve(id, { stream: true }), NotFoundError);
});

test("a request that is repeated is done once", async () => {
  const headers = { "Idempotency-Key": randomUUID() };
  const body = { model: "echo", input: "Only once" };
  const first = await client.responses.create(body, { headers });
  assert.deepEqual(await client.responses.create(body, { headers }), first);
  await assert.rejects(
    client.responses.create({ ...body, input: "Other" }, { headers }),
    (error) =>
      error instanceof APIError && error.status === 422 && error.code === "idempotency_key_reused",
  );
});

test("whoever repeats a request too early follows the first answer", async () => {
  const headers = { "Idempotency-Key": randomUUID() };
  const body = { model: "slow", input: "One two three", stream: true };
  const events = [];
  let followed;
  for await (const event of await client.responses.create(body, { headers })) {
    events.push(event);
    if (event.type === "response.created") {
      const refused = await client.responses.create(body, { headers }).catch((error) => error);
      assert.equal(refused.status, 409);
      const id = refused.headers.get("x-response-id");
      assert.equal(id, event.response.id);
      followed = await client.responses.retrieve(id, { stream: true });
    }
  }
  assert.deepEqual(await all(followed), events);
  assert.deepEqual(await all(await client.responses.create(body, { headers })), events);
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
