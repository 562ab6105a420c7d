package org.posthorn.sdk;

import com.svix.Svix;
import com.svix.SvixOptions;
import com.svix.models.ApplicationOut;
import com.svix.models.EndpointOut;
import com.svix.models.EventTypeOut;
import com.svix.models.MessageAttemptOut;
import com.svix.models.MessageOut;
import com.svix.models.OperationalWebhookEndpointOut;
import java.util.ArrayList;
import java.util.List;

/** Walks through Posthorn's API with Svix's Java SDK; see run.sh. */
public final class Walk {
    final String serverUrl = System.getenv("SVIX_SERVER_URL");
    final String token = System.getenv("SVIX_TOKEN");
    final Svix svix = client(token);
    final Receiver receiver = new Receiver(System.getenv("RECEIVER_URL"));

    // What steps leave for later ones; after an earlier step that failed, it is null.
    String uid;
    ApplicationOut app;
    ApplicationOut second;
    ApplicationOut third;
    String paid;
    String sent;
    String voided;
    EventTypeOut eventType;
    EndpointOut endpoint;
    final List<String> endpoints = new ArrayList<>();
    MessageOut plain;
    MessageOut message;
    MessageOut bare;
    EndpointOut good;
    EndpointOut bad;
    MessageOut toBoth;
    MessageOut toGood;
    MessageOut toNobody;
    MessageOut raw;
    MessageAttemptOut attempt;
    MessageAttemptOut failedAttempt;
    String rotated;
    String statsTask;
    String portalToken;
    OperationalWebhookEndpointOut hook;

    Svix client(String token) {
        SvixOptions options = new SvixOptions();
        options.setServerUrl(serverUrl);
        return new Svix(token, options);
    }

    public static void main(String[] arguments) throws Exception {
        Walk walk = new Walk();
        new Applications(walk).run();
        new EventTypes(walk).run();
        new Endpoints(walk).run();
        new Messages(walk).run();
        Deliveries deliveries = new Deliveries(walk);
        deliveries.run();
        new Attempts(walk, deliveries.app).run();
        deliveries.again();
        new Usage(walk).run();
        new Access(walk).run();
        new OperationalWebhooks(walk).run();
        new Unserved(walk).run();
        // Idle threads of the SDK's HTTP client would keep the process for half a minute.
        System.exit(0);
    }
}
