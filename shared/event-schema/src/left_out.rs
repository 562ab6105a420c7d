//! Whom an event left out, in few bytes.
//!
//! Of an application with a thousand endpoints most want none of most events, and it is always the same
//! thousand that are decided about. So they are told once, as a roster, and each event only says which
//! roster it was and what was decided about its first, second, third … endpoint: `412t1m577t` instead of
//! 990 ids. What a roster is never changes, because its name is a digest of it: what was decided at the
//! time stays readable, whatever becomes of the endpoints.

use std::fmt::{self, Write};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{EndpointId, EndpointVerdict, Mismatch, Verdict, fnv, text};

/// The name of a roster: a digest of its endpoints, in their order. Of an application's own rosters.
///
/// *Source*: FNV-1a with 128 bits as in draft-eastlake-fnv. Two rosters of one application share a name
/// with a chance of 1 in 2^128; it is no defence against somebody who looks for such a pair, who could
/// only confuse their own history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RosterId([u8; 16]);

impl RosterId {
    /// The name of these endpoints.
    pub fn of<'a>(endpoints: impl IntoIterator<Item = &'a EndpointId>) -> Self {
        let ids = endpoints.into_iter().map(EndpointId::as_str);
        let hash = fnv::of_texts(ids, b',');
        Self(hash.to_be_bytes())
    }

    /// As history keeps it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for RosterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl Serialize for RosterId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RosterId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer, |text| {
            let digits = text.len() == 32 && text.bytes().all(|c| c.is_ascii_hexdigit());
            match u128::from_str_radix(text, 16) {
                Ok(number) if digits => Ok(Self(number.to_be_bytes())),
                _ => Err("a roster's name has 32 hexadecimal digits"),
            }
        })
    }
}

/// What was decided about each endpoint of a roster, in its order: runs of equal verdicts, each a count
/// (none for a single one) and a letter, `m` matched, `d` disabled, `t` event type, `c` channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct VerdictRuns(String);

/// Why a text is not runs of verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RunsError {
    /// Not counts and letters.
    #[error("expected counts and the letters m, d, t and c")]
    Form,
    /// More endpoints than a decision's part has.
    #[error("more than {0} endpoints")]
    TooMany(usize),
}

impl VerdictRuns {
    fn of(verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        let mut runs = String::new();
        let mut close = |(count, verdict): (usize, Verdict)| {
            if count > 1 {
                write!(runs, "{count}").expect("a String takes any text");
            }
            runs.push(letter(verdict));
        };
        let mut run: Option<(usize, Verdict)> = None;
        for verdict in verdicts {
            run = match run {
                Some((count, same)) if same == verdict => Some((count + 1, same)),
                other => {
                    other.into_iter().for_each(&mut close);
                    Some((1, verdict))
                }
            };
        }
        run.into_iter().for_each(&mut close);
        Self(runs)
    }

    /// Reads and checks a text.
    ///
    /// # Errors
    /// When it is something else, or tells of more endpoints than a part of a decision has.
    pub fn parse(text: &str) -> Result<Self, RunsError> {
        match count(text)? {
            0..=LeftOut::MAX_ENDPOINTS => Ok(Self(text.to_owned())),
            _ => Err(RunsError::TooMany(LeftOut::MAX_ENDPOINTS)),
        }
    }

    /// How many endpoints they tell of.
    #[must_use]
    pub fn endpoints(&self) -> usize {
        count(&self.0).unwrap_or_default()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for VerdictRuns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer, Self::parse)
    }
}

/// How many endpoints a text tells of.
fn count(text: &str) -> Result<usize, RunsError> {
    let mut endpoints = 0_usize;
    let mut digits = 0;
    for (place, character) in text.bytes().enumerate() {
        match character {
            b'0'..=b'9' => digits += 1,
            b'm' | b'd' | b't' | b'c' => {
                let run = match &text[place - digits..place] {
                    "" => 1,
                    count => count.parse().map_err(|_too_large| RunsError::Form)?,
                };
                if run == 0 {
                    return Err(RunsError::Form);
                }
                endpoints = endpoints.saturating_add(run);
                digits = 0;
            }
            _ => return Err(RunsError::Form),
        }
    }
    if digits > 0 {
        return Err(RunsError::Form);
    }
    Ok(endpoints)
}

