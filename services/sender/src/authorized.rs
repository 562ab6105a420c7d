//! An endpoint's request with a token of its OAuth client, all within one deadline.

use std::time::Duration;

use http::HeaderValue;
use http::header::AUTHORIZATION;
use posthorn_event_schema::{AttemptHeaders, FailureClass};
use tokio::time::{Instant, timeout_at};

use crate::answer::{Answer, Timed};
use crate::client::{Client, NoWayOut};
use crate::request::DeliveryRequest;
use crate::token::{OAuth, Token};
use crate::tokens::{Got, NoToken, Tokens};

/// What the receiver answers to a token that it does not take.
const UNAUTHORIZED: u16 = 401;

/// Sends requests with tokens.
pub(crate) struct Authorized<'a> {
    pub(crate) client: &'a Client,
    pub(crate) tokens: &'a Tokens,
    pub(crate) oauth: &'a OAuth,
    /// What the token server is told.
    pub(crate) user_agent: &'a HeaderValue,
}

impl Authorized<'_> {
    /// Posts a request with a token, and once more with a new one if the receiver does not take the
    /// known one. The token server is asked on the endpoint's own connections, with its TLS.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub(crate) async fn post(&self, request: DeliveryRequest) -> Result<Timed, NoWayOut> {
        let begun = Instant::now();
        let deadline = begun + self.client.timeout();
        let mut timed = self.exchange(request, deadline).await?;
        timed.took = begun.elapsed();
        Ok(timed)
    }

    async fn exchange(
        &self,
        request: DeliveryRequest,
        deadline: Instant,
    ) -> Result<Timed, NoWayOut> {
        let got = match self.token(None, deadline).await {
            Ok(got) => got,
            Err(error) => return no_token(error),
        };
        let first = with(&request, &got.token);
        let timed = self.client.post_until(first, deadline).await?;
        let is_refused = matches!(
            timed.answer,
            Answer::Http {
                status: UNAUTHORIZED,
                ..
            }
        );
        if got.is_new || !is_refused {
            return Ok(timed);
        }
        match self.token(Some(&got.token), deadline).await {
            Ok(got) => {
                self.client
                    .post_until(with(&request, &got.token), deadline)
                    .await
            }
            Err(error) => no_token(error),
        }
    }

    async fn token(&self, refused: Option<&Token>, deadline: Instant) -> Result<Got, NoToken> {
        let Some(request) = self.oauth.request(self.user_agent) else {
            let words = "the token server's URL does not parse";
            return Err(NoToken::Theirs(words.to_owned()));
        };
        let fetch = async || {
            let timed = self.client.post_until(request, deadline).await?;
            Ok(timed.answer)
        };
        let got = timeout_at(deadline, self.tokens.get(self.oauth, refused, fetch)).await;
        got.unwrap_or_else(|_elapsed| Err(NoToken::Theirs("none came in time".to_owned())))
    }
}

fn with(request: &DeliveryRequest, token: &Token) -> DeliveryRequest {
    let mut request = request.clone();
    request.headers.insert(AUTHORIZATION, token.value.clone());
    request
}

/// No request was made, because there is no token for it.
fn no_token(error: NoToken) -> Result<Timed, NoWayOut> {
    match error {
        NoToken::Ours(error) => Err(error),
        NoToken::Theirs(words) => Ok(Timed {
            answer: Answer::Failed {
                class: FailureClass::Auth,
                words: format!("no token could be had: {words}"),
            },
            took: Duration::ZERO,
            headers: AttemptHeaders::default(),
        }),
    }
}
