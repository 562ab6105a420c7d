//! The routes, a file for each kind of object, with their full paths.

mod api_key;
pub(crate) mod application;
mod attempt;
mod browser_session;
mod cancel;
mod endpoint;
mod endpoint_access;
mod endpoint_activity;
mod endpoint_headers;
mod endpoint_oauth;
mod endpoint_schedule;
mod endpoint_secret;
mod endpoint_tls;
mod event_type;
mod event_type_import;
mod event_type_schedule;
mod example;
mod expunge;
mod filter;
pub(crate) mod fleet;
mod health;
mod import;
mod import_application;
mod import_endpoint;
mod import_event_type;
mod inbox;
pub(crate) mod inbox_door;
mod live;
mod message;
mod operational_endpoint;
mod overview;
mod portal_access;
mod portal_look;
mod release;
mod replay;
mod resend;
mod search;
mod server;
mod session;
mod stats;
mod task;
mod unserved;
mod usage;
mod waiting;
mod why;

use utoipa_axum::router::OpenApiRouter;

use crate::state::ApiState;

/// All routes of this crate that are served.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(health::router())
        .merge(application::router())
        .merge(endpoint::router())
        .merge(endpoint_activity::router())
        .merge(endpoint_secret::router())
        .merge(endpoint_headers::router())
        .merge(endpoint_tls::router())
        .merge(endpoint_oauth::router())
        .merge(endpoint_schedule::router())
        .merge(event_type::router())
        .merge(event_type_import::router())
        .merge(event_type_schedule::router())
        .merge(message::router())
        .merge(attempt::router())
        .merge(resend::router())
        .merge(replay::router())
        .merge(cancel::router())
        .merge(release::router())
        .merge(task::router())
        .merge(stats::router())
        .merge(overview::router())
        .merge(live::router())
        .merge(inbox::router())
        .merge(fleet::router())
        .merge(waiting::router())
        .merge(why::router())
        .merge(example::router())
        .merge(search::router())
        .merge(expunge::router())
        .merge(usage::router())
        .merge(portal_access::router())
        .merge(operational_endpoint::router())
        .merge(server::router())
        .merge(session::router())
        .merge(browser_session::router())
        .merge(api_key::router())
        .merge(portal_look::router())
        .merge(import_event_type::router())
        .merge(import_application::router())
        .merge(import_endpoint::router())
}

/// What Svix has and this build has not.
pub(crate) fn unserved() -> axum::Router<ApiState> {
    unserved::router()
}
