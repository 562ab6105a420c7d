"""Tokens for one application alone, and their end."""

from svix.api import Svix, SvixOptions
from svix.models import AppPortalAccessIn, ApplicationIn, ApplicationTokenExpireIn, EndpointIn, MessageIn

import sdk
from harness import equal, eventually, fails, holds, step, unique


def walk(world):
    svix = world.svix
    app = f"walk-{unique()}"

    def with_token(token):
        return Svix(token, SvixOptions(server_url=world.server_url))

    def opens(access):
        """Checks that a token works for its application, and for nothing else."""
        holds(access.url.startswith("http"), f"the url {access.url}")
        portal = with_token(access.token)
        equal(portal.application.get(app).uid, app, "application")
        endpoint = portal.endpoint.create(app, EndpointIn(url="https://example.com/portal", disabled=True))
        equal([one.id for one in portal.endpoint.list(app).data], [endpoint.id], "endpoints")
        portal.endpoint.delete(app, endpoint.id)
        fails(404, "not_found", lambda: portal.endpoint.list(world.uid))
        fails(403, None, lambda: portal.application.list())
        fails(403, None, lambda: portal.message.create(app, MessageIn(event_type=world.paid, payload={})))

    def is_over(portal):
        eventually(lambda: fails(401, "authentication_failed", lambda: portal.endpoint.list(app)))

    @step("v1.authentication.app-portal-access", "creates the application, and a token that opens nothing else")
    def _():
        access_in = AppPortalAccessIn(application=ApplicationIn(name="Portal", uid=app))
        access = svix.authentication.app_portal_access(app, access_in)
        opens(access)
        world.portal_token = access.token

    @step("v1.authentication.app-portal-access", "404 for an unknown application")
    def _():
        unknown = f"{app}-unknown"
        fails(404, "not_found", lambda: svix.authentication.app_portal_access(unknown, AppPortalAccessIn()))

    if not sdk.V2:

        @step("v1.authentication.dashboard-access", "creates a token that opens nothing else")
        def _():
            opens(svix.authentication.dashboard_access(app))

    @step("v1.authentication.logout", "ends the token that asks for it, and no other")
    def _():
        token = svix.authentication.app_portal_access(app, AppPortalAccessIn()).token
        portal = with_token(token)
        portal.endpoint.list(app)
        portal.authentication.logout()
        is_over(portal)
        with_token(world.portal_token).endpoint.list(app)

    @step("v1.authentication.expire-all", "ends the tokens of a session")
    def _():
        one, other = (
            with_token(svix.authentication.app_portal_access(app, AppPortalAccessIn(session_id=session)).token)
            for session in ("one", "other")
        )
        svix.authentication.expire_all(app, ApplicationTokenExpireIn(expiry=0, session_ids=["one"]))
        is_over(one)
        other.endpoint.list(app)

    @step("v1.authentication.expire-all", "ends all tokens of an application, but not the next")
    def _():
        svix.authentication.expire_all(app, ApplicationTokenExpireIn(expiry=0))
        is_over(with_token(world.portal_token))
        token = svix.authentication.app_portal_access(app, AppPortalAccessIn()).token
        with_token(token).endpoint.list(app)
