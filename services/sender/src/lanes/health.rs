//! What an endpoint's last attempts say about how many it may have in flight. Pure.
//!
//! An attempt that times out holds its place for the whole deadline. So an endpoint that hangs is
//! soon down to one request at a time, which costs the process one place, and one that answers
//! again doubles its share with each round of answers.

/// Requests in flight to an endpoint that nothing is known of.
const AT_FIRST: usize = 8;

/// What an attempt taught about its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lesson {
    /// It took a delivery.
    Accepted,
    /// No answer came in time.
    TimedOut,
    /// Nothing about its speed.
    #[default]
    Nothing,
}

/// How many requests an endpoint may have in flight at the moment.
#[derive(Debug)]
pub(super) struct Health {
    allowed: usize,
}

impl Default for Health {
    fn default() -> Self {
        Self { allowed: AT_FIRST }
    }
}

impl Health {
    /// Requests in flight, of at most `cap`.
    pub(super) fn allowed(&self, cap: usize) -> usize {
        self.allowed.min(cap)
    }

    pub(super) fn learn(&mut self, lesson: Lesson, cap: usize) {
        self.allowed = match lesson {
            Lesson::Accepted => (self.allowed + 1).min(cap),
            Lesson::TimedOut => (self.allowed(cap) / 2).max(1),
            Lesson::Nothing => return,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_in_a_row_leave_one_place_and_answers_give_the_others_back() {
        let mut health = Health::default();
        assert_eq!(health.allowed(32), 8);
        for expected in [4, 2, 1, 1] {
            health.learn(Lesson::TimedOut, 32);
            assert_eq!(health.allowed(32), expected);
        }
        health.learn(Lesson::Nothing, 32);
        assert_eq!(health.allowed(32), 1, "a refusal is no sign of speed");
        for expected in 2..=32 {
            health.learn(Lesson::Accepted, 32);
            assert_eq!(health.allowed(32), expected);
        }
        health.learn(Lesson::Accepted, 32);
        assert_eq!(health.allowed(32), 32);
    }

    #[test]
    fn a_small_cap_is_never_passed() {
        let mut health = Health::default();
        assert_eq!(health.allowed(2), 2);
        health.learn(Lesson::TimedOut, 2);
        assert_eq!(health.allowed(2), 1);
    }
}
