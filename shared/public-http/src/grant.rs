//! What the token of a customer's portal may do beyond naming its application.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that a portal may do. *Source*: Svix's hosted API, the names too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Capability {
    /// See endpoints, messages, attempts and event types.
    ViewBase,
    /// See signing secrets.
    ViewEndpointSecret,
    /// Replace signing secrets.
    ManageEndpointSecret,
    /// Change transformations.
    ManageTransformations,
    /// Have messages delivered once more.
    CreateAttempts,
    /// Create, change and delete endpoints.
    ManageEndpoint,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ViewBase,
        Self::ViewEndpointSecret,
        Self::ManageEndpointSecret,
        Self::ManageTransformations,
        Self::CreateAttempts,
        Self::ManageEndpoint,
    ];

    /// Reads a name; `None` for one that this build does not know, which allows nothing.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|known| format!("{known:?}") == name)
    }

    fn changes_nothing(self) -> bool {
        matches!(self, Self::ViewBase | Self::ViewEndpointSecret)
    }
}

/// What a token may do. The default is everything, as for tokens that other servers made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// What the token was made for, in the words of whoever asked for it: tokens of one session
    /// can be ended together.
    pub session: Option<String>,
    /// The event types with these flags are visible.
    pub feature_flags: Vec<String>,
    /// Only these; `None` = all.
    pub capabilities: Option<Vec<Capability>>,
    /// Nothing may be changed. Without a list of capabilities, secrets are not shown either.
    pub read_only: bool,
}

impl Grant {
    /// Whether the token may do this.
    #[must_use]
    pub fn allows(&self, wanted: Capability) -> bool {
        match (&self.capabilities, self.read_only) {
            (None, false) => true,
            (None, true) => wanted == Capability::ViewBase,
            (Some(list), false) => list.contains(&wanted),
            (Some(list), true) => list.contains(&wanted) && wanted.changes_nothing(),
        }
    }
}

/// A text that is equal for equal grants only.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            session,
            feature_flags,
            capabilities,
            read_only,
        } = self;
        write!(
            f,
            "{session:?} {feature_flags:?} {capabilities:?} {read_only}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(capabilities: Option<Vec<Capability>>, read_only: bool) -> Vec<Capability> {
        let grant = Grant {
            capabilities,
            read_only,
            ..Grant::default()
        };
        let all = Capability::ALL.into_iter();
        all.filter(|wanted| grant.allows(*wanted)).collect()
    }

    #[test]
    fn a_grant_allows_what_it_lists_and_reading_only_takes_the_rest_away() {
        use Capability::{ManageEndpoint, ViewBase, ViewEndpointSecret};
        assert_eq!(allowed(None, false), Capability::ALL);
        assert_eq!(allowed(None, true), [ViewBase]);
        assert_eq!(allowed(Some(vec![]), false), []);
        let list = vec![ManageEndpoint, ViewEndpointSecret];
        assert_eq!(
            allowed(Some(list.clone()), false),
            [ViewEndpointSecret, ManageEndpoint]
        );
        assert_eq!(allowed(Some(list), true), [ViewEndpointSecret]);
    }

    #[test]
    fn names_come_back_and_strangers_allow_nothing() {
        for capability in Capability::ALL {
            let name = serde_json::to_value(capability).unwrap();
            assert_eq!(Capability::parse(name.as_str().unwrap()), Some(capability));
        }
        assert_eq!(Capability::parse("ManageEverything"), None);
    }
}
