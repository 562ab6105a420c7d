//! The REST API, in Svix's words and shapes: configuration, history, resend.
//!
//! | Modules | Hold |
//! | --- | --- |
//! | [`config`], [`service`], `upkeep` | the settings, and the process |
//! | `router`, `routes`, `scope`, `credential`, `capability`, `state` | requests: what is served, and who may ask for it |
//! | [`openapi`], `docs_page` | what is served, as a document and as a page, made from the routes |
//! | `idempotency`, `minted`, `reply` | repeating a POST changes nothing |
//! | `json_schema`, `openapi_import` | what event types are described with |
//! | `import` | what becomes of objects that come from elsewhere again |
//! | `operational`, `notices` | telling organisations what happens to their endpoints and deliveries |
//! | [`disabling`] | disabling endpoints without a person |
//! | `inbox` | receivers for tests |
//! | `live` | new messages and attempts, told as they are recorded |
//! | `portal_link` | the way into a customer's portal |
//! | `lookup`, `paging`, `failure` | what routes have in common |
//! | [`public`] | the JSON that callers send and receive |
//! | [`endpoint_url`], [`custom_headers`], [`sealing`] | the rules for what endpoints are given |
//! | [`snapshot`], [`reconcile`] | telling the fleet what changed |
//! | `tasks`, `manual_delivery` | work in the background, deliveries that people ask for |
//!
//! PostgreSQL is the truth here; deliveries go on without this process and without PostgreSQL.

mod capability;
pub mod config;
mod credential;
pub mod custom_headers;
mod dashboard;
mod default_schedule;
pub mod disabling;
mod docs_page;
pub mod endpoint_url;
mod failure;
mod fields;
mod idempotency;
mod import;
mod inbox;
mod json_schema;
mod live;
mod lookup;
mod manual_delivery;
mod minted;
pub mod moment;
mod notices;
mod oauth_client;
pub mod openapi;
mod openapi_import;
mod operational;
mod paging;
mod portal_link;
pub mod public;
pub mod reconcile;
mod reply;
mod router;
mod routes;
mod scope;
pub mod sealing;
pub mod service;
pub mod snapshot;
mod state;
mod tasks;
mod upkeep;
mod url_credentials;

pub use config::ApiConfig;
pub use dashboard::FrameAncestors;
pub use router::openapi_document;
pub use service::Api;
