//! The tokens of this process: each is fetched once and used until shortly before its end.

use std::sync::{Arc, Mutex, PoisonError};

use posthorn_chassis::metric;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::client::NoWayOut;
use crate::recent::Recent;
use crate::token::{self, ClientDigest, OAuth, Token};

/// Most clients whose tokens are remembered; beyond it the one that was asked longest ago goes.
const MAX_CLIENTS: usize = 10_000;

/// A client's token. The lock is held while it is fetched, so that it is fetched once.
type Slot = Arc<AsyncMutex<Option<Token>>>;

/// The tokens of this process.
pub struct Tokens(Mutex<Recent<ClientDigest, Slot>>);

/// A token to send.
pub(crate) struct Got {
    pub(crate) token: Token,
    /// It was fetched for this request, so another one would be no better.
    pub(crate) is_new: bool,
}

/// Why there is no token.
pub(crate) enum NoToken {
    /// The token server could not be asked, for a reason of our own.
    Ours(NoWayOut),
    /// It gave none; why, in words fit for the customer.
    Theirs(String),
}

impl Default for Tokens {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(MAX_CLIENTS)))
    }
}

impl Tokens {
    /// A client's token. A known one is used while it is good, unless it is the one that the endpoint
    /// `refused`; else one is fetched, by one caller at a time.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn get(
        &self,
        oauth: &OAuth,
        refused: Option<&Token>,
        fetch: impl AsyncFnOnce() -> Result<Answer, NoWayOut>,
    ) -> Result<Got, NoToken> {
        let slot = self.slot(oauth.digest());
        let mut slot = slot.lock().await;
        if let Some(token) = slot.as_ref()
            && Some(token) != refused
            && Instant::now() < token.good_until
        {
            let token = token.clone();
            let is_new = false;
            return Ok(Got { token, is_new });
        }
        *slot = None;
        let answer = fetch().await.map_err(NoToken::Ours)?;
        let token = token::read(&answer, Instant::now()).map_err(NoToken::Theirs)?;
        *slot = Some(token.clone());
        let is_new = true;
        Ok(Got { token, is_new })
    }

    fn slot(&self, client: ClientDigest) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&client) {
            return Arc::clone(slot);
        }
        let slot = Slot::default();
        if slots.insert(client, Arc::clone(&slot)) {
            metric::Counter::LimitReached.add(1, &[("limit", "oauth_clients")]);
        }
        slot
    }
}
