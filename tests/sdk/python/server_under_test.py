"""The server that the tests talk to, as the environment names it, and clients for it.

LOQUAT_URL             address of a server with these models: `echo` says again what it is told;
                       `slow` does so with a pause between two words; `limited` has a provider
                       that asks to slow down; `broken` has one that says "Half of " and fails
LOQUAT_TOKEN           a token of one user
LOQUAT_STRANGER_TOKEN  a token of another tenant
"""

import os

from openai import OpenAI

BASE_URL = os.environ["LOQUAT_URL"] + "/v1"

# Words for `slow`: it would take longer to say them all than any test waits.
ENDLESS = "word " * 2000


def client(token: str) -> OpenAI:
    """A client that believes nothing: each answer and event must have the documented shape."""
    return OpenAI(
        base_url=BASE_URL,
        api_key=token,
        max_retries=0,
        timeout=30,
        _strict_response_validation=True,
    )


def owner() -> OpenAI:
    return client(os.environ["LOQUAT_TOKEN"])


def stranger() -> OpenAI:
    return client(os.environ["LOQUAT_STRANGER_TOKEN"])
