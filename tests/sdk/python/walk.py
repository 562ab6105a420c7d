"""Walks through Posthorn's API with Svix's Python SDK, of either generation; see run.sh."""

import os

from svix.api import Svix, SvixOptions

import access
import applications
import deliveries
import endpoints
import event_types
import messages
import operational_webhooks
import unserved
import usage
from harness import Context, Receiver

server_url = os.environ["SVIX_SERVER_URL"]
token = os.environ["SVIX_TOKEN"]

world = Context(
    server_url=server_url,
    token=token,
    svix=Svix(token, SvixOptions(server_url=server_url)),
    receiver=Receiver(os.environ["RECEIVER_URL"]),
)
for part in (
    applications,
    event_types,
    endpoints,
    messages,
    deliveries,
    usage,
    access,
    operational_webhooks,
    unserved,
):
    part.walk(world)
