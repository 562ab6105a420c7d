//! How a receiver answers: a script that tests write, and the one answer it gives to a request.

use std::time::Duration;

use bytes::Bytes;

/// How a path answers. Requests are counted from the moment that the behaviour was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// This status, with an empty body.
    Status(u16),
    /// This status, with these headers and this body; the length is added.
    StatusWithHeaders {
        /// The status.
        status: u16,
        /// Further headers, as they are to be written.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// After `wait`, what `then` says.
    Delay {
        /// How long nothing is answered.
        wait: Duration,
        /// What is answered afterwards.
        then: Box<Behaviour>,
    },
    /// No answer, while the connection stays open.
    Hang,
    /// The connection is reset (RST) instead of an answer.
    Reset,
    /// The connection is closed in order instead of an answer.
    Close,
    /// Status 200 and the first bytes of a body that is announced as longer; then it is closed.
    CloseMidBody,
    /// Status 200 and a body that comes as fast as it is read and never ends.
    EndlessBody,
    /// Status 200, then one byte of the body at a time, with this pause, without end.
    SlowDrip(Duration),
    /// The status line and headers one byte at a time, with this pause, then as a 200.
    SlowHead(Duration),
    /// Bytes that are no HTTP.
    Garbage,
    /// These bytes as they are, HTTP or not; then the connection is closed.
    Raw(Bytes),
    /// These bytes as they are, then nothing, while the connection stays open.
    RawThenHang(Bytes),
    /// These bytes as they are, then others again and again, as fast as they are read, without end.
    RawWithoutEnd {
        /// What comes first.
        first: Bytes,
        /// What is repeated.
        again: Bytes,
    },
    /// Status 302 to this URL.
    Redirect(String),
    /// One behaviour after the other, a request each; the last one stays.
    Sequence(Vec<Behaviour>),
    /// This status for so many requests, 200 for those after.
    FailThenOk {
        /// How many requests fail.
        failures: u64,
        /// Their status.
        status: u16,
    },
}

impl Behaviour {
    /// A status with headers, without a body; short for [`Behaviour::StatusWithHeaders`].
    #[must_use]
    pub fn with_headers(status: u16, headers: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers = headers.iter().map(owned).collect();
        Self::StatusWithHeaders {
            status,
            headers,
            body: Vec::new(),
        }
    }

    /// A status with a body; short for [`Behaviour::StatusWithHeaders`].
    #[must_use]
    pub fn with_body(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::StatusWithHeaders {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// A text without end; short for [`Behaviour::RawWithoutEnd`].
    #[must_use]
    pub fn without_end(first: &str, again: &str) -> Self {
        Self::RawWithoutEnd {
            first: Bytes::copy_from_slice(first.as_bytes()),
            again: Bytes::copy_from_slice(again.as_bytes()),
        }
    }

    /// This behaviour after a wait; short for [`Behaviour::Delay`].
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self::Delay {
            wait,
            then: Box::new(self),
        }
    }

    /// Whether the client is kept busy by the answer itself.
    pub(super) fn takes_long(&self) -> bool {
        matches!(
            self,
            Self::Hang
                | Self::EndlessBody
                | Self::SlowDrip(_)
                | Self::SlowHead(_)
                | Self::RawThenHang(_)
                | Self::RawWithoutEnd { .. }
        )
    }

    /// What the request with this number, from 0, gets: never one of the counting behaviours,
    /// except inside a delay.
    pub(super) fn for_request(&self, number: u64) -> Self {
        match self {
            Self::Sequence(steps) => {
                let Some(last) = steps.len().checked_sub(1) else {
                    return Self::Status(200);
                };
                let step = usize::try_from(number).unwrap_or(usize::MAX).min(last);
                // Only the last step sees more than one request.
                let beyond = number - u64::try_from(step).unwrap_or(number);
                steps[step].for_request(beyond)
            }
            Self::FailThenOk { failures, status } if number < *failures => Self::Status(*status),
            Self::FailThenOk { .. } => Self::Status(200),
            Self::Delay { wait, then } => then.for_request(number).after(*wait),
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Behaviour;

    fn answers(behaviour: &Behaviour, count: u64) -> Vec<Behaviour> {
        (0..count)
            .map(|number| behaviour.for_request(number))
            .collect()
    }

    #[test]
    fn the_last_step_of_a_sequence_stays() {
        let steps = vec![
            Behaviour::Status(500),
            Behaviour::Reset,
            Behaviour::Status(204),
        ];
        let mut expected = steps.clone();
        expected.push(Behaviour::Status(204));
        assert_eq!(answers(&Behaviour::Sequence(steps), 4), expected);
        assert_eq!(
            answers(&Behaviour::Sequence(Vec::new()), 1),
            [Behaviour::Status(200)]
        );
    }

    #[test]
    fn failures_are_counted_and_then_over() {
        let behaviour = Behaviour::FailThenOk {
            failures: 2,
            status: 503,
        };
        let expected = [503, 503, 200, 200].map(Behaviour::Status);
        assert_eq!(answers(&behaviour, 4), expected);

        let nested = Behaviour::Sequence(vec![Behaviour::Status(400), behaviour]);
        assert_eq!(
            answers(&nested, 5),
            [400, 503, 503, 200, 200].map(Behaviour::Status)
        );
    }

    #[test]
    fn a_delay_keeps_counting() {
        let wait = Duration::from_millis(5);
        let behaviour = Behaviour::FailThenOk {
            failures: 1,
            status: 500,
        }
        .after(wait);
        let expected = [500, 200].map(|status| Behaviour::Status(status).after(wait));
        assert_eq!(answers(&behaviour, 2), expected);
    }
}
