//! The configuration file of a nats-server, as text.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
};

use super::{NatsOptions, SyncInterval};

pub(super) const PID_FILE: &str = "nats-server.pid";

pub(super) fn text(options: &NatsOptions, port: u16, monitoring_port: Option<u16>) -> String {
    let folder = options.folder.to_string_lossy();
    let name = server_name(&options.folder, port);
    let max_payload = options.max_payload_bytes;
    let monitoring = monitoring_port
        .map(|port| format!("http: \"127.0.0.1:{port}\"\n"))
        .unwrap_or_default();
    let sync = match options.sync {
        SyncInterval::Always => "    sync_interval: always\n".to_owned(),
        SyncInterval::Every(time) => format!("    sync_interval: \"{}ms\"\n", time.as_millis()),
        SyncInterval::ServerDefault => String::new(),
    };
    format!(
        "# Written at every start; changes are lost.\n\
         listen: \"127.0.0.1:{port}\"\n\
         {monitoring}\
         server_name: {name}\n\
         pid_file: {pid_file}\n\
         max_payload: {max_payload}\n\
         jetstream {{\n    store_dir: {store}\n{sync}}}\n\
         {extra}\n",
        pid_file = quoted(&format!("{folder}/{PID_FILE}")),
        store = quoted(&format!("{folder}/store")),
        extra = options.extra_config,
    )
}

/// A name that tells this server from any other that might listen on the port by accident.
pub(super) fn server_name(folder: &Path, port: u16) -> String {
    let mut hasher = DefaultHasher::new();
    (folder, port).hash(&mut hasher);
    format!("posthorn-{:016x}", hasher.finish())
}

fn quoted(path: &str) -> String {
    format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::text;
    use crate::nats::{NatsOptions, SyncInterval};

    #[test]
    fn every_option_has_its_line() {
        let mut options = NatsOptions::new("/data/a \"b\"");
        let durable = text(&options, 4321, None);
        assert!(
            durable.contains("listen: \"127.0.0.1:4321\"\n"),
            "{durable}"
        );
        assert!(
            durable.contains("store_dir: \"/data/a \\\"b\\\"/store\"\n"),
            "{durable}"
        );
        assert!(durable.contains("sync_interval: always\n"), "{durable}");
        assert!(durable.contains("max_payload: 2097152\n"), "{durable}");
        assert!(!durable.contains("http:"), "{durable}");

        options.sync = SyncInterval::Every(Duration::from_secs(1));
        options.extra_config = "debug: true".to_owned();
        let other = text(&options, 4321, Some(8222));
        assert!(other.contains("sync_interval: \"1000ms\"\n"), "{other}");
        assert!(other.contains("http: \"127.0.0.1:8222\"\n"), "{other}");
        assert!(other.ends_with("debug: true\n"), "{other}");

        options.sync = SyncInterval::ServerDefault;
        assert!(!text(&options, 4321, None).contains("sync_interval"));
    }
}
