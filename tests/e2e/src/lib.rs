//! The whole fleet under test: real servers, real services, a real client.
//!
//! | For | Use |
//! | --- | --- |
//! | all services in the test's own process | [`Stack`] |
//! | each service as a real process, to be signalled and killed | [`Fleet`] |
//! | the REST API as a customer uses it | [`Client`] |
//! | one step of the fleet, with streams that may be closed | [`Streams`] |
//! | publishing events as a producer does | [`Producer`] |
//! | a steady stream of events, and what became of it | [`Load`] |
//! | figures that everybody should see | [`report()`] |

pub mod binary;
pub mod client;
pub mod fleet;
pub mod load;
pub mod producer;
pub mod report;
pub mod settings;
pub mod stack;
pub mod streams;

pub use client::Client;
pub use fleet::{Fleet, Role};
pub use load::Load;
pub use producer::Producer;
pub use report::report;
pub use settings::Settings;
pub use stack::Stack;
pub use streams::Streams;
