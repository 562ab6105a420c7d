//! How a door that has no database of its own gets an application made.
//!
//! A message may bring the application that it is for (Svix's `application` beside the payload).
//! ingest takes messages and knows no database; api, which serves the same doors, puts a
//! [`MakeApplication`] around them. Where there is none, an unknown application stays unknown.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use posthorn_event_schema::OrganizationId;
use serde_json::value::RawValue;

use crate::ApiError;

type Made = Pin<Box<dyn Future<Output = Result<(), ApiError>> + Send>>;

/// Makes an application, given its owner, the name in the path and its description in the body.
/// Travels in a request's extensions.
#[derive(Clone)]
pub struct MakeApplication(
    Arc<dyn Fn(OrganizationId, String, Box<RawValue>) -> Made + Send + Sync>,
);

impl MakeApplication {
    /// Wraps what makes applications.
    pub fn new<F, M>(make: F) -> Self
    where
        F: Fn(OrganizationId, String, Box<RawValue>) -> M + Send + Sync + 'static,
        M: Future<Output = Result<(), ApiError>> + Send + 'static,
    {
        Self(Arc::new(move |organization, name, body| {
            Box::pin(make(organization, name, body))
        }))
    }

    /// Makes the application, unless it exists: after `Ok` it is stored and the fleet was told.
    ///
    /// # Errors
    /// 422 for a description that breaks a rule, 404 for a name that no application can have, 503
    /// when it cannot be stored.
    pub async fn make(
        &self,
        organization: &OrganizationId,
        name: &str,
        body: Box<RawValue>,
    ) -> Result<(), ApiError> {
        (self.0)(organization.clone(), name.to_owned(), body).await
    }
}
