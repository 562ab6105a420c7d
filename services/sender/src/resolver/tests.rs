use hickory_resolver::config::ConnectionConfig;
use posthorn_chassis::env::Env;
use posthorn_chassis::shutdown::Shutdown;
use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::*;

/// Bytes of a DNS message's header.
const HEADER: usize = 12;

/// A name server that says `127.0.0.1` to names below `good.test`, that there is no such name to
/// those below `missing.test`, and nothing at all to others.
async fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    Shutdown::new().spawn("name server", async move {
        let mut query = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut query).await.unwrap();
            if let Some(answer) = answer(&query[..length]) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    address
}

fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = HEADER;
    while query[at] > 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    let question_end = at + 5;
    let is_a = query[at + 2] == 1;
    let zone = labels[labels.len() - 2..].join(".");
    let (code, answers): (u8, u8) = match zone.as_str() {
        "good.test" => (0, u8::from(is_a)),
        "missing.test" => (3, 0),
        _ => return None,
    };
    let mut answer = query[..question_end].to_vec();
    answer[2..HEADER].copy_from_slice(&[0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]);
    if answers > 0 {
        // The name of the question, A, IN, 60 s, 4 bytes.
        answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

async fn resolver(allowed: &str, deadline: Duration) -> GuardedResolver {
    let server = name_server().await;
    let mut udp = ConnectionConfig::udp();
    udp.port = server.port();
    let server = NameServerConfig::new(server.ip(), true, vec![udp]);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let allow = ("POSTHORN_EGRESS_ALLOW".to_owned(), allowed.to_owned());
    let policy = EgressPolicy::from_env(&mut Env::from_pairs([allow]));
    GuardedResolver::new(Arc::new(policy), config, deadline).unwrap()
}

async fn resolve(resolver: &GuardedResolver, host: &str) -> Result<Vec<SocketAddr>, ResolveError> {
    resolver.clone().resolve_host(host.to_owned()).await
}

#[tokio::test]
async fn silent_names_hold_up_no_other_and_end_with_the_deadline() {
    let deadline = Duration::from_secs(2);
    let resolver = resolver("127.0.0.0/8", deadline).await;
    let began = Instant::now();
    let tasks = Shutdown::new();
    // More than the threads that the system's resolver could block.
    let silent: Vec<_> = (0..600)
        .map(|number| {
            let resolver = resolver.clone();
            let host = format!("a{number}.silent.test");
            tasks.spawn("look-up", resolver.resolve_host(host))
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let asked = Instant::now();
    let found = resolve(&resolver, "a.good.test").await.unwrap();
    let took = asked.elapsed();
    assert_eq!(found, ["127.0.0.1:0".parse().unwrap()]);
    assert!(took < Duration::from_secs(1), "{took:?}");
    for look_up in silent {
        let ended = look_up.await.unwrap();
        assert!(
            matches!(ended, Err(ResolveError::Timeout | ResolveError::Lookup(_))),
            "{ended:?}"
        );
    }
    assert!(began.elapsed() < deadline * 3, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_forbidden_address_behind_a_name_is_refused() {
    let resolver = resolver("", Duration::from_secs(2)).await;
    let refused = resolve(&resolver, "a.good.test").await;
    assert!(matches!(refused, Err(ResolveError::Blocked)), "{refused:?}");
}

#[tokio::test]
async fn a_missing_name_is_told_at_once() {
    let resolver = resolver("", Duration::from_secs(30)).await;
    let missing = resolve(&resolver, "a.missing.test").await;
    assert!(
        matches!(missing, Err(ResolveError::Lookup(_))),
        "{missing:?}"
    );
}

#[tokio::test]
async fn the_hosts_file_is_read() {
    let resolver = resolver("127.0.0.0/8,::1", Duration::from_secs(2)).await;
    let found = resolve(&resolver, "localhost").await.unwrap();
    assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback()));
}

#[test]
fn only_a_name_without_a_dot_is_completed() {
    assert_eq!(in_full("receiver"), "receiver");
    assert_eq!(in_full("a.example.com"), "a.example.com.");
    assert_eq!(in_full("a.example.com."), "a.example.com.");
}
