import assert from "node:assert/strict";
import { test } from "node:test";

import { all, owner as client } from "./server_under_test.mjs";

const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Say this again" },
];

test("a completion comes whole with its usage", async () => {
  const completion = await client.chat.completions.create({ model: "echo", messages });
  const [choice] = completion.choices;
  assert.equal(choice.message.role, "assistant");
  assert.equal(choice.message.content, "Say this again");
  assert.equal(choice.finish_reason, "stop");
  assert.equal(completion.usage.completion_tokens, 3);
});

test("a completion streams and ends with its usage", async () => {
  const chunks = await all(
    await client.chat.completions.create({
      model: "echo",
      messages,
      stream: true,
      stream_options: { include_usage: true },
    }),
  );
  assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
  const last = chunks.pop();
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage.completion_tokens, 3);
  assert.ok(chunks.every((chunk) => chunk.usage === null));
  const pieces = chunks.map((chunk) => chunk.choices[0].delta.content ?? "");
  assert.equal(pieces.join(""), "Say this again");
  assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
});

test("the stream helper gathers the final completion", async () => {
  const stream = client.chat.completions.stream({ model: "echo", messages });
  assert.equal(await stream.finalContent(), "Say this again");
});
