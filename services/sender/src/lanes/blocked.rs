//! Endpoints whose lanes may be read once the process has room for one more visit. Pure.

use std::collections::VecDeque;

use posthorn_event_schema::EndpointId;
use posthorn_event_schema::subject::Rank;

/// Who waits for room, by the rank of the lane; who came first is served first.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    first: VecDeque<EndpointId>,
    retry: VecDeque<EndpointId>,
    replay: VecDeque<EndpointId>,
}

/// For which ranks an endpoint waits for room.
#[derive(Debug, Default)]
pub(super) struct Lacks {
    first: bool,
    retry: bool,
    replay: bool,
}

impl Blocked {
    pub(super) fn of(&mut self, rank: Rank) -> &mut VecDeque<EndpointId> {
        match rank {
            Rank::First => &mut self.first,
            Rank::Retry => &mut self.retry,
            Rank::Replay => &mut self.replay,
        }
    }
}

impl Lacks {
    pub(super) fn of(&mut self, rank: Rank) -> &mut bool {
        match rank {
            Rank::First => &mut self.first,
            Rank::Retry => &mut self.retry,
            Rank::Replay => &mut self.replay,
        }
    }
}
