package org.posthorn.sdk;

import static org.posthorn.sdk.Harness.eventually;
import static org.posthorn.sdk.Harness.holds;
import static org.posthorn.sdk.Harness.parsed;
import static org.posthorn.sdk.Harness.unique;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The receiver that records requests, see receiver.py. */
record Receiver(String base, String folder) {
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    record Received(Map<String, List<String>> headers, String body) {
        String header(String name) {
            return headers.containsKey(name) ? headers.get(name).get(0) : null;
        }
    }

    Receiver(String base) {
        this(base, unique());
    }

    String path(String name) {
        return "/" + folder + "/" + name;
    }

    String path(String name, int failures) {
        return "/fail-" + failures + path(name);
    }

    URI url(String path) {
        return URI.create(base + path);
    }

    List<Received> received(String path) throws Exception {
        String query = URLEncoder.encode(path, StandardCharsets.UTF_8);
        HttpRequest request = HttpRequest.newBuilder(URI.create(base + "/_requests?path=" + query)).build();
        List<Received> found = new ArrayList<>();
        for (JsonNode one : parsed(CLIENT.send(request, BodyHandlers.ofString()).body())) {
            Map<String, List<String>> headers = new HashMap<>();
            one.path("headers").fields().forEachRemaining(
                    field -> headers.put(field.getKey(), List.of(field.getValue().asText())));
            byte[] body = Base64.getDecoder().decode(one.path("body_base64").asText());
            found.add(new Received(headers, new String(body, StandardCharsets.UTF_8)));
        }
        return found;
    }

    /** Waits until a message has arrived so many times, and returns the requests. */
    List<Received> await(String path, String messageId, int count) throws Exception {
        return eventually(
                () -> {
                    List<Received> found =
                            received(path).stream()
                                    .filter(one -> messageId.equals(one.header("svix-id")))
                                    .toList();
                    String times = messageId + " came " + found.size() + " times to " + path;
                    holds(found.size() >= count, times + ", not " + count);
                    return found;
                });
    }

    Received await(String path, String messageId) throws Exception {
        return await(path, messageId, 1).get(0);
    }
}
