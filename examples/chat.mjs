// A short chat with the OpenAI SDK for Node: two turns of one conversation, each answer shown as
// it is produced.
//
//   npm ci --prefix examples
//   LOQUAT_TOKEN=... node examples/chat.mjs
//
// The token is the one that the server prints at its start, or what `loquat token` prints.

import OpenAI from "openai";

const url = process.env.LOQUAT_URL ?? "http://127.0.0.1:8080";
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: process.env.LOQUAT_TOKEN });

const conversation = await client.conversations.create();
for (const message of ["My name is Ada.", "What is my name?"]) {
  console.log(`> ${message}`);
  const stream = await client.responses.create({
    conversation: conversation.id,
    input: message,
    stream: true,
  });
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") {
      process.stdout.write(event.delta);
    }
  }
  console.log();
}
