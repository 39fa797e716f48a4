// The server that the tests talk to, as the environment names it, and clients for it.
//
// LOQUAT_URL             address of a server with these models: `echo` says again what it is told;
//                        `slow` does so with a pause between two words; `limited` has a
//                        provider that asks to slow down; `broken` has one that says "Half of "
//                        and fails
// LOQUAT_TOKEN           a token of one user
// LOQUAT_STRANGER_TOKEN  a token of another tenant

import OpenAI from "openai";

// Words for `slow`: it would take longer to say them all than any test waits.
export const ENDLESS = "word ".repeat(2000);

export function client(token) {
  return new OpenAI({
    baseURL: `${process.env.LOQUAT_URL}/v1`,
    apiKey: token,
    maxRetries: 0,
    timeout: 30_000,
  });
}

export const owner = client(process.env.LOQUAT_TOKEN);
export const stranger = client(process.env.LOQUAT_STRANGER_TOKEN);

// All that an asynchronous sequence has.
export async function all(sequence) {
  const found = [];
  for await (const one of sequence) {
    found.push(one);
  }
  return found;
}
