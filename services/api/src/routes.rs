//! The routes, a file for each kind of object, with their full paths.

mod application;
mod attempt;
mod endpoint;
mod endpoint_headers;
mod endpoint_secret;
mod event_type;
mod event_type_import;
mod event_type_schedule;
mod filter;
mod health;
mod message;
mod operational_endpoint;
mod portal_access;
mod resend;
mod session;
mod unserved;

use utoipa_axum::router::OpenApiRouter;

use crate::state::ApiState;

/// All routes of this crate that are served.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(health::router())
        .merge(application::router())
        .merge(endpoint::router())
        .merge(endpoint_secret::router())
        .merge(endpoint_headers::router())
        .merge(event_type::router())
        .merge(event_type_import::router())
        .merge(event_type_schedule::router())
        .merge(message::router())
        .merge(attempt::router())
        .merge(resend::router())
        .merge(portal_access::router())
        .merge(operational_endpoint::router())
        .merge(session::router())
}

/// What Svix has and this build has not.
pub(crate) fn unserved() -> axum::Router<ApiState> {
    unserved::router()
}
