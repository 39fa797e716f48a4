import time
import unittest
import uuid

from openai import APIStatusError, NotFoundError

from server_under_test import ENDLESS, owner, stranger


def key(text):
    return {"Idempotency-Key": text}


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

    def test_an_answer_is_told_again_after_each_of_its_events(self):
        stream = self.client.responses.create(model="echo", input="One two three", stream=True)
        first = list(stream)
        response_id = first[0].response.id
        again = self.client.responses.retrieve(response_id, stream=True)
        self.assertEqual(list(again), first)
        for had in range(len(first)):
            rest = self.client.responses.retrieve(response_id, stream=True, starting_after=had)
            self.assertEqual(list(rest), first[had + 1 :])

    def test_a_running_answer_is_taken_up_by_another_connection(self):
        stream = self.client.responses.create(model="slow", input="One two three", stream=True)
        events = []
        for event in stream:
            events.append(event)
            if event.type == "response.output_text.delta":
                break
        rest = self.client.responses.retrieve(
            events[0].response.id, stream=True, starting_after=events[-1].sequence_number
        )
        events.extend(rest)
        self.assertEqual([event.sequence_number for event in events], list(range(len(events))))
        self.assertEqual(events[-1].type, "response.completed")
        self.assertEqual(events[-1].response.output_text, "One two three")
        stream.close()

    def test_nobody_else_follows_an_answer(self):
        response = self.client.responses.create(model="echo", input="Mine")
        with self.assertRaises(NotFoundError):
            stranger().responses.retrieve(response.id, stream=True)

    def test_an_answer_in_the_background_is_asked_for_until_it_has_ended(self):
        response = self.client.responses.create(
            model="slow", input="One two three", background=True
        )
        self.assertEqual(response.status, "queued")
        self.assertTrue(response.background)
        deadline = time.monotonic() + 20
        while response.status in ("queued", "in_progress"):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
            response = self.client.responses.retrieve(response.id)
        self.assertEqual(response.status, "completed")
        self.assertEqual(response.output_text, "One two three")

    def test_a_stream_in_the_background_is_left_and_taken_up_again(self):
        stream = self.client.responses.create(
            model="slow", input="One two three", background=True, stream=True
        )
        events = []
        for event in stream:
            events.append(event)
            if event.type == "response.output_text.delta":
                break
        stream.close()
        self.assertEqual(
            [event.type for event in events[:3]],
            ["response.created", "response.queued", "response.in_progress"],
        )
        rest = self.client.responses.retrieve(
            events[0].response.id, stream=True, starting_after=events[-1].sequence_number
        )
        events.extend(rest)
        self.assertEqual([event.sequence_number for event in events], list(range(len(events))))
        self.assertEqual(events[-1].response.output_text, "One two three")

    def test_an_answer_in_the_background_is_cancelled(self):
        response = self.client.responses.create(model="slow", input=ENDLESS, background=True)
        cancelled = self.client.responses.cancel(response.id)
        self.assertEqual(cancelled.status, "cancelled")
        self.assertEqual(self.client.responses.retrieve(response.id), cancelled)

    def test_a_request_that_is_repeated_is_done_once(self):
        name = str(uuid.uuid4())
        ask = {"model": "echo", "input": "Only once", "extra_headers": key(name)}
        first = self.client.responses.create(**ask)
        self.assertEqual(self.client.responses.create(**ask), first)
        with self.assertRaises(APIStatusError) as refused:
            self.client.responses.create(model="echo", input="Other", extra_headers=key(name))
        self.assertEqual(refused.exception.status_code, 422)
        self.assertEqual(refused.exception.body["code"], "idempotency_key_reused")

    def test_whoever_repeats_a_request_too_early_follows_the_first_answer(self):
        ask = {"model": "slow", "input": "One two three", "stream": True}
        headers = key(str(uuid.uuid4()))
        stream = self.client.responses.create(**ask, extra_headers=headers)
        first = next(stream)
        with self.assertRaises(APIStatusError) as refused:
            self.client.responses.create(**ask, extra_headers=headers)
        self.assertEqual(refused.exception.status_code, 409)
        named = refused.exception.response.headers["x-response-id"]
        self.assertEqual(named, first.response.id)
        followed = self.client.responses.retrieve(named, stream=True)
        events = list(followed)
        self.assertEqual([first, *stream], events)
        self.assertEqual(list(self.client.responses.create(**ask, extra_headers=headers)), events)

    def test_a_branch_begins_after_an_earlier_item(self):
        conversation = self.client.conversations.create()
        for text in ["One", "Two"]:
            self.client.responses.create(model="echo", input=text, conversation=conversation.id)
        items = self.client.conversations.items.list(conversation.id, order="asc").data
        self.client.responses.create(
            model="echo",
            input="Three",
            conversation={"id": conversation.id, "after": items[1].id},
        )
        edited = self.client.conversations.items.list(conversation.id, order="asc").data
        said = [item.content[0].text for item in edited]
        self.assertEqual(said, ["One", "One", "Three", "Three"])

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