fn letter(verdict: Verdict) -> char {
    match verdict {
        Verdict::Matched => 'm',
        Verdict::NotMatched { reason } => match reason {
            Mismatch::Disabled => 'd',
            Mismatch::EventType => 't',
            Mismatch::Channel => 'c',
        },
    }
}

/// Whom an event left out, as a roster and what was decided about its endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Whom it was decided about.
    pub roster: RosterId,
    /// The roster itself, if history may not have it yet. It is kept for the day of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Vec<EndpointId>>,
    /// What was decided about each.
    pub verdicts: VerdictRuns,
}

impl LeftOut {
    /// Endpoints of a roster: those of a part of a decision.
    pub const MAX_ENDPOINTS: usize = crate::FanoutVerdict::MAX_ENDPOINTS;

    /// Of decisions in an order that is always the same; with the roster itself.
    #[must_use]
    pub fn of(decisions: &[EndpointVerdict]) -> Self {
        let endpoints = decisions.iter().map(|decision| &decision.endpoint);
        Self {
            roster: RosterId::of(endpoints.clone()),
            endpoints: Some(endpoints.cloned().collect()),
            verdicts: VerdictRuns::of(decisions.iter().map(|decision| decision.verdict)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VERDICTS: [Verdict; 4] = [
        Verdict::Matched,
        Verdict::NotMatched {
            reason: Mismatch::Disabled,
        },
        Verdict::NotMatched {
            reason: Mismatch::EventType,
        },
        Verdict::NotMatched {
            reason: Mismatch::Channel,
        },
    ];

    fn decisions(indices: &[usize]) -> Vec<EndpointVerdict> {
        let decision = |(n, index): (usize, &usize)| EndpointVerdict {
            endpoint: EndpointId::parse(&format!("ep_{n}")).unwrap(),
            verdict: VERDICTS[*index],
        };
        indices.iter().enumerate().map(decision).collect()
    }

    #[test]
    fn runs_are_counted_and_single_verdicts_are_not() {
        let runs = |indices: &[usize]| LeftOut::of(&decisions(indices)).verdicts.0;
        assert_eq!(runs(&[2, 2, 2, 0, 1, 3, 3]), "3tmd2c");
        assert_eq!(runs(&[0]), "m");
        assert_eq!(runs(&[]), "");
        assert_eq!(runs(&[2; 1_000]), "1000t");
    }

    #[test]
    fn a_roster_is_named_by_its_endpoints_and_nothing_else() {
        let one = LeftOut::of(&decisions(&[0, 1, 2]));
        assert_eq!(one.roster, LeftOut::of(&decisions(&[2, 2, 2])).roster);
        assert_ne!(one.roster, LeftOut::of(&decisions(&[0, 1])).roster);
        // Where one id ends and the next begins counts.
        let id = |text: &str| EndpointId::parse(text).unwrap();
        let (joined, apart) = ([id("ep_aep_b")], [id("ep_a"), id("ep_b")]);
        assert_ne!(RosterId::of(&joined), RosterId::of(&apart));
        // It must never change: rows of history are found by it.
        assert_eq!(
            RosterId::of(&apart).to_string(),
            "7a76d012fb5fc0347a2c18a7a5dbc7b8"
        );
    }

    #[test]
    fn what_is_no_run_is_refused() {
        for text in [
            "3",
            "3x",
            "t3",
            "0t",
            "-1t",
            "3 t",
            "é",
            "99999999999999999999t",
        ] {
            assert_eq!(VerdictRuns::parse(text), Err(RunsError::Form), "{text}");
        }
        let many = Err(RunsError::TooMany(1_000));
        assert_eq!(VerdictRuns::parse("1000tm"), many);
        assert_eq!(VerdictRuns::parse("18446744073709551615t2t"), many);
        for text in [
            "\"0\"",
            "\"6C\"",
            "1",
            "\"+0000000000000000000000000000000\"",
        ] {
            assert!(serde_json::from_str::<RosterId>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_decisions_are_read_as_they_were_written_and_cost_at_most_a_byte_each(
            indices in proptest::collection::vec(0..4_usize, 0..=1_000)
        ) {
            let left_out = LeftOut::of(&decisions(&indices));
            prop_assert!(left_out.verdicts.as_str().len() <= indices.len());
            prop_assert_eq!(left_out.verdicts.endpoints(), indices.len());
            let json = serde_json::to_string(&left_out).unwrap();
            prop_assert_eq!(serde_json::from_str::<LeftOut>(&json).unwrap(), left_out);
        }
    }
}
