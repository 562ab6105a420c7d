//! Which build this is, and which of its processes.
//!
//! Kept in one place so that logs, traces, metrics and the `User-Agent` header agree.

use std::sync::Arc;

use crate::entropy;

/// The version of Posthorn, as in `Cargo.toml`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that was built, when the build was told through `BUILD_GIT_SHA`.
///
/// Without the prefix `POSTHORN_`, because those names are settings of the running process and an
/// unknown one is refused.
pub const GIT_SHA: Option<&str> = option_env!("BUILD_GIT_SHA");

/// How Posthorn names itself towards other servers: `Posthorn/<version>`.
pub const USER_AGENT: &str = concat!("Posthorn/", env!("CARGO_PKG_VERSION"));

/// Creates a name for this process that no other process has: host, process id, random part.
///
/// The random part is needed: in containers, host name and process id (1) repeat after a restart.
pub fn unique_instance() -> Arc<str> {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    let process = std::process::id();
    let random = u32::from_ne_bytes(entropy::bytes());
    format!("{host}-{process}-{random:08x}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_agent_carries_the_version() {
        assert_eq!(USER_AGENT, format!("Posthorn/{VERSION}"));
    }

    #[test]
    fn an_instance_is_never_named_like_another() {
        assert_ne!(unique_instance(), unique_instance());
    }

    #[test]
    fn an_instance_names_its_process() {
        let instance = unique_instance();

        assert!(
            instance.contains(&format!("-{}-", std::process::id())),
            "{instance}"
        );
    }
}
