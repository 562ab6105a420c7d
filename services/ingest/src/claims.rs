//! Claiming an event's keys: which event they stand for, and whether that one is stored.

use std::time::Duration;

use posthorn_bus::BusError;
use posthorn_bus::idempotency::{Claim, Claimed, IdempotencyKeys, Mark};
use posthorn_event_schema::{ApplicationSnapshot, Timestamp};
use posthorn_signing::digest::Sha256Digest;
use tokio::time::{Instant, timeout_at};

use crate::accept::{AcceptError, Key};
use crate::candidate::{Candidate, Identity};

/// How long a request waits for another one that claimed its key a moment ago and is having the event stored:
/// it then only answers, instead of publishing a second copy.
const TWIN_PATIENCE: Duration = Duration::from_secs(1);
/// First pause between two looks at what became of that one.
const TWIN_PAUSE: Duration = Duration::from_millis(10);
/// Whoever made an older claim that is not marked has mostly died, or cannot mark it now.
const TWIN_AGE: Duration = Duration::from_secs(10);

/// What claiming an event's keys came to.
pub(crate) struct Claims {
    /// The event that all of them stand for.
    pub(crate) identity: Identity,
    /// Another request claimed one of them before.
    pub(crate) taken: bool,
    /// This very request did.
    pub(crate) again: bool,
    /// The event is stored.
    pub(crate) published: bool,
    /// What is to be marked once it is.
    pub(crate) marks: Vec<(Mark, Claim)>,
}

impl Claims {
    /// Claims the keys of an event; `fresh` is its identity unless one of them stands for an event already.
    ///
    /// # Errors
    /// [`AcceptError`]: a key stands for another request, or JetStream does not answer.
    pub(crate) async fn of(
        keys: &IdempotencyKeys,
        application: &ApplicationSnapshot,
        candidate: &Candidate,
        wanted: &[Key],
        fresh: Identity,
    ) -> Result<Self, AcceptError> {
        let mut claims = Self {
            identity: fresh,
            taken: false,
            again: false,
            published: false,
            marks: Vec::new(),
        };
        if wanted.is_empty() {
            return Ok(claims);
        }
        let digest = candidate.digest();
        let until = Instant::now() + TWIN_PATIENCE;
        for key in wanted {
            let claim = Claim {
                event: claims.identity.id.clone(),
                accepted_at: claims.identity.accepted_at,
                digest: digest.clone(),
                published: false,
            };
            let name = key_name(application, candidate, key);
            match keys.claim(&name, &claim).await.map_err(unavailable)? {
                Claimed::Ours(mark) => claims.marks.push((mark, claim)),
                Claimed::Again(mark) => {
                    claims.again = true;
                    claims.marks.push((mark, claim));
                }
                Claimed::Taken(found, mark) => {
                    let settled = settled(keys, &name, &claim, (found, mark), until);
                    let (found, mark) = settled.await?;
                    claims.adopt(key, &digest, found, mark)?;
                }
            }
        }
        claims.agree(keys).await?;
        Ok(claims)
    }

    /// Takes over what an earlier claim of a key says, unless that contradicts this request.
    fn adopt(
        &mut self,
        key: &Key,
        digest: &str,
        found: Claim,
        mark: Mark,
    ) -> Result<(), AcceptError> {
        let same_event = found.event == self.identity.id;
        let same_request = found.digest == digest;
        match key {
            Key::Request(_) if !same_request => return Err(AcceptError::KeyConflict),
            Key::EventId if !same_request => return Err(AcceptError::EventExists),
            // An event that is not known to be stored is none yet: its producer, who was told to
            // come again, comes again.
            Key::Producer(_) if !same_event && (found.published || !same_request) => {
                return Err(AcceptError::EventExists);
            }
            Key::Request(_) | Key::EventId | Key::Producer(_) => {}
        }
        self.identity = Identity {
            id: found.event.clone(),
            accepted_at: found.accepted_at,
        };
        self.taken = true;
        self.published |= found.published;
        if !found.published {
            self.marks.push((mark, found));
        }
        Ok(())
    }

    /// Has all keys stand for the event that the last of them was claimed for, before that event is
    /// published: a repetition must find the same event by any of them.
    async fn agree(&mut self, keys: &IdempotencyKeys) -> Result<(), AcceptError> {
        let identity = &self.identity;
        let astray = self.marks.iter_mut();
        for (mark, claim) in astray.filter(|(_, claim)| claim.event != identity.id) {
            claim.event = identity.id.clone();
            claim.accepted_at = identity.accepted_at;
            *mark = keys.replace(mark, claim).await.map_err(unavailable)?;
        }
        Ok(())
    }
}

/// What became of a key of somebody else's: if that is the same request, made a moment ago, waits until
/// its event is stored.
async fn settled(
    keys: &IdempotencyKeys,
    name: &str,
    ours: &Claim,
    (mut found, mut mark): (Claim, Mark),
    until: Instant,
) -> Result<(Claim, Mark), AcceptError> {
    if found.digest != ours.digest || !is_recent(found.accepted_at, ours.accepted_at) {
        return Ok((found, mark));
    }
    let mut pause = TWIN_PAUSE;
    while !found.published && Instant::now() + pause < until {
        tokio::time::sleep(pause).await;
        pause *= 2;
        let Ok(looked) = timeout_at(until, keys.look(name)).await else {
            break;
        };
        match looked.map_err(unavailable)? {
            Some(known) => (found, mark) = known,
            // It has expired, which is no reason to make another event of the same request.
            None => break,
        }
    }
    Ok((found, mark))
}

/// Clocks of two machines may differ a little, either way.
fn is_recent(theirs: Timestamp, ours: Timestamp) -> bool {
    ours.since(theirs).max(theirs.since(ours)) <= TWIN_AGE
}

fn unavailable(error: BusError) -> AcceptError {
    AcceptError::KeysUnavailable(error)
}

/// A key as the bucket stores it: a digest, so that nothing of it shows and any text fits.
fn key_name(application: &ApplicationSnapshot, candidate: &Candidate, key: &Key) -> String {
    let (kind, text): (&[u8], &str) = match key {
        Key::Request(text) => (b"request", text),
        Key::EventId => (b"event", candidate.chosen_id().map_or("", |id| id.as_str())),
        Key::Producer(text) => (b"producer", text.as_str()),
    };
    let (organization, application) = (&application.organization, &application.id);
    Sha256Digest::of_parts(&[
        organization.as_str().as_bytes(),
        application.as_str().as_bytes(),
        kind,
        text.as_bytes(),
    ])
    .to_hex()
}
