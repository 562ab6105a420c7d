//! Tokens: HS256 JWTs in Svix's form, so that a token made for a Svix server works here.
//!
//! `sub=org_…` speaks for an organisation; `org=org_…` with `sub=app_…` for one application, as its
//! customer's portal uses it. *Source*: Svix's open-source server.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use posthorn_chassis::{Env, metric};
use posthorn_event_schema::{ApplicationId, OrganizationId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::grant::{Capability, Grant};

/// The organisation of a deployment that has only one. *Source*: Svix's open-source server, whose
/// tokens then work here.
pub const DEFAULT_ORGANIZATION: &str = "org_23rb8YdGqMT0qIzpgGwdXfHirMu";
const SECRET_KEY: &str = "POSTHORN_JWT_SECRET";
/// A shorter secret can be guessed: HS256 wants as many bytes as its digest has.
/// *Source*: RFC 7518, section 3.2.
const MIN_SECRET_LEN: usize = 32;
/// Tokens that are remembered at most, about 500 bytes each. *Source*: to check a signature and read what
/// it signs took 9 % of ingest's time.
const MOST_KNOWN: usize = 4_096;
/// Clocks of two machines may differ by so much, in seconds.
const LEEWAY_SECONDS: u64 = 60;
/// Who we say has made a token; nobody checks it. *Source*: Svix's server.
const ISSUER: &str = "svix-server";
/// How long an organisation's token is valid: ten years.
const ORGANIZATION_TTL: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// How long an application's token is valid: four weeks.
const APPLICATION_TTL: Duration = Duration::from_secs(28 * 24 * 3600);

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    org: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iat: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// As `iat`, in microseconds: a second is too coarse to tell the tokens before an end from
    /// those after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iat_us: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    feature_flags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    capabilities: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "is_false")]
    read_only: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Who calls, as a verified token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose objects the caller may see.
    pub organization: OrganizationId,
    /// Which of them.
    pub scope: Scope,
    /// What a token of one application may do; everything for an organisation's.
    pub grant: Grant,
    /// When the token was made, if it says so.
    pub issued_at: Option<Timestamp>,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
}

/// What a caller may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything in the organisation.
    Organization,
    /// What concerns this application.
    Application(ApplicationId),
}

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is not signed by us, not valid yet or not any more, or no token at all.
    #[error("the token is not valid")]
    Invalid(#[source] jsonwebtoken::errors::Error),
    /// It is signed by us and names nobody.
    #[error("the token names no organisation")]
    Subject,
    /// It is valid only at another time.
    #[error("the token is not valid at this time")]
    Time,
}

/// Makes and checks tokens. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct TokenKey(Arc<Keys>);

struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    /// What tokens say whose signatures were seen to be ours.
    known: RwLock<HashMap<String, Arc<Known>>>,
}

/// What a token says that we signed.
struct Known {
    exp: Option<u64>,
    nbf: Option<u64>,
    caller: Option<Caller>,
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenKey").finish_non_exhaustive()
    }
}

