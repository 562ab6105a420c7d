//! The OpenAPI document says what is served: it is made from the routes, and this test holds the
//! committed copy to it.

use posthorn_e2e::Stack;
use posthorn_e2e::binary::workspace;
use serde_json::Value;

#[tokio::test]
async fn the_served_document_is_the_committed_one() {
    let committed = std::fs::read_to_string(workspace().join("docs/openapi.json")).unwrap();
    let committed: Value = serde_json::from_str(&committed).unwrap();
    let stack = Stack::start().await;
    let response = stack.client.request("GET", "/openapi.json").send().await;
    let response = response.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    let served: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    stack.stop().await;

    assert_eq!(served["openapi"], "3.1.0");
    let paths = |document: &Value| -> Vec<String> {
        let paths = document["paths"].as_object().unwrap();
        paths.keys().cloned().collect()
    };
    assert_eq!(paths(&served), paths(&committed), "run `make openapi`");
    assert!(
        served == committed,
        "docs/openapi.json is out of date: run `make openapi`"
    );
}
