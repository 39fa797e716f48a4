#!/bin/sh
# A short chat with curl: two turns of one conversation, each answer shown as it is produced.
#
#   LOQUAT_TOKEN=... examples/chat.sh
#
# The token is the one that the server prints at its start, or what `loquat token` prints.
set -eu
url=${LOQUAT_URL:-http://127.0.0.1:8080}
token=${LOQUAT_TOKEN:?must hold a token: the server prints one at its start}

post() { # PATH BODY
    curl --silent --show-error --fail-with-body --no-buffer "$url$1" \
        --header "Authorization: Bearer $token" \
        --header 'Content-Type: application/json' \
        --data "$2"
}

created=$(post /v1/conversations '{}')
conversation=$(printf '%s' "$created" | sed -n 's/.*"id": *"\(conv_[^"]*\)".*/\1/p')

for message in 'My name is Ada.' 'What is my name?'; do
    printf '> %s\n' "$message"
    post /chat/stream "{\"conversation_id\": \"$conversation\", \"message\": \"$message\"}"
    printf '\n'
done
