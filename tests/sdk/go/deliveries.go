package main

// What arrives, its signatures, and sending again.
//
// The server has to give up soon: these steps expect three attempts within a few seconds.

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

const attempts = 3

// The pause after a message. Ids, which decide about order and filters by time, have a resolution of 4 ms.
const apart = 20 * time.Millisecond

const noEndpoint = "ep_000000000000000000000000000"

var deliveriesApp = "walk-" + unique()

func verifies(secret string, request request) bool {
	webhook, err := svix.NewWebhook(secret)
	check(err)
	return webhook.Verify(request.body, request.headers) == nil
}

func (w *world) send(message models.MessageIn) models.MessageOut {
	if message.Payload == nil {
		message.Payload = object("number", 1)
	}
	created := must(w.svix.Message.Create(ctx, deliveriesApp, message, nil))
	time.Sleep(apart)
	return *created
}

func (w *world) secretOf(endpoint models.EndpointOut) string {
	return must(w.svix.Endpoint.GetSecret(ctx, deliveriesApp, endpoint.Id)).Key
}

func (w *world) goodPath() string { return w.receiver.path("good", 0) }
func (w *world) badPath() string  { return w.receiver.path("bad", attempts) }

func (w *world) deliveries() {
	app := deliveriesApp
	receiver := w.receiver

	step("v1.endpoint.create", "receives a message that was sent at once after it", func() {
		must(w.svix.Application.Create(ctx, models.ApplicationIn{Name: "Deliveries", Uid: &app}, nil))
		w.good = *must(w.svix.Endpoint.Create(ctx, app, models.EndpointIn{
			Url:         receiver.url(w.goodPath()),
			Headers:     &map[string]string{"X-Walk": "good"},
			FilterTypes: []string{w.paid, w.sent},
		}, nil))
		bad := models.EndpointIn{Url: receiver.url(w.badPath()), Channels: []string{"north"}}
		w.bad = *must(w.svix.Endpoint.Create(ctx, app, bad, nil))
		w.toBoth = w.send(models.MessageIn{
			EventType: w.paid, Channels: []string{"north"}, Tags: []string{"vip"}, Payload: object("text", "Zoë and co"),
		})
		w.toGood = w.send(models.MessageIn{EventType: w.sent})
		w.toNobody = w.send(models.MessageIn{EventType: w.void})
		receiver.wait(w.goodPath(), w.toBoth.Id, 1)
	})

	step("v1.message.create", "is delivered with the endpoint's headers, signed so that the SDK verifies it", func() {
		request := receiver.wait(w.goodPath(), w.toBoth.Id, 1)[0]
		equal(request.headers.Get("x-walk"), "good", "own header")
		equal(request.headers.Get("content-type"), "application/json", "content type")
		secret := w.secretOf(w.good)
		holds(verifies(secret, request), "the signature does not verify")
		holds(strings.Contains(string(request.body), "Zoë and co"), "the body "+string(request.body))
		equal(verifies(w.secretOf(w.bad), request), false, "verifies with another endpoint's secret")
		request.body = append(request.body, ' ')
		equal(verifies(secret, request), false, "verifies although it was changed")
	})

	step("v1.message.create", "a raw payload is delivered byte for byte", func() {
		raw := "{\"b\": 1,\t\"a\":  [1.0, \"\\u00eb\"]}"
		w.raw = w.send(*svix.NewMessageInRaw(w.sent, raw, nil))
		equal(string(receiver.wait(w.goodPath(), w.raw.Id, 1)[0].body), raw, "body")
	})
}

