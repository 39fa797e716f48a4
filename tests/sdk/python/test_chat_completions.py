import unittest

from server_under_test import owner

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Say this again"},
]


class ChatCompletions(unittest.TestCase):
    def setUp(self):
        self.client = owner()

    def test_a_completion_comes_whole_with_its_usage(self):
        completion = self.client.chat.completions.create(model="echo", messages=MESSAGES)
        [choice] = completion.choices
        self.assertEqual(choice.message.role, "assistant")
        self.assertEqual(choice.message.content, "Say this again")
        self.assertEqual(choice.finish_reason, "stop")
        self.assertEqual(completion.usage.completion_tokens, 3)
        self.assertEqual(
            completion.usage.total_tokens,
            completion.usage.prompt_tokens + completion.usage.completion_tokens,
        )

    def test_a_completion_streams_and_ends_with_its_usage(self):
        stream = self.client.chat.completions.create(
            model="echo",
            messages=MESSAGES,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
        self.assertEqual(len({chunk.id for chunk in chunks}), 1)
        *answer, last = chunks
        self.assertEqual(last.choices, [])
        self.assertEqual(last.usage.completion_tokens, 3)
        self.assertTrue(all(chunk.usage is None for chunk in answer))
        pieces = [chunk.choices[0].delta.content or "" for chunk in answer]
        self.assertEqual("".join(pieces), "Say this again")
        self.assertEqual(answer[-1].choices[0].finish_reason, "stop")

    def test_usage_comes_only_when_it_is_asked_for(self):
        stream = self.client.chat.completions.create(model="echo", messages=MESSAGES, stream=True)
        chunks = list(stream)
        self.assertTrue(all(chunk.usage is None and chunk.choices for chunk in chunks))

    def test_a_short_limit_ends_the_completion_for_its_length(self):
        completion = self.client.chat.completions.create(
            model="echo", messages=MESSAGES, max_completion_tokens=2
        )
        [choice] = completion.choices
        self.assertEqual(choice.finish_reason, "length")
        self.assertEqual(choice.message.content, "Say this ")


if __name__ == "__main__":
    unittest.main()
