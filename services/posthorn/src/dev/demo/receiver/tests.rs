use posthorn_chassis::clock;
use posthorn_signing::SigningSecret;

use super::*;

const BODY: &[u8] = br#"{"data":{"file_id":"file_1"},"type":"file.deleted"}"#;

fn script(role: Role, secret: &str) -> (Script, mpsc::Receiver<Seen>) {
    let (seen, seen_by) = mpsc::channel(8);
    let script = Script {
        role,
        webhook: Webhook::new(secret).unwrap(),
        marker: "file_1".to_owned(),
        refused: AtomicU32::new(0),
        seen,
    };
    (script, seen_by)
}

fn signed(prefix: &str, secret: &SigningSecret) -> HeaderMap {
    let now = clock::unix_micros() / 1_000_000;
    let signature = posthorn_signing::sign(std::slice::from_ref(secret), "event_1", now, BODY);
    let mut headers = HeaderMap::new();
    let values = [
        ("id", "event_1".to_owned()),
        ("timestamp", now.to_string()),
        ("signature", signature),
    ];
    for (name, value) in values {
        let name: axum::http::HeaderName = format!("{prefix}{name}").parse().unwrap();
        headers.insert(name, value.parse().unwrap());
    }
    headers
}

#[test]
fn what_the_fleet_signs_is_verified_under_both_families_of_names() {
    let secret = SigningSecret::generate();
    let webhook = Webhook::new(&secret.to_text()).unwrap();
    for prefix in ["svix-", "webhook-"] {
        let headers = signed(prefix, &secret);
        let delivery = Delivery::of(&headers);
        assert_eq!((delivery.prefix, delivery.id), (prefix, "event_1"));
        delivery.verify(&webhook, BODY).unwrap();
        delivery.verify(&webhook, b"{}").unwrap_err();
    }
    Delivery::of(&HeaderMap::new())
        .verify(&webhook, BODY)
        .unwrap_err();
}

#[tokio::test]
async fn only_the_demos_event_is_refused_and_only_twice() {
    let secret = SigningSecret::generate();
    let (recovering, mut seen) = script(Role::Recovering, &secret.to_text());
    let recovering = Arc::new(recovering);
    let headers = signed("svix-", &secret);
    let mut answers = Vec::new();
    for _ in 0..3 {
        let body = Bytes::from_static(BODY);
        let answer = receive(State(Arc::clone(&recovering)), headers.clone(), body).await;
        answers.push(answer.as_u16());
    }
    assert_eq!(answers, [503, 503, 200]);
    assert_eq!(recovering.answer(&Ok(()), b"another event"), StatusCode::OK);
    assert_eq!(
        recovering.answer(&Err(WebhookError::InvalidSignature), BODY),
        401
    );
    let first = seen.recv().await.unwrap();
    assert_eq!((first.event.as_str(), first.accepted), ("event_1", false));
    let (healthy, _seen) = script(Role::Healthy, &secret.to_text());
    assert_eq!(healthy.answer(&Ok(()), BODY), StatusCode::OK);
}
