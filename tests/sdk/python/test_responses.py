import unittest

from openai import NotFoundError

from server_under_test import ENDLESS, owner


class Responses(unittest.TestCase):
    def setUp(self):
        self.client = owner()

    def test_an_answer_comes_whole_with_its_usage(self):
        response = self.client.responses.create(
            model="echo",
            input="Good morning, moon!",
            instructions="Be brief.",
            temperature=0.5,
            top_p=0.9,
            max_output_tokens=100,
            metadata={"topic": "greeting"},
        )
        self.assertEqual(response.output_text, "Good morning, moon!")
        self.assertEqual(response.status, "completed")
        self.assertEqual(response.model, "echo")
        self.assertEqual(response.instructions, "Be brief.")
        self.assertEqual(response.temperature, 0.5)
        self.assertEqual(response.top_p, 0.9)
        self.assertEqual(response.max_output_tokens, 100)
        self.assertEqual(response.metadata, {"topic": "greeting"})
        self.assertEqual(response.usage.output_tokens, 3)
        self.assertEqual(
            response.usage.total_tokens,
            response.usage.input_tokens + response.usage.output_tokens,
        )

    def test_an_answer_streams_in_pieces_that_add_up(self):
        stream = self.client.responses.create(model="echo", input="One two three", stream=True)
        events = list(stream)
        self.assertEqual(events[0].type, "response.created")
        self.assertEqual(events[-1].type, "response.completed")
        self.assertEqual([event.sequence_number for event in events], list(range(len(events))))
        pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
        self.assertEqual(pieces, ["One ", "two ", "three"])
        self.assertEqual(events[-1].response.output_text, "One two three")

    def test_the_stream_helper_gathers_the_final_response(self):
        with self.client.responses.stream(model="echo", input="All in one") as stream:
            for _ in stream:
                pass
            final = stream.get_final_response()
        self.assertEqual(final.output_text, "All in one")
        self.assertEqual(final.status, "completed")

    def test_a_short_limit_makes_the_answer_incomplete(self):
        words = " ".join(f"word{number}" for number in range(40))
        response = self.client.responses.create(model="echo", input=words, max_output_tokens=16)
        self.assertEqual(response.status, "incomplete")
        self.assertEqual(response.incomplete_details.reason, "max_output_tokens")
        self.assertEqual(len(response.output_text.split()), 16)

    def test_a_stored_response_is_retrieved_as_it_was_answered(self):
        created = self.client.responses.create(model="echo", input="Remember me")
        self.assertEqual(self.client.responses.retrieve(created.id), created)

    def test_a_deleted_response_is_gone(self):
        created = self.client.responses.create(model="echo", input="Forget me")
        self.client.responses.delete(created.id)
        with self.assertRaises(NotFoundError):
            self.client.responses.retrieve(created.id)

    def test_a_response_that_is_not_stored_cannot_be_retrieved(self):
        created = self.client.responses.create(model="echo", input="Off the record", store=False)
        self.assertEqual(created.output_text, "Off the record")
        with self.assertRaises(NotFoundError):
            self.client.responses.retrieve(created.id)

    def test_a_running_response_is_cancelled_and_keeps_what_it_said(self):
        stream = self.client.responses.create(model="slow", input=ENDLESS, stream=True)
        said = ""
        for event in stream:
            if event.type == "response.created":
                response_id = event.response.id
            if event.type == "response.output_text.delta":
                said += event.delta
                break
        cancelled = self.client.responses.cancel(response_id)
        self.assertEqual(cancelled.status, "cancelled")
        said += "".join(
            event.delta for event in stream if event.type == "response.output_text.delta"
        )
        stored = self.client.responses.retrieve(response_id)
        self.assertEqual(stored.status, "cancelled")
        self.assertEqual(stored.output_text, said)
        self.assertTrue(ENDLESS.startswith(said))

    def test_a_response_continues_an_earlier_one(self):
        first = self.client.responses.create(model="echo", input="First words here")
        second = self.client.responses.create(
            model="echo", input="Second", previous_response_id=first.id
        )
        self.assertEqual(second.previous_response_id, first.id)
        # The echo counts the words that it sees: both of the first turn's messages and its own.
        self.assertEqual(second.usage.input_tokens, 3 + 3 + 1)

    def test_a_response_continues_a_conversation(self):
        conversation = self.client.conversations.create()
        for text in ["Hello there", "And again"]:
            response = self.client.responses.create(
                model="echo", input=text, conversation=conversation.id
            )
            self.assertEqual(response.conversation.id, conversation.id)
        self.assertEqual(response.usage.input_tokens, 2 + 2 + 2)

    def test_input_may_be_a_list_of_items(self):
        response = self.client.responses.create(
            model="echo",
            input=[
                {"role": "developer", "content": "Be kind."},
                {"role": "user", "content": "Not this one"},
                {"role": "assistant", "content": "Nor this"},
                {"role": "user", "content": [{"type": "input_text", "text": "But this one"}]},
            ],
        )
        self.assertEqual(response.output_text, "But this one")


if __name__ == "__main__":
    unittest.main()
