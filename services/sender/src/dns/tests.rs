use hickory_resolver::system_conf::parse_resolv_conf;

use super::*;

#[test]
fn this_host_has_several_names() {
    for name in ["localhost", "LOCALHOST.", "a.localhost", "a.b.localhost."] {
        assert!(is_this_host(name), "{name}");
    }
    for name in ["localhost.example", "notlocalhost", "", "."] {
        assert!(!is_this_host(name), "{name}");
    }
}

#[test]
fn a_kubernetes_configuration_asks_for_public_names_as_they_are() {
    let text = "nameserver 10.96.0.10\n\
                search shop.svc.cluster.local svc.cluster.local cluster.local\n\
                options ndots:5 timeout:1 attempts:4\n";
    let (_, options) = parse_resolv_conf(text).unwrap();
    assert_eq!(options.ndots, 5);
    let bounded = bounded(options);
    assert_eq!((bounded.ndots, bounded.attempts), (1, 4));
    assert_eq!(bounded.timeout, Duration::from_secs(1));
    // What a look-up may take is more than its questions do.
    let asked = ASK_AGAIN * u32::try_from(ASK_AGAIN_TIMES + 1).unwrap();
    assert!(asked < crate::resolver::LOOKUP_TIMEOUT);
    assert!(parse_resolv_conf("search example.com\n").is_err());
}
