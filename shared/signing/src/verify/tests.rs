//! Every way a receiver must say no, and that what we sign is accepted.

use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::signature::sign;

const NOW: i64 = 1_700_000_000;

fn signed(secrets: &[SigningSecret]) -> String {
    sign(secrets, "msg_1", NOW, b"{}")
}

fn check(key: &SigningSecret, signature: &str) -> Result<(), VerifyError> {
    let delivery = Delivery {
        id: "msg_1",
        timestamp: &NOW.to_string(),
        body: b"{}",
        signature,
    };
    verify(&VerifyKey::from(key), &delivery, NOW)
}

#[test]
fn any_of_several_signatures_is_enough() {
    let (new, old) = (SigningSecret::generate(), SigningSecret::generate());
    let header = signed(&[new.clone(), old.clone()]);
    assert_eq!(check(&new, &header), Ok(()));
    assert_eq!(check(&old, &header), Ok(()));
    assert_eq!(
        check(&SigningSecret::generate(), &header),
        Err(VerifyError::NoMatch)
    );
}

#[test]
fn mixed_kinds_each_find_their_own_version() {
    let (hmac, pair) = (
        SigningSecret::generate(),
        SigningSecret::generate_key_pair(),
    );
    let header = signed(&[pair.clone(), hmac.clone()]);
    assert_eq!(check(&hmac, &header), Ok(()));
    assert_eq!(check(&pair, &header), Ok(()));
    assert_eq!(
        check(&pair, &signed(&[hmac])),
        Err(VerifyError::NoSuchVersion("v1a"))
    );
}

#[test]
fn the_public_text_alone_verifies() {
    let pair = SigningSecret::generate_key_pair();
    let key = VerifyKey::parse(&pair.public_text().unwrap()).unwrap();
    let delivery = Delivery {
        id: "msg_1",
        timestamp: &NOW.to_string(),
        body: b"{}",
        signature: &signed(&[pair]),
    };
    assert_eq!(verify(&key, &delivery, NOW), Ok(()));
}

#[test]
fn malformed_headers_are_refused() {
    let key = SigningSecret::generate();
    let good = signed(std::slice::from_ref(&key));
    let tag = good.strip_prefix("v1,").unwrap();
    let cases = [
        (String::new(), VerifyError::NoSuchVersion("v1")),
        (tag.to_owned(), VerifyError::NoSuchVersion("v1")),
        (format!("v2,{tag}"), VerifyError::NoSuchVersion("v1")),
        (format!("V1,{tag}"), VerifyError::NoSuchVersion("v1")),
        (format!("v1;{tag}"), VerifyError::NoSuchVersion("v1")),
        ("v1,".to_owned(), VerifyError::NoMatch),
        ("v1,%%%".to_owned(), VerifyError::NoMatch),
        (format!("v1,{}", &tag[..40]), VerifyError::NoMatch),
        (format!("v1,{tag}{tag}"), VerifyError::NoMatch),
    ];
    for (header, expected) in cases {
        assert_eq!(check(&key, &header), Err(expected), "{header}");
    }
    assert_eq!(check(&key, &format!("v0,x  v1,bad {good}")), Ok(()));
}

#[test]
fn timestamps_outside_the_tolerance_are_refused() {
    let cases = [
        ("1699999700", Ok(())),
        ("1699999699", Err(VerifyError::TooOld(1))),
        ("1700000300", Ok(())),
        ("1700000301", Err(VerifyError::TooNew(1))),
        ("0", Err(VerifyError::TooOld(1_699_999_700))),
        ("", Err(VerifyError::InvalidTimestamp)),
        ("-1", Err(VerifyError::InvalidTimestamp)),
        ("+1700000000", Err(VerifyError::InvalidTimestamp)),
        ("1700000000.0", Err(VerifyError::InvalidTimestamp)),
        ("99999999999999999999", Err(VerifyError::InvalidTimestamp)),
    ];
    for (timestamp, expected) in cases {
        assert_eq!(check_timestamp(timestamp, NOW), expected, "{timestamp}");
    }
}

#[test]
fn texts_that_are_not_keys_are_refused() {
    let weak = format!("whpk_{}", base64_text::encode(&[0; 32]));
    for text in ["whpk_", "whpk_AAAA", "whpk_!!!!", weak.as_str()] {
        assert_eq!(
            VerifyKey::parse(text).err(),
            Some(VerifyKeyError::PublicKey),
            "{text}"
        );
    }
    assert_eq!(
        VerifyKey::parse("whsec_").err(),
        Some(VerifyKeyError::Empty)
    );
    assert_eq!(
        VerifyKey::parse("whsec_?").err(),
        Some(VerifyKeyError::Secret(SecretError::Base64))
    );
    assert_eq!(
        VerifyKey::parse("key").err(),
        Some(VerifyKeyError::Secret(SecretError::Prefix))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_signed_verifies_and_nothing_else_does(
        id in "[a-zA-Z0-9_-]{1,64}",
        body in proptest::collection::vec(any::<u8>(), 0..200),
        pair in any::<bool>(),
        flip in any::<proptest::sample::Index>(),
    ) {
        let secret = if pair { SigningSecret::generate_key_pair() } else { SigningSecret::generate() };
        let signature = sign(std::slice::from_ref(&secret), &id, NOW, &body);
        let key = VerifyKey::from(&secret);
        let timestamp = NOW.to_string();
        let delivery =
            Delivery { id: &id, timestamp: &timestamp, body: &body, signature: &signature };
        prop_assert_eq!(verify(&key, &delivery, NOW), Ok(()));

        let mut content = [id.as_bytes(), &body].concat();
        content[flip.index(id.len() + body.len())] ^= 1;
        let (other_id, other_body) = content.split_at(id.len());
        let other_id = String::from_utf8_lossy(other_id);
        let changed = Delivery { id: &other_id, body: other_body, ..delivery };
        prop_assert_eq!(verify(&key, &changed, NOW), Err(VerifyError::NoMatch));

        let later = (NOW + 1).to_string();
        let moved = Delivery { timestamp: &later, ..delivery };
        prop_assert!(verify(&key, &moved, NOW).is_err());
    }

    #[test]
    fn no_header_makes_the_verifier_panic(header in "\\PC{0,200}", timestamp in "\\PC{0,30}") {
        let key = VerifyKey::from(&SigningSecret::generate());
        let delivery =
            Delivery { id: "msg_1", timestamp: &timestamp, body: b"", signature: &header };
        prop_assert!(verify(&key, &delivery, NOW).is_err());
    }
}
