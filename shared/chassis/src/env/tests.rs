//! What a caller of [`Env`] sees.

use std::io::Write;

use super::*;

fn mistakes(env: Env) -> Vec<String> {
    env.finish()
        .map_or_else(|error| error.mistakes, |()| Vec::new())
}

fn file_with(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn an_empty_environment_gives_the_defaults() {
    let mut env = Env::from_pairs::<_, &str, &str>([]);
    let default_addr = "127.0.0.1:1".parse().unwrap();

    assert_eq!(env.string("POSTHORN_A", "a"), "a");
    assert_eq!(env.optional_string("POSTHORN_B"), None);
    assert_eq!(
        env.duration("POSTHORN_C", Duration::from_secs(1)),
        Duration::from_secs(1)
    );
    assert!(env.bool("POSTHORN_D", true));
    assert_eq!(env.number("POSTHORN_E", 3, 1..=5), 3);
    assert_eq!(env.bytes("POSTHORN_F", 7), 7);
    assert_eq!(env.socket_addr("POSTHORN_G", default_addr), default_addr);
    assert_eq!(
        env.parsed("POSTHORN_H", 'x', "one letter", |text| text.chars().next()),
        'x'
    );
    assert!(env.optional_secret("POSTHORN_I").is_none());

    assert_eq!(mistakes(env), [""; 0]);
}

#[test]
fn what_is_set_wins_over_the_default() {
    let mut env = Env::from_pairs([
        ("POSTHORN_A", "b"),
        ("POSTHORN_C", "1m30s"),
        ("POSTHORN_D", "False"),
        ("POSTHORN_E", "5"),
        ("POSTHORN_F", "64KiB"),
        ("POSTHORN_G", "[::1]:80"),
        ("POSTHORN_H", "yes"),
        ("POSTHORN_I", "hunter2"),
    ]);

    assert_eq!(env.string("POSTHORN_A", "a"), "b");
    assert_eq!(
        env.duration("POSTHORN_C", Duration::ZERO),
        Duration::from_secs(90)
    );
    assert!(!env.bool("POSTHORN_D", true));
    assert_eq!(env.number("POSTHORN_E", 3, 1..=5), 5);
    assert_eq!(env.bytes("POSTHORN_F", 7), 65_536);
    assert_eq!(env.socket_addr("POSTHORN_G", DEFAULT_ADDR).port(), 80);
    assert_eq!(
        env.parsed("POSTHORN_H", 'x', "one letter", |text| text.chars().next()),
        'y'
    );
    assert_eq!(
        env.optional_secret("POSTHORN_I").unwrap().expose(),
        "hunter2"
    );

    assert_eq!(mistakes(env), [""; 0]);
}

const DEFAULT_ADDR: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

#[test]
fn every_mistake_is_reported_at_once_with_key_and_expected_form() {
    let mut env = Env::from_pairs([
        ("POSTHORN_GRACE", "20"),
        ("POSTHORN_DEBUG", "maybe"),
        ("POSTHORN_WORKERS", "99"),
        ("POSTHORN_BODY_BYTES", "1MB"),
        ("POSTHORN_ADDR", "localhost:80"),
        ("POSTHORN_MODE", "nats://user:hunter2@host"),
        ("POSTHORN_GRACEFUL", "5s"),
    ]);
    env.duration("POSTHORN_GRACE", Duration::ZERO);
    env.bool("POSTHORN_DEBUG", false);
    env.number("POSTHORN_WORKERS", 1_u8, 1..=64);
    env.bytes("POSTHORN_BODY_BYTES", 1);
    env.socket_addr("POSTHORN_ADDR", DEFAULT_ADDR);
    env.parsed("POSTHORN_MODE", 1, "fast or safe", |_| None);
    env.required_string("POSTHORN_NATS_URL", "a URL such as nats://localhost:4222");
    env.required_secret("POSTHORN_JWT_SECRET", "at least 32 bytes");
    env.check(false, || {
        "POSTHORN_GRACE: expected more than the request timeout".into()
    });

    let error = env.finish().unwrap_err();

    let expected = r#"
POSTHORN_GRACE: expected a duration with its unit, such as 15s, 500ms or 1h30m, found "20"
POSTHORN_DEBUG: expected true or false, found "maybe"
POSTHORN_WORKERS: expected a number from 1 to 64, found "99"
POSTHORN_BODY_BYTES: expected a size in bytes, such as 1048576, 64KiB or 1MiB, found "1MB"
POSTHORN_ADDR: expected an IP address and a port, such as 0.0.0.0:8071 or [::1]:8071, found "localhost:80"
POSTHORN_MODE: expected fast or safe
POSTHORN_NATS_URL: required, expected a URL such as nats://localhost:4222
POSTHORN_JWT_SECRET or POSTHORN_JWT_SECRET_FILE: required, expected at least 32 bytes
POSTHORN_GRACE: expected more than the request timeout
POSTHORN_GRACEFUL: no such setting; did you mean POSTHORN_GRACE?"#;
    assert_eq!(error.to_string(), expected.trim_start());
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let mut env = Env::from_pairs([("POSTHORN_A", ""), ("POSTHORN_TYPO", "")]);

    assert_eq!(env.string("POSTHORN_A", "default"), "default");

    assert_eq!(mistakes(env), [""; 0]);
}

#[test]
fn variables_of_others_are_left_alone() {
    let env = Env::from_pairs([
        ("HOME", "/root"),
        ("POSTHORN_API_SERVICE_HOST", "10.0.0.1"),
        ("POSTHORN_API_PORT", "tcp://10.0.0.1:80"),
    ]);

    assert_eq!(mistakes(env), [""; 0]);
}

#[test]
fn a_secret_may_come_from_a_file() {
    let file = file_with("hunter2\n");
    let mut env = Env::from_pairs([("POSTHORN_KEY_FILE", file.path().to_str().unwrap())]);

    assert_eq!(
        env.required_secret("POSTHORN_KEY", "a key").expose(),
        "hunter2"
    );

    assert_eq!(mistakes(env), [""; 0]);
}

#[test]
fn a_secret_in_two_places_is_a_mistake_that_does_not_print_it() {
    let mut env = Env::from_pairs([
        ("POSTHORN_KEY", "hunter2"),
        ("POSTHORN_KEY_FILE", "/secret"),
    ]);

    env.required_secret("POSTHORN_KEY", "a key");

    let expected = "POSTHORN_KEY, POSTHORN_KEY_FILE: expected one of them, found both";
    assert_eq!(mistakes(env), [expected]);
}

#[test]
fn a_secret_file_that_cannot_be_used_is_one_mistake() {
    let empty = file_with("\n");
    for path in ["/does/not/exist", empty.path().to_str().unwrap()] {
        let mut env = Env::from_pairs([("POSTHORN_KEY_FILE", path)]);

        env.required_secret("POSTHORN_KEY", "a key");

        let mistakes = mistakes(env);
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(
            mistakes[0].starts_with("POSTHORN_KEY_FILE: "),
            "{mistakes:?}"
        );
    }
}

#[test]
fn keys_of_another_role_are_known_and_its_mistakes_forgotten() {
    let mut env = Env::from_pairs([("POSTHORN_API_PAGE", "many"), ("POSTHORN_SENDER_X", "1")]);
    env.number("POSTHORN_SENDER_X", 0, 0..=9);
    env.survey(|env| {
        env.number("POSTHORN_API_PAGE", 50, 1..=250);
        env.required_string("POSTHORN_DATABASE_URL", "a URL");
    });

    assert_eq!(
        env.effective(),
        [("POSTHORN_SENDER_X".to_owned(), "1".to_owned())]
    );
    assert_eq!(mistakes(env), [""; 0]);
}

#[test]
fn a_setting_that_two_services_read_is_reported_once() {
    let mut env = Env::from_pairs([("POSTHORN_GRACE", "20")]);
    for _service in 0..2 {
        env.duration("POSTHORN_GRACE", Duration::ZERO);
    }

    assert_eq!(env.effective().len(), 1);
    assert_eq!(mistakes(env).len(), 1);
}

#[test]
fn effective_settings_show_no_secrets() {
    let mut env = Env::from_pairs([
        ("POSTHORN_KEY", "hunter2"),
        ("POSTHORN_NATS_URL", "nats://user:hunter2@host"),
    ]);
    env.optional_secret("POSTHORN_KEY");
    env.optional_secret("POSTHORN_OTHER_KEY");
    env.string("POSTHORN_NATS_URL", "");
    env.duration("POSTHORN_GRACE", Duration::from_secs(90));
    env.optional_string("POSTHORN_JAEGER_URL");
    env.parsed("POSTHORN_MODE", 1, "a mode", |_| None);

    let shown: Vec<String> = env
        .effective()
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();

    let expected = [
        "POSTHORN_KEY=[set]",
        "POSTHORN_OTHER_KEY=[not set]",
        "POSTHORN_NATS_URL=nats://@host",
        "POSTHORN_GRACE=1m30s",
        "POSTHORN_JAEGER_URL=[not set]",
        "POSTHORN_MODE=[default]",
    ];
    assert_eq!(shown, expected);
    assert!(!format!("{env:?}").contains("hunter2"));
}

#[test]
fn a_default_gives_way_to_the_environment_and_to_a_file() {
    let mut env = Env::from_pairs([("POSTHORN_A", "own"), ("POSTHORN_B_FILE", "/dev/null")])
        .with_defaults([("POSTHORN_A", "default".to_owned())])
        .with_defaults([("POSTHORN_B", "default".to_owned())])
        .with_defaults([("POSTHORN_C", "default".to_owned())]);

    assert_eq!(env.string("POSTHORN_A", ""), "own");
    assert_eq!(env.string("POSTHORN_B", "unset"), "unset");
    assert_eq!(env.string("POSTHORN_C", ""), "default");
}
