//! What names the objects that a request creates: a moment and random bytes.
//!
//! A request that is repeated after a crash gets the same ones as its first run
//! ([`crate::idempotency`]), so that it creates the same object and no second one. They are stored
//! in the clear: nothing secret may be derived from them.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use posthorn_chassis::entropy;
use posthorn_event_schema::Timestamp;
use posthorn_event_schema::ksuid::RANDOM_LEN;
use posthorn_signing::digest_parts;
use posthorn_store::idempotency::Seed;

use crate::moment;

/// The seed of everything that a request creates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Minted(Seed);

impl Minted {
    /// The seed of a request that runs for the first time.
    pub(crate) fn fresh() -> Self {
        Self(Seed {
            at: moment::now(),
            random: entropy::bytes(),
        })
    }

    /// When the request came for the first time.
    pub(crate) fn at(&self) -> Timestamp {
        self.0.at
    }

    /// The random part of an id; `what` keeps the ids of one request apart.
    pub(crate) fn dice(&self, what: &str) -> [u8; RANDOM_LEN] {
        let digest = digest_parts(&[b"minted", &self.0.random, what.as_bytes()]);
        *digest
            .first_chunk()
            .expect("a digest is longer than an id's random part")
    }

    pub(crate) fn seed(&self) -> Seed {
        self.0
    }
}

impl From<Seed> for Minted {
    fn from(seed: Seed) -> Self {
        Self(seed)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Minted {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let repeated = parts.extensions.get::<Self>().copied();
        Ok(repeated.unwrap_or_else(Self::fresh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_names_the_same_objects_again_and_each_of_them_differently() {
        let minted = Minted::fresh();
        let again = Minted::from(minted.seed());
        assert_eq!(minted.dice("application"), again.dice("application"));
        assert_ne!(minted.dice("application"), minted.dice("endpoint"));
        assert_ne!(
            minted.dice("application"),
            Minted::fresh().dice("application")
        );
    }
}
