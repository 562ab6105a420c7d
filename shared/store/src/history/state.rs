//! Where a delivery stands, and how that is stored.

use posthorn_event_schema::Progress;

use crate::StoreError;

/// Where a delivery stands; a later state wins over an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryState {
    /// No attempt has been recorded yet.
    Pending,
    /// An attempt failed and another follows.
    Waiting,
    /// It ended without a further request.
    Cancelled,
    /// It failed, and no attempt is left.
    Exhausted,
    /// An attempt succeeded.
    Delivered,
}

impl DeliveryState {
    /// The state that an attempt leads to.
    #[must_use]
    pub fn of(progress: Progress) -> Self {
        match progress {
            Progress::Waiting { .. } => Self::Waiting,
            Progress::Exhausted => Self::Exhausted,
            Progress::Delivered => Self::Delivered,
        }
    }

    /// The state as one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Waiting => "waiting",
            Self::Cancelled => "cancelled",
            Self::Exhausted => "exhausted",
            Self::Delivered => "delivered",
        }
    }

    pub(crate) fn code(self) -> i16 {
        match self {
            Self::Pending => 0,
            Self::Waiting => 1,
            Self::Cancelled => 2,
            Self::Exhausted => 3,
            Self::Delivered => 4,
        }
    }

    pub(crate) fn from_code(code: i16, column: &'static str) -> Result<Self, StoreError> {
        match code {
            0 => Ok(Self::Pending),
            1 => Ok(Self::Waiting),
            2 => Ok(Self::Cancelled),
            3 => Ok(Self::Exhausted),
            4 => Ok(Self::Delivered),
            _ => Err(StoreError::Corrupt { column }),
        }
    }
}

/// The codes of a filter; none means any state.
pub(crate) fn codes(states: &[DeliveryState]) -> Option<Vec<i16>> {
    (!states.is_empty()).then(|| states.iter().map(|state| state.code()).collect())
}
