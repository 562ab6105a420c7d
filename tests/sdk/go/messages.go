package main

// Messages: creating, reading and expunging them. Nobody receives these.

import (
	"strings"
	"time"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

func messageId(message models.MessageOut) string { return message.Id }

func (w *world) messages() {
	api := w.svix.Message
	app := "walk-" + unique()
	eventId := "invoice-" + unique()
	payload := object("invoice", 42, "customer", "Zoë", "lines", []any{1.5, nil, object("deep", true)})
	expired := object("expired", true)

	create := func(message models.MessageIn, key *string) (*models.MessageOut, error) {
		message.Payload = payload
		defer time.Sleep(apart)
		return api.Create(ctx, app, message, &svix.MessageCreateOptions{IdempotencyKey: key})
	}
	get := func(id string, withContent bool) *models.MessageOut {
		return must(api.Get(ctx, app, id, &svix.MessageGetOptions{WithContent: &withContent}))
	}

	step("v1.message.create", "creates the application along with the message", func() {
		inline := func(path, uid string) (*models.MessageOut, error) {
			application := &models.ApplicationIn{Name: "Inline", Uid: &uid}
			return api.Create(ctx, path, models.MessageIn{EventType: w.void, Payload: object(), Application: application}, nil)
		}
		message := must(inline(app+"-inline", app+"-inline"))
		equal(must(w.svix.Application.Get(ctx, app+"-inline")).Name, "Inline", "name of the application")
		equal(must(api.Get(ctx, app+"-inline", message.Id, nil)).Id, message.Id, "message")
		fails(422, "", errorOf(inline(app+"-other", app)))
	})

	step("v1.message.create", "creates a message with nothing but an event type and a payload", func() {
		must(w.svix.Application.Create(ctx, models.ApplicationIn{Name: "Messages", Uid: &app}, nil))
		w.plain = *must(create(models.MessageIn{EventType: w.void}, nil))
		holds(w.plain.Channels == nil && w.plain.Tags == nil && w.plain.EventId == nil, "the optional are there")
	})

	step("v1.message.create", "creates a message with channels, tags, an own id and a retention", func() {
		created := must(create(models.MessageIn{
			EventType:              w.paid,
			EventId:                &eventId,
			Channels:               []string{"north"},
			Tags:                   []string{"quarter/1", "vip"},
			PayloadRetentionPeriod: pointer[int64](30),
		}, nil))
		holds(strings.HasPrefix(created.Id, "msg_"), "the id "+created.Id)
		equal([]any{created.EventType, created.EventId}, []any{w.paid, eventId}, "event type and id")
		equal([]any{created.Channels, sorted(created.Tags...)}, []any{[]string{"north"}, []string{"quarter/1", "vip"}}, "channels and tags")
		equal(created.Payload, payload, "payload")
		holds(time.Since(created.Timestamp).Abs() < 5*time.Minute, "the time "+created.Timestamp.String())
		w.message = *created
	})

	step("v1.message.create", "leaves the content out of the answer if it is not wanted", func() {
		message := models.MessageIn{
			EventType: w.sent, Payload: payload, Channels: []string{"south"}, PayloadRetentionHours: pointer[int64](48),
		}
		w.bare = *must(api.Create(ctx, app, message, &svix.MessageCreateOptions{WithContent: pointer(false)}))
		equal(w.bare.Payload, object(), "payload")
	})

	step("v1.message.create", "a repeat with the same idempotency key is the same message", func() {
		key := unique()
		first := must(create(models.MessageIn{EventType: w.void}, &key))
		again := must(create(models.MessageIn{EventType: w.void}, &key))
		equal([]any{again.Id, again.Timestamp}, []any{first.Id, first.Timestamp}, "id and time")
		other := must(create(models.MessageIn{EventType: w.void}, pointer(unique())))
		holds(other.Id != first.Id, "another key is the same message, too")
	})

	step("v1.message.create", "409 when the own id is taken", func() {
		fails(409, "conflict", errorOf(create(models.MessageIn{EventType: w.paid, EventId: &eventId}, nil)))
	})

	step("v1.message.create", "422 for an event type that is no name, and 404 for an unknown application", func() {
		detail := fails(422, "", errorOf(create(models.MessageIn{EventType: "not a name"}, nil)))
		equal(detail[0].Loc[:2], []string{"body", "eventType"}, "place")
		message := models.MessageIn{EventType: w.paid, Payload: payload}
		fails(404, "not_found", errorOf(api.Create(ctx, app+"-unknown", message, nil)))
	})

	step("v1.message.get", "gets it by id and by the own id, as create answered it", func() {
		for _, name := range []string{w.message.Id, eventId} {
			equal(get(name, true), w.message, name)
		}
	})

	step("v1.message.get", "leaves the content out if it is not wanted", func() {
		equal(get(w.message.Id, false).Payload, object(), "payload")
	})

	step("v1.message.get", "404 for an unknown message", func() {
		fails(404, "not_found", errorOf(api.Get(ctx, app, eventId+"-unknown", nil)))
	})

	list := func(options svix.MessageListOptions) *models.ListResponseMessageOut {
		return must(api.List(ctx, app, &options))
	}
	ids := func(options svix.MessageListOptions) []string { return idsOf(list(options).Data, messageId) }

	step("v1.message.list", "iterates forwards and backwards, the newest first", func() {
		var everything []string
		eventually(func() {
			everything = ids(svix.MessageListOptions{})
			equal(len(everything), 5, "number of messages")
		})
		equal(everything[3:], []string{w.message.Id, w.plain.Id}, "the oldest")
		two := pointer[uint64](2)
		page := list(svix.MessageListOptions{Limit: two})
		equal([]any{idsOf(page.Data, messageId), page.Done}, []any{everything[:2], false}, "the first page")
		second := list(svix.MessageListOptions{Limit: two, Iterator: page.Iterator})
		equal(idsOf(second.Data, messageId), everything[2:4], "the second page")
		last := list(svix.MessageListOptions{Limit: two, Iterator: second.Iterator})
		equal([]any{idsOf(last.Data, messageId), last.Done}, []any{everything[4:], true}, "the last page")
		back := ids(svix.MessageListOptions{Limit: two, Iterator: second.PrevIterator})
		equal(back, everything[:2], "back on the first page")
	})

	step("v1.message.list", "filters by event type, channel and tag", func() {
		types := []string{w.paid, w.sent}
		equal(ids(svix.MessageListOptions{EventTypes: &types}), []string{w.bare.Id, w.message.Id}, "event types")
		equal(ids(svix.MessageListOptions{Channel: pointer("north")}), []string{w.message.Id}, "channel")
		equal(ids(svix.MessageListOptions{Tag: pointer("vip")}), []string{w.message.Id}, "tag")
		equal(ids(svix.MessageListOptions{Tag: pointer("nobody")}), []string{}, "a tag without messages")
	})

	step("v1.message.list", "filters by time", func() {
		// This SDK drops what is smaller than a second.
		start, soon := w.plain.Timestamp, time.Now().Add(5*time.Minute)
		equal(ids(svix.MessageListOptions{Before: &start}), []string{}, "before the first")
		equal(len(ids(svix.MessageListOptions{Before: &soon})), 5, "before the end")
		equal(len(ids(svix.MessageListOptions{After: &start})), 5, "after the first")
		equal(ids(svix.MessageListOptions{After: &soon}), []string{}, "after the end")
	})

	step("v1.message.list", "shows the content only if it is wanted", func() {
		shown := func(withContent bool) map[string]any {
			return list(svix.MessageListOptions{Channel: pointer("north"), WithContent: &withContent}).Data[0].Payload
		}
		equal(shown(true), payload, "with content")
		equal(shown(false), object(), "without content")
	})

	step("v1.message.precheck", "says whether anybody would receive a message", func() {
		precheck := models.MessagePrecheckIn{EventType: w.paid}
		equal(must(api.Precheck(ctx, w.uid, precheck, nil)).Active, true, "somebody")
		equal(must(api.Precheck(ctx, app, precheck, nil)).Active, false, "nobody")
	})

	step("v1.message.expunge-content", "forgets the content and keeps the message", func() {
		check(api.ExpungeContent(ctx, app, w.message.Id))
		found := get(w.message.Id, true)
		equal([]any{found.Payload, sorted(found.Tags...)}, []any{expired, []string{"quarter/1", "vip"}}, "payload and tags")
	})

	step("v1.message.expunge-all-contents", "forgets the contents of all, as a task", func() {
		task := must(api.ExpungeAllContents(ctx, app, nil))
		equal(task.Task, "application.purge_content", "task")
		eventually(func() { equal(get(w.plain.Id, true).Payload, expired, "payload") })
	})
}
