import assert from "node:assert/strict";
import { test } from "node:test";

import { NotFoundError } from "openai";

import { all, owner as client } from "./server_under_test.mjs";

const note = (text) => ({ type: "message", role: "user", content: text });

test("a conversation lives from creation to deletion", async () => {
  const conversation = await client.conversations.create({ metadata: { topic: "tea" } });
  assert.deepEqual(await client.conversations.retrieve(conversation.id), conversation);
  const updated = await client.conversations.update(conversation.id, {
    metadata: { topic: "coffee" },
  });
  assert.deepEqual(updated.metadata, { topic: "coffee" });
  const deleted = await client.conversations.delete(conversation.id);
  assert.equal(deleted.id, conversation.id);
  assert.equal(deleted.deleted, true);
  await assert.rejects(client.conversations.retrieve(conversation.id), NotFoundError);
});

test("items are created, retrieved and deleted", async () => {
  const conversation = await client.conversations.create({ items: [note("first")] });
  const in_it = { conversation_id: conversation.id };
  const created = await client.conversations.items.create(conversation.id, {
    items: [note("second")],
  });
  const [second] = created.data;
  const found = await client.conversations.items.retrieve(second.id, in_it);
  assert.equal(found.content[0].text, "second");
  const remaining = await client.conversations.items.delete(second.id, in_it);
  assert.equal(remaining.id, conversation.id);
  await assert.rejects(client.conversations.items.retrieve(second.id, in_it), NotFoundError);
});

test("all items are found page by page in both orders", async () => {
  const conversation = await client.conversations.create();
  const texts = Array.from({ length: 45 }, (_, number) => `note ${number}`);
  for (let start = 0; start < texts.length; start += 15) {
    await client.conversations.items.create(conversation.id, {
      items: texts.slice(start, start + 15).map(note),
    });
  }
  const listed = async (order) => {
    const items = await all(client.conversations.items.list(conversation.id, { order, limit: 20 }));
    return items.map((item) => item.content[0].text);
  };
  assert.deepEqual(await listed("asc"), texts);
  assert.deepEqual(await listed("desc"), [...texts].reverse());
});

test("a turn leaves both its messages in the conversation", async () => {
  const conversation = await client.conversations.create();
  await client.responses.create({
    model: "echo",
    input: "Keep this",
    conversation: conversation.id,
  });
  const items = await all(client.conversations.items.list(conversation.id, { order: "asc" }));
  assert.deepEqual(
    items.map((item) => [item.role, item.content[0].text]),
    [
      ["user", "Keep this"],
      ["assistant", "Keep this"],
    ],
  );
});
