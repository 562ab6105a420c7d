package org.posthorn.sdk;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.svix.Utils;
import com.svix.exceptions.ApiException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;

/** What the walk needs that is not about Svix: steps, checks and waiting. */
final class Harness {
    /** How long something that happens later may take; retries of failing deliveries included. */
    private static final long SOON_MS = 30_000;

    /** The pause after a message. Ids, which decide about order, have a resolution of 4 ms. */
    private static final long APART_MS = 20;

    private static final ObjectMapper JSON =
            Utils.getObjectMapper().enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS);

    private Harness() {}

    interface Action {
        void run() throws Exception;
    }

    interface Call<T> {
        T run() throws Exception;
    }

    /** A check that did not hold, as opposed to an error of the SDK. */
    static final class CheckFailed extends RuntimeException {
        CheckFailed(String what) {
            super(what);
        }
    }

    /** Runs an action as one step, and prints the verdict. */
    static void step(String operation, String words, Action action) throws Exception {
        String error = null;
        try {
            action.run();
        } catch (Exception thrown) { // whatever it is, the walk goes on
            error = describe(thrown);
        }
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("operation", operation);
        line.put("step", words);
        line.put("ok", error == null);
        line.put("error", error);
        System.out.println(new ObjectMapper().writeValueAsString(line));
    }

    /** Says in one line what went wrong, beginning with the status if it was an answer. */
    private static String describe(Exception thrown) {
        if (thrown instanceof ApiException answer) {
            return "HTTP " + answer.getCode() + ": " + answer.getResponseBody();
        }
        return (thrown.getClass().getSimpleName() + ": " + thrown.getMessage()).replace('\n', ' ');
    }

    static String text(Object value) throws Exception {
        // Objects of any kind become maps, so that the order of their fields does not matter.
        return JSON.writeValueAsString(JSON.convertValue(value, Object.class));
    }

    static JsonNode parsed(String text) throws Exception {
        return JSON.readTree(text);
    }

    /** Checks that two values are the same as JSON. */
    static void equal(Object actual, Object expected, String what) throws Exception {
        if (!text(actual).equals(text(expected))) {
            throw new CheckFailed(what + ": " + text(actual) + " instead of " + text(expected));
        }
    }

    static void holds(boolean condition, String what) {
        if (!condition) {
            throw new CheckFailed(what);
        }
    }

    /** Checks that a call fails with this status and, unless null, this code; returns the detail. */
    static JsonNode fails(int status, String code, Call<?> call) throws Exception {
        Object answer;
        try {
            answer = call.run();
        } catch (ApiException thrown) {
            if (thrown.getCode() != status) {
                throw thrown;
            }
            JsonNode body = parsed(thrown.getResponseBody());
            if (code != null) {
                equal(body.path("code").asText(), code, "code of the " + status);
                holds(!body.path("detail").asText().isEmpty(), "the " + status + " has no detail");
            }
            return body.path("detail");
        }
        throw new CheckFailed("no " + status + ", but " + text(answer));
    }

    /** The same for a call without an answer. */
    static void failsToo(int status, String code, Action action) throws Exception {
        fails(
                status,
                code,
                () -> {
                    action.run();
                    return null;
                });
    }

    /**
     * Checks that the SDK fails before it sends anything: this version gives its HTTP client no body
     * for a POST or PUT without one, which that client refuses. See broken_in in operations.json.
     */
    static void brokenInTheSdk(Action call) throws Exception {
        try {
            call.run();
        } catch (IllegalArgumentException refused) {
            holds(refused.getMessage().endsWith("must have a request body."), refused.getMessage());
            return;
        }
        throw new CheckFailed("the SDK is no longer broken: write a real step, see operations.json");
    }

    /** Calls until no check fails, and returns the answer. */
    static <T> T eventually(Call<T> probe) throws Exception {
        long deadline = System.currentTimeMillis() + SOON_MS;
        while (true) {
            try {
                return probe.run();
            } catch (CheckFailed failed) {
                if (System.currentTimeMillis() > deadline) {
                    throw failed;
                }
                Thread.sleep(100);
            }
        }
    }

    /** Passes on what was created, a moment later. */
    static <T> T apart(T created) throws Exception {
        Thread.sleep(APART_MS);
        return created;
    }

    /** Fills in a value whose setters return nothing. */
    static <T> T with(T value, Consumer<T> change) {
        change.accept(value);
        return value;
    }

    static <T, R> List<R> each(Collection<T> all, Function<T, R> one) {
        return all.stream().map(one).toList();
    }

    static List<String> sorted(Collection<String> names) {
        return names.stream().sorted().toList();
    }

    /** A list that may hold null. */
    static List<Object> list(Object... values) {
        return Arrays.asList(values);
    }

    @SafeVarargs
    static <T> Set<T> set(T... values) {
        return new LinkedHashSet<>(Arrays.asList(values));
    }

    static String unique() {
        byte[] bytes = new byte[5];
        new SecureRandom().nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }
}
