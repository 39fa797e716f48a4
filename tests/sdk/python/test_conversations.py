import unittest

from openai import NotFoundError

from server_under_test import owner


class Conversations(unittest.TestCase):
    def setUp(self):
        self.client = owner()

    def test_a_conversation_lives_from_creation_to_deletion(self):
        conversation = self.client.conversations.create(metadata={"topic": "tea"})
        self.assertEqual(self.client.conversations.retrieve(conversation.id), conversation)
        updated = self.client.conversations.update(conversation.id, metadata={"topic": "coffee"})
        self.assertEqual(updated.metadata, {"topic": "coffee"})
        deleted = self.client.conversations.delete(conversation.id)
        self.assertEqual((deleted.id, deleted.deleted), (conversation.id, True))
        with self.assertRaises(NotFoundError):
            self.client.conversations.retrieve(conversation.id)

    def test_items_are_created_retrieved_and_deleted(self):
        conversation = self.client.conversations.create(
            items=[{"type": "message", "role": "user", "content": "first"}]
        )
        created = self.client.conversations.items.create(
            conversation.id,
            items=[{"type": "message", "role": "user", "content": "second"}],
        )
        [second] = created.data
        found = self.client.conversations.items.retrieve(
            second.id, conversation_id=conversation.id
        )
        self.assertEqual(found.content[0].text, "second")
        remaining = self.client.conversations.items.delete(
            second.id, conversation_id=conversation.id
        )
        self.assertEqual(remaining.id, conversation.id)
        with self.assertRaises(NotFoundError):
            self.client.conversations.items.retrieve(second.id, conversation_id=conversation.id)

    def test_all_items_are_found_page_by_page_in_both_orders(self):
        conversation = self.client.conversations.create()
        texts = [f"note {number}" for number in range(45)]
        for start in range(0, len(texts), 15):
            self.client.conversations.items.create(
                conversation.id,
                items=[
                    {"type": "message", "role": "user", "content": text}
                    for text in texts[start : start + 15]
                ],
            )

        def listed(order):
            pages = self.client.conversations.items.list(conversation.id, order=order, limit=20)
            return [item.content[0].text for item in pages]

        self.assertEqual(listed("asc"), texts)
        self.assertEqual(listed("desc"), texts[::-1])

    def test_a_turn_leaves_both_its_messages_in_the_conversation(self):
        conversation = self.client.conversations.create()
        self.client.responses.create(model="echo", input="Keep this", conversation=conversation.id)
        items = list(self.client.conversations.items.list(conversation.id, order="asc"))
        self.assertEqual([item.role for item in items], ["user", "assistant"])
        self.assertEqual([item.content[0].text for item in items], ["Keep this", "Keep this"])


if __name__ == "__main__":
    unittest.main()