func (w *world) again() {
	app := deliveriesApp
	receiver := w.receiver
	endpoint := w.svix.Endpoint
	paid := models.MessageIn{EventType: w.paid}

	step("v1.endpoint.get-stats", "counts attempts", func() {
		eventually(func() {
			good := must(endpoint.GetStats(ctx, app, w.good.Id, nil))
			equal([]int64{good.Success, good.Fail, good.Pending, good.Sending}, []int64{3, 0, 0, 0}, "of the first")
			bad := must(endpoint.GetStats(ctx, app, w.bad.Id, nil))
			equal([]int64{bad.Success, bad.Fail}, []int64{0, attempts}, "of the second")
		})
		early := &svix.EndpointGetStatsOptions{Since: pointer(time.Now().Add(-time.Hour)), Until: &w.toBoth.Timestamp}
		equal(must(endpoint.GetStats(ctx, app, w.good.Id, early)).Success, 0, "before the first message")
		tooLong := &svix.EndpointGetStatsOptions{Since: pointer(time.Now().AddDate(0, 0, -40)), Until: pointer(time.Now())}
		fails(400, "invalid_range", errorOf(endpoint.GetStats(ctx, app, w.good.Id, tooLong)))
	})

	step("v1.message-attempt.resend", "sends again, to this endpoint alone", func() {
		must(w.svix.MessageAttempt.Resend(ctx, app, w.toBoth.Id, w.bad.Id, nil))
		receiver.wait(w.badPath(), w.toBoth.Id, attempts+1)
		eventually(func() {
			newest := w.attemptsOf(w.toBoth, svix.MessageAttemptListByMsgOptions{EndpointId: &w.bad.Id})[0]
			equal([]any{newest.Status, newest.TriggerType}, []int{0, 1}, "status and trigger")
		})
		equal(len(receiver.received(w.goodPath())), 3, "requests at the other endpoint")
	})

	step("v1.message-attempt.resend", "404 for an unknown endpoint", func() {
		fails(404, "not_found", errorOf(w.svix.MessageAttempt.Resend(ctx, app, w.toBoth.Id, noEndpoint, nil)))
	})

	step("v1.endpoint.rotate-secret", "for a while the old and the new secret verify", func() {
		old := w.secretOf(w.good)
		rotate := models.EndpointSecretRotateIn{GracePeriodSeconds: pointer[uint32](3600)}
		check(endpoint.RotateSecret(ctx, app, w.good.Id, rotate, nil))
		w.rotated = w.secretOf(w.good)
		holds(w.rotated != old, "the secret stays")
		request := receiver.wait(w.goodPath(), w.send(paid).Id, 1)[0]
		equal(len(strings.Fields(request.headers.Get("svix-signature"))), 2, "number of signatures")
		equal([]bool{verifies(old, request), verifies(w.rotated, request)}, []bool{true, true}, "the old and the new verify")
	})

	step("v1.endpoint.rotate-secret", "without grace to a secret that was brought along", func() {
		own := "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
		rotate := models.EndpointSecretRotateIn{Key: &own, GracePeriodSeconds: pointer[uint32](0)}
		check(endpoint.RotateSecret(ctx, app, w.good.Id, rotate, nil))
		equal(w.secretOf(w.good), own, "secret")
		request := receiver.wait(w.goodPath(), w.send(paid).Id, 1)[0]
		equal([]bool{verifies(own, request), verifies(w.rotated, request)}, []bool{true, false}, "the new and the old verify")
	})

	step("v1.endpoint.send-example", "sends an event type's example", func() {
		message := must(endpoint.SendExample(ctx, app, w.good.Id, models.EventExampleIn{EventType: w.paid}, nil))
		equal(message.EventType, w.paid, "event type")
		body := receiver.wait(w.goodPath(), message.Id, 1)[0].body
		equal(json.RawMessage(body), object("amount", 1200), "body")
	})

	step("v1.endpoint.send-example", "400 for an event type without an example", func() {
		example := models.EventExampleIn{EventType: w.sent}
		fails(400, "invalid_scheme", errorOf(endpoint.SendExample(ctx, app, w.good.Id, example, nil)))
	})

	since := w.toBoth.Timestamp.Add(-time.Minute)

	step("v1.endpoint.recover", "sends again what had failed since then", func() {
		path := receiver.path("recovered", attempts)
		made := models.EndpointIn{Url: receiver.url(path), Channels: []string{"recover"}}
		failing := must(endpoint.Create(ctx, app, made, nil))
		message := w.send(models.MessageIn{EventType: w.void, Channels: []string{"recover"}})
		receiver.wait(path, message.Id, attempts)
		eventually(func() {
			all := w.attemptsAt(*failing, svix.MessageAttemptListByEndpointOptions{})
			equal(len(all), attempts, "number of attempts")
		})
		task := must(endpoint.Recover(ctx, app, failing.Id, models.RecoverIn{Since: message.Timestamp.Add(-time.Minute)}, nil))
		receiver.wait(path, message.Id, attempts+1)
		w.finished(task.Id, "endpoint.recover")
	})

	step("v1.endpoint.recover", "422 for more than two weeks", func() {
		early := models.RecoverIn{Since: time.Now().AddDate(0, 0, -20), Until: pointer(time.Now())}
		fails(422, "", errorOf(endpoint.Recover(ctx, app, w.good.Id, early, nil)))
	})

	step("v1.endpoint.replay-missing", "sends what was never sent to this endpoint", func() {
		path := receiver.path("late", 0)
		made := models.EndpointIn{Url: receiver.url(path), FilterTypes: []string{w.sent}}
		late := must(endpoint.Create(ctx, app, made, nil))
		task := must(endpoint.ReplayMissing(ctx, app, late.Id, models.ReplayIn{Since: since}, nil))
		receiver.wait(path, w.toGood.Id, 1)
		receiver.wait(path, w.raw.Id, 1)
		w.finished(task.Id, "endpoint.replay")
		ids := idsOf(receiver.received(path), func(one request) string { return one.headers.Get("svix-id") })
		equal(sorted(ids...), sorted(w.toGood.Id, w.raw.Id), "messages")
	})

	step("v1.endpoint.bulk-replay", "sends again what its filters select", func() {
		task := must(endpoint.BulkReplay(ctx, app, w.good.Id, models.BulkReplayIn{
			Since: since, EventTypes: []string{w.paid}, Tag: pointer("vip"), Channel: pointer("north"),
		}, nil))
		receiver.wait(w.goodPath(), w.toBoth.Id, 2)
		w.finished(task.Id, "endpoint.bulk-replay")
		equal(len(receiver.wait(w.goodPath(), w.toGood.Id, 1)), 1, "requests for what the filters leave out")
	})

	step("v1.message-attempt.list-attempted-messages", "a cancelled delivery has failed, and is canceled for those who ask for all statuses", func() {
		path := receiver.path("cancelled", attempts)
		made := models.EndpointIn{Url: receiver.url(path), Channels: []string{"cancelled"}}
		failing := must(endpoint.Create(ctx, app, made, nil))
		message := w.send(models.MessageIn{EventType: w.void, Channels: []string{"cancelled"}})
		receiver.wait(path, message.Id, 1)
		disable := models.EndpointPatch{Disabled: pointer(true)}
		must(endpoint.Patch(ctx, app, failing.Id, disable))
		statuses := func(expanded bool, status *models.MessageStatus) []string {
			listing := &svix.MessageAttemptListAttemptedMessagesOptions{ExpandedStatuses: &expanded, Status: status}
			page := must(w.svix.MessageAttempt.ListAttemptedMessages(ctx, app, failing.Id, listing))
			return idsOf(page.Data, func(one models.EndpointMessageOut) string {
				return fmt.Sprintf("%d %s", one.Status, one.StatusText)
			})
		}
		canceled := []string{"4 canceled"}
		eventually(func() { equal(statuses(true, nil), canceled, "all statuses") })
		equal(statuses(true, pointer(models.MESSAGESTATUS_CANCELED)), canceled, "the canceled")
		equal(statuses(true, pointer(models.MESSAGESTATUS_FAIL)), []string{}, "the failed, of all statuses")
		equal(statuses(false, nil), []string{"2 fail"}, "the usual statuses")
	})

	step("v1.message.create", "delivers later if it is asked to", func() {
		later := time.Now().UTC().Truncate(time.Second).Add(4 * time.Second)
		created := w.send(models.MessageIn{EventType: w.sent, DeliverAt: &later})
		equal(created.DeliverAt, later, "deliver at")
		read := must(w.svix.Message.Get(ctx, app, created.Id, nil))
		equal(read.DeliverAt, later, "deliver at, of the message that was read")
		timestamp := receiver.wait(w.goodPath(), created.Id, 1)[0].headers.Get("svix-timestamp")
		seconds, err := strconv.ParseInt(timestamp, 10, 64)
		check(err)
		holds(seconds >= later.Unix(), fmt.Sprintf("it was sent at %d, before %d", seconds, later.Unix()))
	})
}
