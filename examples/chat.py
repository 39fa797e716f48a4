"""A short chat with the OpenAI SDK for Python: two turns of one conversation, each answer shown as
it is produced.

    pip install openai
    LOQUAT_TOKEN=... python examples/chat.py

The token is the one that the server prints at its start, or what `loquat token` prints.
"""

import os

from openai import OpenAI

url = os.environ.get("LOQUAT_URL", "http://127.0.0.1:8080")
client = OpenAI(base_url=f"{url}/v1", api_key=os.environ["LOQUAT_TOKEN"])

conversation = client.conversations.create()
for message in ["My name is Ada.", "What is my name?"]:
    print(f"> {message}")
    stream = client.responses.create(conversation=conversation.id, input=message, stream=True)
    for event in stream:
        if event.type == "response.output_text.delta":
            print(event.delta, end="", flush=True)
    print()
