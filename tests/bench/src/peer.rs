//! Another server with Svix's API, measured in Posthorn's place by the same harness.

use clap::Args;
use posthorn_e2e::Client;

use crate::world::Site;

/// Another server with Svix's API.
#[derive(Args, Clone)]
pub(crate) struct Peer {
    /// Where it is: http://host:port
    #[arg(long, requires = "token")]
    pub(crate) api_url: Option<String>,
    /// What it wants to see
    #[arg(long)]
    token: Option<String>,
    /// A process of it, to measure what it uses: name=pid
    #[arg(long = "process", value_parser = process)]
    pub(crate) processes: Vec<(String, u32)>,
}

impl Peer {
    /// How it is reached, if there is one.
    pub(crate) fn site(&self) -> Option<Site> {
        let (url, token) = self.api_url.as_ref().zip(self.token.as_ref())?;
        let url = url.trim_end_matches('/').to_owned();
        Some(Site {
            client: Client::new(&url, token),
            ingest_url: url,
            token: token.clone(),
            ours: None,
        })
    }
}

fn process(text: &str) -> Result<(String, u32), String> {
    let (name, pid) = text.split_once('=').ok_or("want name=pid")?;
    let pid = pid.parse().map_err(|_no_number| "want name=pid")?;
    Ok((name.to_owned(), pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_a_name_and_a_number() {
        assert_eq!(process("server=12"), Ok(("server".to_owned(), 12)));
        assert!(process("server").is_err() && process("server=x").is_err());
    }
}
