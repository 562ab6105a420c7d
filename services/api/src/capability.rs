//! Which capability a portal's token needs, for every route in one place.
//!
//! A route that nobody thought of needs the capability to change endpoints as soon as it is no
//! GET: forgetting one closes a door and opens none.

use http::Method;
use posthorn_public_http::Capability;

/// Ends of the paths that have something delivered once more.
const ATTEMPTS: [&str; 9] = [
    "/background-task/{task_id}/pause",
    "/background-task/{task_id}/resume",
    "/background-task/{task_id}/cancel",
    "/resend",
    "/recover",
    "/replay-missing",
    "/bulk-replay",
    "/send-example",
    "/msg/test-attempt",
];
/// Ends of the paths that only read, although their method is POST.
const READS: [&str; 2] = ["/msg/search", "/msg/precheck/active"];

/// What a request to a route needs; `None` for what concerns only the token itself.
pub(crate) fn needed(method: &Method, route: &str) -> Option<Capability> {
    let ends_in = |ends: &[&str]| ends.iter().any(|end| route.ends_with(end));
    if route.starts_with("/api/v1/auth/") {
        return None;
    }
    let reads = *method == Method::GET || *method == Method::HEAD || only_reads(route);
    Some(if reads && route.ends_with("/secret") {
        Capability::ViewEndpointSecret
    } else if reads {
        Capability::ViewBase
    } else if route.ends_with("/secret/rotate") {
        Capability::ManageEndpointSecret
    } else if route.contains("/transformation") {
        Capability::ManageTransformations
    } else if ends_in(&ATTEMPTS) {
        Capability::CreateAttempts
    } else {
        Capability::ManageEndpoint
    })
}

/// Whether a route only reads, whatever its method.
pub(crate) fn only_reads(route: &str) -> bool {
    READS.iter().any(|end| route.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_route_has_its_capability() {
        let endpoint = "/api/v1/app/{app_id}/endpoint/{endpoint_id}";
        let cases = [
            (Method::GET, "", Capability::ViewBase),
            (Method::GET, "/headers", Capability::ViewBase),
            (Method::GET, "/secret", Capability::ViewEndpointSecret),
            (
                Method::POST,
                "/secret/rotate",
                Capability::ManageEndpointSecret,
            ),
            (
                Method::PATCH,
                "/transformation",
                Capability::ManageTransformations,
            ),
            (Method::POST, "/recover", Capability::CreateAttempts),
            (Method::POST, "/something-new", Capability::ManageEndpoint),
            (Method::DELETE, "", Capability::ManageEndpoint),
            (Method::PUT, "/headers", Capability::ManageEndpoint),
        ];
        for (method, end, capability) in cases {
            let found = needed(&method, &format!("{endpoint}{end}"));
            assert_eq!(found, Some(capability), "{method} {end}");
        }
        let app = "/api/v1/app/{app_id}";
        for (method, end, capability) in [
            (Method::GET, "/live", Capability::ViewBase),
            (Method::GET, "/overview", Capability::ViewBase),
            (Method::GET, "/msg/{msg_id}/explain", Capability::ViewBase),
            (
                Method::GET,
                "/inbox/{inbox_id}/request",
                Capability::ViewBase,
            ),
            (Method::POST, "/inbox", Capability::ManageEndpoint),
            (
                Method::DELETE,
                "/inbox/{inbox_id}/request",
                Capability::ManageEndpoint,
            ),
        ] {
            let found = needed(&method, &format!("{app}{end}"));
            assert_eq!(found, Some(capability), "{method} {end}");
        }
        assert_eq!(needed(&Method::POST, "/api/v1/auth/logout"), None);
    }
}
