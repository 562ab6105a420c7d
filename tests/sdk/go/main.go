// Walks through Posthorn's API with Svix's Go SDK; see run.sh.
package main

import (
	"context"
	"net/url"
	"os"
	"time"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

var ctx = context.Background()

// What steps leave for later ones; an earlier step that failed leaves zero values.
type world struct {
	server   *url.URL
	token    string
	svix     *svix.Svix
	receiver receiver

	uid                string
	app, second, third models.ApplicationOut

	paid, sent, void string
	eventType        models.EventTypeOut

	endpoint  models.EndpointOut
	endpoints []string

	plain, message, bare models.MessageOut

	good, bad                models.EndpointOut
	toBoth, toGood, toNobody models.MessageOut
	raw                      models.MessageOut
	attempt, failedAttempt   models.MessageAttemptOut
	rotated, statsTask       string
	portalToken              string
	hookOut                  models.OperationalWebhookEndpointOut
}

func client(server *url.URL, token string, retries *[]time.Duration) *svix.Svix {
	made, err := svix.New(token, &svix.SvixOptions{ServerUrl: server, RetrySchedule: retries})
	check(err)
	return made
}

func main() {
	server, err := url.Parse(os.Getenv("SVIX_SERVER_URL"))
	check(err)
	token := os.Getenv("SVIX_TOKEN")
	walk := &world{
		server:   server,
		token:    token,
		svix:     client(server, token, nil),
		receiver: receiver{os.Getenv("RECEIVER_URL"), unique()},
	}
	walk.applications()
	walk.eventTypes()
	walk.endpointsThemselves()
	walk.messages()
	walk.deliveries()
	walk.attempts()
	walk.again()
	walk.usage()
	walk.access()
	walk.operationalWebhooks()
	walk.unserved()
}
