#!/bin/sh
# Publishes one event over HTTP: TOKEN=… ./publish.sh acme
set -eu
# The application is in the path; 202 means: stored. A repetition with the same key is the
# same event.
curl --fail-with-body --silent --show-error \
    --header "Authorization: Bearer ${TOKEN:?make one with: posthorn jwt generate}" \
    --header "Content-Type: application/json" \
    --header "Idempotency-Key: order-1-created" \
    --data '{"eventType":"order.created","payload":{"order":1}}' \
    "${POSTHORN_URL:-http://127.0.0.1:8071}/api/v1/app/${1:-acme}/msg"