impl TokenKey {
    /// Uses a secret, byte for byte.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // Time is checked here, against the clock passed in; `exp` is optional, as for Svix.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        Self(Arc::new(Keys {
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            decoding: DecodingKey::from_secret(secret.as_bytes()),
            validation,
            known: RwLock::default(),
        }))
    }

    /// Reads `POSTHORN_JWT_SECRET`, required, at least 32 bytes.
    #[must_use]
    pub fn from_env(env: &mut Env) -> Self {
        let secret = env.required_secret(SECRET_KEY, "at least 32 bytes that nobody can guess");
        let length = secret.expose().len();
        env.check(length == 0 || length >= MIN_SECRET_LEN, || {
            format!("{SECRET_KEY}: expected at least {MIN_SECRET_LEN} bytes")
        });
        Self::new(secret.expose())
    }

    /// A token for everything in an organisation.
    #[must_use]
    pub fn issue_organization(&self, organization: &OrganizationId, now: Timestamp) -> String {
        let (subject, everything) = (organization.as_str(), &Grant::default());
        self.issue(subject, None, everything, ORGANIZATION_TTL, now)
    }

    /// A token for one application.
    #[must_use]
    pub fn issue_application(
        &self,
        organization: &OrganizationId,
        application: &ApplicationId,
        now: Timestamp,
    ) -> String {
        let everything = &Grant::default();
        self.issue_portal(organization, application, everything, APPLICATION_TTL, now)
    }

    /// A token for one application that may do only what is granted, for so long.
    #[must_use]
    pub fn issue_portal(
        &self,
        organization: &OrganizationId,
        application: &ApplicationId,
        grant: &Grant,
        ttl: Duration,
        now: Timestamp,
    ) -> String {
        let organization = Some(organization.as_str());
        self.issue(application.as_str(), organization, grant, ttl, now)
    }

    fn issue(
        &self,
        sub: &str,
        org: Option<&str>,
        grant: &Grant,
        ttl: Duration,
        now: Timestamp,
    ) -> String {
        let names = |list: &Vec<Capability>| list.iter().map(|c| format!("{c:?}")).collect();
        let claims = Claims {
            sub: sub.to_owned(),
            org: org.map(str::to_owned),
            exp: Some(seconds(now.plus(ttl))),
            nbf: Some(seconds(now)),
            iat: Some(seconds(now)),
            iss: Some(ISSUER.to_owned()),
            iat_us: Some(now.as_unix_micros()),
            sid: grant.session.clone(),
            feature_flags: grant.feature_flags.clone(),
            capabilities: grant.capabilities.as_ref().map(names),
            read_only: grant.read_only,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.0.encoding)
            .expect("text and numbers can be encoded, and the key fits the algorithm")
    }

    /// Checks a token.
    ///
    /// # Errors
    /// [`TokenError`]; all of its cases get the same answer, so that nobody can probe.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, TokenError> {
        let known = self.known(token)?;
        let now = seconds(now);
        let ended = known
            .exp
            .is_some_and(|end| now > end.saturating_add(LEEWAY_SECONDS));
        let begun = known
            .nbf
            .is_none_or(|begin| now.saturating_add(LEEWAY_SECONDS) >= begin);
        if ended || !begun {
            return Err(TokenError::Time);
        }
        known.caller.clone().ok_or(TokenError::Subject)
    }

    /// Reads a token, or remembers it: a producer sends the same one with each event.
    fn known(&self, token: &str) -> Result<Arc<Known>, TokenError> {
        let keys = &*self.0;
        // A thread that panicked in between left the map whole.
        let read = keys.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = read.get(token) {
            return Ok(Arc::clone(known));
        }
        drop(read);
        let claims = jsonwebtoken::decode::<Claims>(token, &keys.decoding, &keys.validation)
            .map_err(TokenError::Invalid)?
            .claims;
        let known = Arc::new(Known {
            exp: claims.exp,
            nbf: claims.nbf,
            caller: caller(claims),
        });
        let mut write = keys.known.write().unwrap_or_else(PoisonError::into_inner);
        if write.len() >= MOST_KNOWN {
            metric::Counter::LimitReached.add(1, &[("limit", "known_tokens")]);
            write.clear();
        }
        write.insert(token.to_owned(), Arc::clone(&known));
        Ok(known)
    }
}

fn caller(claims: Claims) -> Option<Caller> {
    let issued_at = claims.iat_us.map(Timestamp::from_unix_micros);
    let expires_at = claims.exp.and_then(moment);
    let issued_at = issued_at.or_else(|| claims.iat.and_then(moment));
    let Some(organization) = &claims.org else {
        return Some(Caller {
            organization: OrganizationId::parse(&claims.sub).ok()?,
            scope: Scope::Organization,
            grant: Grant::default(),
            issued_at,
            expires_at,
        });
    };
    let known = |names: Vec<String>| names.iter().filter_map(|n| Capability::parse(n)).collect();
    Some(Caller {
        organization: OrganizationId::parse(organization).ok()?,
        scope: Scope::Application(ApplicationId::parse(&claims.sub).ok()?),
        grant: Grant {
            session: claims.sid,
            feature_flags: claims.feature_flags,
            capabilities: claims.capabilities.map(known),
            read_only: claims.read_only,
        },
        issued_at,
        expires_at,
    })
}

fn moment(seconds: u64) -> Option<Timestamp> {
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
    Some(Timestamp::from_unix_micros(micros))
}

fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_unix_micros() / 1_000_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn now() -> Timestamp {
        Timestamp::from_unix_micros(1_700_000_000_000_000)
    }

    fn ids() -> (OrganizationId, ApplicationId) {
        (
            OrganizationId::parse("org_1").unwrap(),
            ApplicationId::parse("app_1").unwrap(),
        )
    }

    #[test]
    fn a_token_says_who_it_was_made_for() {
        let key = TokenKey::new(SECRET);
        let (organization, application) = ids();
        let caller = key
            .verify(&key.issue_organization(&organization, now()), now())
            .unwrap();
        assert_eq!(
            (caller.organization, caller.scope),
            (organization.clone(), Scope::Organization)
        );
        let token = key.issue_application(&organization, &application, now());
        let caller = key.verify(&token, now()).unwrap();
        assert_eq!(caller.scope, Scope::Application(application));
    }

    #[test]
    fn a_portals_token_carries_what_it_may_do() {
        let key = TokenKey::new(SECRET);
        let (organization, application) = ids();
        let grant = Grant {
            session: Some("monday".to_owned()),
            feature_flags: vec!["beta".to_owned()],
            capabilities: Some(vec![Capability::ViewBase]),
            read_only: true,
        };
        let hour = Duration::from_secs(3_600);
        let token = key.issue_portal(&organization, &application, &grant, hour, now());
        let caller = key.verify(&token, now()).unwrap();
        assert_eq!(caller.grant, grant);
        assert_eq!(caller.issued_at, Some(now()));
        assert_eq!(caller.expires_at, Some(now().plus(hour)));
        let plain = key.issue_application(&organization, &application, now());
        assert_eq!(key.verify(&plain, now()).unwrap().grant, Grant::default());
    }

    #[test]
    fn a_token_of_a_svix_server_is_accepted() {
        // Made with PyJWT: {"sub": "org_23rb8YdGqMT0qIzpgGwdXfHirMu"}, HS256, without any time.
        let header_and_claims = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
             eyJzdWIiOiJvcmdfMjNyYjhZZEdxTVQwcUl6cGdHd2RYZkhpck11In0";
        let key = TokenKey::new(SECRET);
        let signature = jsonwebtoken::crypto::sign(
            header_and_claims.as_bytes(),
            &key.0.encoding,
            Algorithm::HS256,
        );
        let token = format!("{header_and_claims}.{}", signature.unwrap());
        let caller = key.verify(&token, now()).unwrap();
        assert_eq!(
            caller.organization.as_str(),
            "org_23rb8YdGqMT0qIzpgGwdXfHirMu"
        );
    }

    #[test]
    fn a_token_that_is_not_ours_or_not_of_this_time_is_refused() {
        let key = TokenKey::new(SECRET);
        let (organization, application) = ids();
        let token = key.issue_application(&organization, &application, now());
        let stranger = TokenKey::new("another secret of thirty-two bytes");
        assert!(matches!(
            stranger.verify(&token, now()),
            Err(TokenError::Invalid(_))
        ));
        let late = now().plus(APPLICATION_TTL).plus(Duration::from_secs(61));
        assert!(matches!(key.verify(&token, late), Err(TokenError::Time)));
        let early = now().minus(Duration::from_secs(61));
        assert!(matches!(key.verify(&token, early), Err(TokenError::Time)));
        let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJvcmdfMSJ9.";
        for bad in ["", "a.b.c", unsigned, &token[..token.len() - 2]] {
            assert!(key.verify(bad, now()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_that_is_remembered_ends_all_the_same_and_vouches_for_no_other() {
        let key = TokenKey::new(SECRET);
        let (organization, application) = ids();
        let token = key.issue_application(&organization, &application, now());
        let first = key.verify(&token, now()).unwrap();
        assert_eq!(key.verify(&token, now()).unwrap(), first);
        let late = now().plus(APPLICATION_TTL).plus(Duration::from_secs(61));
        assert!(matches!(key.verify(&token, late), Err(TokenError::Time)));
        let altered = &token[..token.len() - 1];
        assert!(matches!(
            key.verify(altered, now()),
            Err(TokenError::Invalid(_))
        ));
        for second in 0..=u64::try_from(MOST_KNOWN).unwrap() {
            let at = now().plus(Duration::from_secs(second));
            let token = key.issue_organization(&organization, at);
            assert!(key.verify(&token, at).is_ok());
            assert!(key.0.known.read().unwrap().len() <= MOST_KNOWN);
        }
    }

    #[test]
    fn a_subject_that_names_nobody_is_refused() {
        let key = TokenKey::new(SECRET);
        for (sub, org) in [("acme", None), ("app_1", None), ("org_1", Some("org_1"))] {
            let token = key.issue(sub, org, &Grant::default(), APPLICATION_TTL, now());
            assert!(
                matches!(key.verify(&token, now()), Err(TokenError::Subject)),
                "{sub}"
            );
        }
    }

    #[test]
    fn a_short_secret_is_a_mistake_and_never_shown() {
        let mut env = Env::from_pairs([("POSTHORN_JWT_SECRET", "hunter2")]);
        let key = TokenKey::from_env(&mut env);
        let mistake = env.finish().unwrap_err().to_string();
        assert!(
            mistake.contains("at least 32 bytes") && !mistake.contains("hunter2"),
            "{mistake}"
        );
        assert_eq!(format!("{key:?}"), "TokenKey { .. }");
    }
}
