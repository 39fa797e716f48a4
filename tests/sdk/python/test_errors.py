import unittest

from openai import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    RateLimitError,
)

from server_under_test import ENDLESS, client, owner, stranger


class Errors(unittest.TestCase):
    def setUp(self):
        self.client = owner()

    def test_a_wrong_token_is_an_authentication_error(self):
        with self.assertRaises(AuthenticationError):
            client("not-a-token").models.list()

    def test_an_unknown_response_is_not_found(self):
        with self.assertRaises(NotFoundError) as caught:
            self.client.responses.retrieve("resp_00000000000000000000000000000000")
        self.assertEqual(caught.exception.status_code, 404)

    def test_a_strangers_response_looks_like_an_unknown_one(self):
        mine = self.client.responses.create(model="echo", input="Mine")
        with self.assertRaises(NotFoundError) as foreign:
            stranger().responses.retrieve(mine.id)
        with self.assertRaises(NotFoundError) as unknown:
            stranger().responses.retrieve("resp_00000000000000000000000000000000")
        self.assertEqual(foreign.exception.body, unknown.exception.body)

    def test_an_unknown_previous_response_is_not_found(self):
        with self.assertRaises(NotFoundError) as caught:
            self.client.responses.create(
                model="echo",
                input="Go on",
                previous_response_id="resp_00000000000000000000000000000000",
            )
        self.assertEqual(caught.exception.code, "previous_response_not_found")

    def test_a_value_out_of_range_is_a_bad_request_that_names_the_field(self):
        with self.assertRaises(BadRequestError) as caught:
            self.client.responses.create(model="echo", input="Hi", temperature=7)
        self.assertEqual(caught.exception.param, "temperature")
        self.assertEqual(caught.exception.type, "invalid_request_error")

    def test_two_ways_to_continue_at_once_are_a_bad_request(self):
        conversation = self.client.conversations.create()
        first = self.client.responses.create(model="echo", input="Hi")
        with self.assertRaises(BadRequestError):
            self.client.responses.create(
                model="echo",
                input="Hi",
                conversation=conversation.id,
                previous_response_id=first.id,
            )

    def test_a_second_turn_beside_a_running_one_is_a_conflict(self):
        conversation = self.client.conversations.create()
        running = self.client.responses.create(
            model="slow", input=ENDLESS, conversation=conversation.id, stream=True
        )
        response_id = next(iter(running)).response.id
        with self.assertRaises(ConflictError) as caught:
            self.client.responses.create(
                model="echo", input="Me too", conversation=conversation.id
            )
        self.assertEqual(caught.exception.code, "conversation_locked")
        self.client.responses.cancel(response_id)
        after = self.client.responses.create(
            model="echo", input="Now me", conversation=conversation.id
        )
        self.assertEqual(after.output_text, "Now me")

    def test_a_provider_that_asks_to_slow_down_is_a_rate_limit_error(self):
        with self.assertRaises(RateLimitError):
            self.client.responses.create(model="limited", input="Hi")

    def test_a_failure_in_the_middle_of_a_stream_is_an_error_with_its_code(self):
        said = ""
        with self.assertRaises(APIError) as caught:
            stream = self.client.responses.create(model="broken", input="Hi", stream=True)
            for event in stream:
                if event.type == "response.output_text.delta":
                    said += event.delta
        self.assertEqual(caught.exception.code, "provider_error")
        self.assertEqual(said, "Half of ")


if __name__ == "__main__":
    unittest.main()
