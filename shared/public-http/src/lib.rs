//! What ingest and api have in common as public HTTP servers: tokens, the shape of errors, and what
//! surrounds every route.
//!
//! - [`token`], [`grant`], [`authenticated`]: who calls, and what they may do.
//! - [`error_body`]: every error as JSON, in Svix's two shapes.
//! - [`body`], [`query`]: reading requests, with precise errors.
//! - [`middleware`]: both slash forms, JSON for unknown routes, CORS, a span per request.
//! - `unread`: bodies that nobody read.
//! - [`application_maker`]: applications that messages bring.
//! - [`server`]: bound first, served later, drained at the end.

pub mod application_maker;
pub mod authenticated;
pub mod body;
pub mod error_body;
pub mod grant;
pub mod middleware;
pub mod query;
pub mod server;
pub mod token;
mod unread;

pub use application_maker::MakeApplication;
pub use authenticated::Authenticated;
pub use body::{JsonBody, RawBody};
pub use error_body::{ApiError, Problem};
pub use grant::{Capability, Grant};
pub use middleware::wrap;
pub use query::QueryParams;
pub use server::HttpServer;
pub use token::{Caller, Scope, TokenError, TokenKey};
