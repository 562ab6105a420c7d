"""The two generations of the SDK, under the names of the newer one."""

import svix
from svix import models
from svix.api import (
    application,
    authentication,
    background_task,
    endpoint,
    event_type,
    message,
    message_attempt,
)

V2 = svix.__version__.startswith("2.")

# Both generations name options alike.
options = type(
    "Options",
    (),
    {
        name: getattr(module, name)
        for module in (application, authentication, background_task, endpoint, event_type, message, message_attempt)
        for name in dir(module)
        if name.endswith("Options")
    },
)


def _renamed(new, old):
    return getattr(models, new if V2 else old)


EndpointUpsertIn = _renamed("EndpointUpsertIn", "EndpointUpdate")
EventTypeUpsertIn = _renamed("EventTypeUpsertIn", "EventTypeUpdate")
OperationalWebhookEndpointUpsertIn = _renamed(
    "OperationalWebhookEndpointUpsertIn", "OperationalWebhookEndpointUpdate"
)
ConnectorUpsertIn = _renamed("ConnectorUpsertIn", "ConnectorUpdate")
IngestEndpointUpsertIn = _renamed("IngestEndpointUpsertIn", "IngestEndpointUpdate")


def upsert(resource, *arguments):
    return (resource.upsert if V2 else resource.update)(*arguments)


def set_headers(resource, *arguments):
    return (resource.set_headers if V2 else resource.update_headers)(*arguments)


def event_types(names):
    """The field that selects event types, for an endpoint."""
    return {"event_types" if V2 else "filter_types": names}


def event_types_of(endpoint_out):
    return endpoint_out.event_types if V2 else endpoint_out.filter_types


def feature_flags(names):
    """The first generation has both spellings; most users of it know the older one."""
    return {"feature_flags": names} if V2 else {"feature_flag": names[0]}
