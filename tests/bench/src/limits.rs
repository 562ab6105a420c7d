//! What no webhook fleet on this machine can be faster than.

pub(crate) mod chain;
pub(crate) mod posting;
