package main

// The attempts that deliveries took, in all listings and with all filters.

import (
	"fmt"
	"strings"
	"time"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

func attemptId(attempt models.MessageAttemptOut) string { return attempt.Id }

func (w *world) attemptsOf(message models.MessageOut, options svix.MessageAttemptListByMsgOptions) []models.MessageAttemptOut {
	return must(w.svix.MessageAttempt.ListByMsg(ctx, deliveriesApp, message.Id, &options)).Data
}

func (w *world) attemptsAt(endpoint models.EndpointOut, options svix.MessageAttemptListByEndpointOptions) []models.MessageAttemptOut {
	return must(w.svix.MessageAttempt.ListByEndpoint(ctx, deliveriesApp, endpoint.Id, &options)).Data
}

func (w *world) attempts() {
	w.attemptsByMessage()
	w.attemptsByEndpoint()
	w.attemptedMessages()
	w.attemptedDestinations()
}

func (w *world) attemptsByMessage() {
	api := w.svix.MessageAttempt
	type options = svix.MessageAttemptListByMsgOptions
	const all = 1 + attempts
	count := func(options options) int { return len(w.attemptsOf(w.toBoth, options)) }

	step("v1.message-attempt.list-by-msg", "lists all attempts, the newest first", func() {
		var found []models.MessageAttemptOut
		eventually(func() {
			found = w.attemptsOf(w.toBoth, options{WithContent: pointer(true)})
			equal(len(found), all, "number of attempts")
		})
		for index, one := range found {
			// Ids, which decide about the order, have a resolution of 4 ms.
			holds(index == 0 || one.Timestamp.Before(found[index-1].Timestamp.Add(20*time.Millisecond)), "the order")
			if one.EndpointId == w.good.Id {
				w.attempt = one
				continue
			}
			w.failedAttempt = one
			equal([]any{one.Status, one.StatusText, one.ResponseStatusCode}, []any{2, "fail", 500}, "the failed")
		}
		one := w.attempt
		equal([]any{one.Status, one.StatusText, one.ResponseStatusCode}, []any{0, "success", 200}, "status")
		equal([]any{one.MsgId, one.Url, one.TriggerType}, []any{w.toBoth.Id, w.good.Url, 0}, "message, url and trigger")
		holds(strings.Contains(one.Response, "received"), "the response "+one.Response)
		holds(one.ResponseDurationMs >= 0, "a negative duration")
	})

	step("v1.message-attempt.list-by-msg", "filters by status, status code class and endpoint", func() {
		equal(count(options{Status: pointer(models.MESSAGESTATUS_SUCCESS)}), 1, "successes")
		equal(count(options{Status: pointer(models.MESSAGESTATUS_FAIL)}), attempts, "failures")
		equal(count(options{StatusCodeClass: pointer(models.STATUSCODECLASS_CODE2XX)}), 1, "2xx")
		equal(count(options{StatusCodeClass: pointer(models.STATUSCODECLASS_CODE5XX)}), attempts, "5xx")
		equal(count(options{StatusCodeClass: pointer(models.STATUSCODECLASS_CODE_NONE)}), 0, "without an answer")
		equal(count(options{EndpointId: &w.good.Id}), 1, "of one endpoint")
		unknown := &options{EndpointId: pointer(noEndpoint)}
		fails(404, "not_found", errorOf(api.ListByMsg(ctx, deliveriesApp, w.toBoth.Id, unknown)))
	})

	step("v1.message-attempt.list-by-msg", "filters by channel, tag, event type and time", func() {
		wanted := []int{all, 0}
		equal([]int{count(options{Channel: pointer("north")}), count(options{Channel: pointer("south")})}, wanted, "channel")
		equal([]int{count(options{Tag: pointer("vip")}), count(options{Tag: pointer("nobody")})}, wanted, "tag")
		types := []int{count(options{EventTypes: &[]string{w.paid}}), count(options{EventTypes: &[]string{w.sent}})}
		equal(types, wanted, "event type")
		start := w.toBoth.Timestamp
		equal([]int{count(options{After: &start}), count(options{Before: &start})}, wanted, "time")
	})

	step("v1.message-attempt.list-by-msg", "shows the response only if it is wanted", func() {
		first := func(withContent bool) string {
			success := pointer(models.MESSAGESTATUS_SUCCESS)
			return w.attemptsOf(w.toBoth, options{Status: success, WithContent: &withContent})[0].Response
		}
		holds(strings.Contains(first(true), "received"), "no response")
		equal(first(false), "{}", "response")
	})

	step("v1.message-attempt.list-by-msg", "iterates forwards and backwards", func() {
		everything := idsOf(w.attemptsOf(w.toBoth, options{}), attemptId)
		page := func(iterator *string) *models.ListResponseMessageAttemptOut {
			listing := &options{Limit: pointer[uint64](2), Iterator: iterator}
			return must(api.ListByMsg(ctx, deliveriesApp, w.toBoth.Id, listing))
		}
		first := page(nil)
		equal([]any{idsOf(first.Data, attemptId), first.Done}, []any{everything[:2], false}, "the first page")
		second := page(first.Iterator)
		equal([]any{idsOf(second.Data, attemptId), second.Done}, []any{everything[2:], true}, "the second page")
		equal(idsOf(page(second.PrevIterator).Data, attemptId), everything[:2], "back on the first page")
	})

	step("v1.message-attempt.get", "gets one as it was listed; 404 if it is unknown", func() {
		equal(must(api.Get(ctx, deliveriesApp, w.toBoth.Id, w.attempt.Id, nil)), w.attempt, "attempt")
		unknown := "atmpt_000000000000000000000000000"
		fails(404, "not_found", errorOf(api.Get(ctx, deliveriesApp, w.toBoth.Id, unknown, nil)))
	})

	step("v1.message-attempt.expunge-content", "forgets the response", func() {
		check(api.ExpungeContent(ctx, deliveriesApp, w.toBoth.Id, w.failedAttempt.Id))
		found := must(api.Get(ctx, deliveriesApp, w.toBoth.Id, w.failedAttempt.Id, nil))
		equal(found.Response, "EXPUNGED", "response")
	})
}

func (w *world) attemptsByEndpoint() {
	api := w.svix.MessageAttempt
	type options = svix.MessageAttemptListByEndpointOptions

	step("v1.message-attempt.list-by-endpoint", "filters by status, status code class, channel, tag and event type", func() {
		at := func(endpoint models.EndpointOut, options options) []string {
			seen := []string{}
			for _, one := range w.attemptsAt(endpoint, options) {
				if !contains(seen, one.MsgId) {
					seen = append(seen, one.MsgId)
				}
			}
			return sorted(seen...)
		}
		messages := func(options options) []string { return at(w.good, options) }
		all := sorted(w.toBoth.Id, w.toGood.Id, w.raw.Id)
		one := []string{w.toBoth.Id}
		eventually(func() { equal(messages(options{}), all, "all") })
		equal(messages(options{Status: pointer(models.MESSAGESTATUS_SUCCESS)}), all, "successes")
		equal(messages(options{Status: pointer(models.MESSAGESTATUS_FAIL)}), []string{}, "failures")
		equal(messages(options{StatusCodeClass: pointer(models.STATUSCODECLASS_CODE2XX)}), all, "2xx")
		equal(messages(options{StatusCodeClass: pointer(models.STATUSCODECLASS_CODE4XX)}), []string{}, "4xx")
		equal(messages(options{Channel: pointer("north")}), one, "channel")
		equal(messages(options{Tag: pointer("vip")}), one, "tag")
		equal(messages(options{EventTypes: &[]string{w.paid}}), one, "event type")
		equal(at(w.bad, options{Status: pointer(models.MESSAGESTATUS_FAIL)}), one, "failures of the other")
	})

	step("v1.message-attempt.list-by-endpoint", "filters by time, and iterates", func() {
		everything := idsOf(w.attemptsAt(w.good, options{}), attemptId)
		start := &w.toBoth.Timestamp
		equal(len(w.attemptsAt(w.good, options{Before: start})), 0, "before")
		equal(idsOf(w.attemptsAt(w.good, options{After: start}), attemptId), everything, "after")
		page := func(iterator *string) *models.ListResponseMessageAttemptOut {
			listing := &options{Limit: pointer[uint64](2), Iterator: iterator}
			return must(api.ListByEndpoint(ctx, deliveriesApp, w.good.Id, listing))
		}
		first := page(nil)
		equal(idsOf(first.Data, attemptId), everything[:2], "the first page")
		second := page(first.Iterator)
		equal(idsOf(second.Data, attemptId), everything[2:], "the second page")
		equal(idsOf(page(second.PrevIterator).Data, attemptId), everything[:2], "back on the first page")
	})

	step("v1.message-attempt.list-by-endpoint", "shows the response and the message only if they are wanted", func() {
		vip := pointer("vip")
		full := w.attemptsAt(w.good, options{Tag: vip, WithContent: pointer(true), WithMsg: pointer(true)})[0]
		holds(strings.Contains(full.Response, "received"), "the response "+full.Response)
		holds(full.Msg != nil && full.Msg.Id == w.toBoth.Id, "not the message")
		bare := w.attemptsAt(w.good, options{Tag: vip, WithContent: pointer(false)})[0]
		equal([]any{bare.Response, bare.Msg}, []any{"{}", nil}, "response and message")
	})
}

func (w *world) attemptedMessages() {
	type options = svix.MessageAttemptListAttemptedMessagesOptions
	at := func(endpoint models.EndpointOut, options options) []models.EndpointMessageOut {
		return must(w.svix.MessageAttempt.ListAttemptedMessages(ctx, deliveriesApp, endpoint.Id, &options)).Data
	}
	id := func(message models.EndpointMessageOut) string { return message.Id }
	messages := func(options options) []string { return idsOf(at(w.good, options), id) }

	step("v1.message-attempt.list-attempted-messages", "filters by status, channel, tag, event type and time", func() {
		all := []string{w.raw.Id, w.toGood.Id, w.toBoth.Id}
		one := []string{w.toBoth.Id}
		eventually(func() { equal(messages(options{}), all, "all") })
		equal(messages(options{Status: pointer(models.MESSAGESTATUS_SUCCESS)}), all, "successes")
		equal(messages(options{Status: pointer(models.MESSAGESTATUS_FAIL)}), []string{}, "failures")
		equal(idsOf(at(w.bad, options{Status: pointer(models.MESSAGESTATUS_FAIL)}), id), one, "failures of the other")
		equal(messages(options{Channel: pointer("north")}), one, "channel")
		equal(messages(options{Tag: pointer("vip")}), one, "tag")
		equal(messages(options{EventTypes: &[]string{w.sent}}), all[:2], "event type")
		equal(messages(options{Before: &w.toBoth.Timestamp}), []string{}, "before")
		equal(messages(options{After: &w.toBoth.Timestamp}), all, "after")
		equal(messages(options{Limit: pointer[uint64](1), Iterator: &all[0]}), all[1:2], "the next page")
		back := "-" + all[1]
		equal(messages(options{Limit: pointer[uint64](1), Iterator: &back}), all[:1], "back on the first page")
	})

	step("v1.message-attempt.list-attempted-messages", "shows the status, and the content only if it is wanted", func() {
		north := pointer("north")
		full := at(w.good, options{Channel: north, WithContent: pointer(true)})[0]
		equal([]any{full.Status, full.StatusText}, []any{0, "success"}, "status")
		equal([]any{full.Payload, full.NextAttempt}, []any{object("text", "Zoë and co"), nil}, "payload and next attempt")
		bare := at(w.bad, options{Channel: north, WithContent: pointer(false)})[0]
		equal([]any{bare.Status, bare.StatusText, bare.Payload}, []any{2, "fail", object()}, "the failed")
	})
}

func (w *world) attemptedDestinations() {
	type options = svix.MessageAttemptListAttemptedDestinationsOptions
	page := func(message models.MessageOut, options *options) *models.ListResponseMessageEndpointOut {
		return must(w.svix.MessageAttempt.ListAttemptedDestinations(ctx, deliveriesApp, message.Id, options))
	}
	shown := func(one models.MessageEndpointOut) string { return fmt.Sprintf("%s %s", one.Id, one.StatusText) }

	step("v1.message-attempt.list-attempted-destinations", "lists the endpoints with their status", func() {
		good, bad := w.good.Id+" success", w.bad.Id+" fail"
		equal(idsOf(page(w.toBoth, nil).Data, shown), []string{good, bad}, "of one for both")
		equal(idsOf(page(w.toGood, nil).Data, shown), []string{good}, "of one for the first")
		equal(idsOf(page(w.toNobody, nil).Data, shown), []string{}, "of one for nobody")
	})

	step("v1.message-attempt.list-attempted-destinations", "iterates forwards and backwards", func() {
		id := func(one models.MessageEndpointOut) string { return one.Id }
		first := page(w.toBoth, &options{Limit: pointer[uint64](1)})
		equal([]any{idsOf(first.Data, id), first.Done}, []any{[]string{w.good.Id}, false}, "the first page")
		second := page(w.toBoth, &options{Limit: pointer[uint64](1), Iterator: first.Iterator})
		equal([]any{idsOf(second.Data, id), second.Done}, []any{[]string{w.bad.Id}, true}, "the second page")
		back := page(w.toBoth, &options{Limit: pointer[uint64](1), Iterator: second.PrevIterator})
		equal(idsOf(back.Data, id), []string{w.good.Id}, "back on the first page")
	})
}
