import unittest

from openai import NotFoundError

from server_under_test import owner


class Models(unittest.TestCase):
    def setUp(self):
        self.client = owner()

    def test_the_configured_models_are_listed(self):
        listed = {model.id for model in self.client.models.list()}
        self.assertEqual(listed, {"broken", "echo", "limited", "slow"})

    def test_a_model_is_retrieved_by_its_name(self):
        model = self.client.models.retrieve("echo")
        self.assertEqual((model.id, model.object), ("echo", "model"))

    def test_an_unknown_model_is_not_found(self):
        with self.assertRaises(NotFoundError) as caught:
            self.client.models.retrieve("unheard-of")
        self.assertEqual(caught.exception.code, "model_not_found")


if __name__ == "__main__":
    unittest.main()
