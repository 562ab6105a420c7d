//! Three nats-servers as one cluster, any of which a test may crash and restart.

use posthorn_local_servers::{NatsOptions, SyncInterval, port::free_port};

use crate::TestNats;
use crate::failure::OrFail;

/// How many servers; with three, one may die.
const SIZE: usize = 3;

/// Three nats-servers with JetStream that know each other.
#[derive(Debug)]
pub struct TestNatsCluster {
    nodes: Vec<TestNats>,
}

impl TestNatsCluster {
    /// Starts the servers, each of which has a message on disk before it acknowledges it; `extra_config`
    /// is for all of them. Leaders are elected in the seconds afterwards.
    ///
    /// # Panics
    /// As [`TestNats::start`].
    pub async fn start(extra_config: &str) -> Self {
        let always = |options: &mut NatsOptions| options.sync = SyncInterval::Always;
        Box::pin(Self::start_with(always, extra_config)).await
    }

    /// As [`TestNatsCluster::start`], each server with other options as well.
    ///
    /// # Panics
    /// As [`TestNats::start`].
    pub async fn start_with(adjust: impl Fn(&mut NatsOptions), extra_config: &str) -> Self {
        let ports: Vec<u16> = (0..SIZE)
            .map(|_| free_port().or_fail("find a free port"))
            .collect();
        let routes: Vec<String> = ports
            .iter()
            .map(|port| format!("\"nats://127.0.0.1:{port}\""))
            .collect();
        let routes = routes.join(", ");
        let node = async |port: u16| {
            let cluster = format!(
                "cluster {{ name: test, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}\n\
                 {extra_config}"
            );
            TestNats::start_with(|options| {
                adjust(options);
                options.extra_config = cluster;
            })
            .await
        };
        let (first, second, third) = tokio::join!(node(ports[0]), node(ports[1]), node(ports[2]));
        Self {
            nodes: vec![first, second, third],
        }
    }

    /// Where clients connect: all servers, separated by commas.
    #[must_use]
    pub fn url(&self) -> String {
        let urls: Vec<String> = self.nodes.iter().map(TestNats::url).collect();
        urls.join(",")
    }

    /// The three servers, each for itself.
    #[must_use]
    pub fn into_nodes(self) -> Vec<TestNats> {
        self.nodes
    }

    /// One of the three servers.
    ///
    /// # Panics
    /// When there is none of this number.
    pub fn node(&mut self, number: usize) -> &mut TestNats {
        &mut self.nodes[number]
    }
}
