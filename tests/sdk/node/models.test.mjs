import assert from "node:assert/strict";
import { test } from "node:test";

import { NotFoundError } from "openai";

import { all, owner as client } from "./server_under_test.mjs";

test("the configured models are listed", async () => {
  const models = await all(client.models.list());
  assert.deepEqual(
    models.map((model) => model.id).sort(),
    ["broken", "echo", "limited", "slow"],
  );
});

test("a model is retrieved by its name", async () => {
  const model = await client.models.retrieve("echo");
  assert.deepEqual([model.id, model.object], ["echo", "model"]);
});

test("an unknown model is not found", async () => {
  await assert.rejects(client.models.retrieve("unheard-of"), (error) => {
    assert.ok(error instanceof NotFoundError);
    assert.equal(error.code, "model_not_found");
    return true;
  });
});
