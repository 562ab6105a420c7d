package main

// Operations that this version of Posthorn does not serve, as operations.json says.
//
// Each has to be answered with a 501 that the SDK understands as an error of the API.

import (
	"time"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
	"github.com/svix/svix-webhooks/go/utils"
)

const code = "function handler(webhook) { return webhook }"

type operation struct {
	id   string
	call func() error
}

func call[T any](id string, run func() (T, error)) operation {
	return operation{id, func() error { return errorOf(run()) }}
}

func ofApplications(api *svix.Svix, app string) []operation {
	integration, poller := api.Integration, api.Message.Poller
	type out = *models.IntegrationOut
	return []operation{
		call("v1.integration.list", func() (*models.ListResponseIntegrationOut, error) { return integration.List(ctx, app, nil) }),
		call("v1.integration.create", func() (out, error) {
			return integration.Create(ctx, app, models.IntegrationIn{Name: "Walk"}, nil)
		}),
		call("v1.integration.get", func() (out, error) { return integration.Get(ctx, app, "integ_1") }),
		call("v1.integration.update", func() (out, error) {
			return integration.Update(ctx, app, "integ_1", models.IntegrationUpdate{Name: "Walk"})
		}),
		{"v1.integration.delete", func() error { return integration.Delete(ctx, app, "integ_1") }},
		call("v1.integration.rotate-key", func() (*models.IntegrationKeyOut, error) {
			return integration.RotateKey(ctx, app, "integ_1", nil)
		}),
		call("v1.integration.get-key", func() (*models.IntegrationKeyOut, error) { return integration.GetKey(ctx, app, "integ_1") }),
		call("v1.message.poller.poll", func() (*models.PollingEndpointOut, error) { return poller.Poll(ctx, app, "poll_1", nil) }),
		call("v1.message.poller.consumer-poll", func() (*models.PollingEndpointOut, error) {
			return poller.ConsumerPoll(ctx, app, "poll_1", "one", nil)
		}),
		call("v1.message.poller.consumer-seek", func() (*models.PollingEndpointConsumerSeekOut, error) {
			seek := models.PollingEndpointConsumerSeekIn{After: time.Now()}
			return poller.ConsumerSeek(ctx, app, "poll_1", "one", seek, nil)
		}),
	}
}

func ofOrganisations(api *svix.Svix) []operation {
	connector := api.Connector
	type out = *models.ConnectorOut
	return []operation{
		call("v1.connector.list", func() (*models.ListResponseConnectorOut, error) { return connector.List(ctx, nil) }),
		call("v1.connector.create", func() (out, error) {
			return connector.Create(ctx, models.ConnectorIn{Name: "Walk", Transformation: code}, nil)
		}),
		call("v1.connector.get", func() (out, error) { return connector.Get(ctx, "trtmpl_1") }),
		call("v1.connector.update", func() (out, error) {
			return connector.Update(ctx, "trtmpl_1", models.ConnectorUpdate{Transformation: code})
		}),
		call("v1.connector.patch", func() (out, error) {
			return connector.Patch(ctx, "trtmpl_1", models.ConnectorPatch{Description: pointer("Walk")})
		}),
		{"v1.connector.delete", func() error { return connector.Delete(ctx, "trtmpl_1") }},
		call("v1.environment.export", func() (*models.EnvironmentOut, error) { return api.Environment.Export(ctx, nil) }),
		{"v1.environment.import", func() error { return api.Environment.Import(ctx, models.EnvironmentIn{}, nil) }},
	}
}

func ofSources(api *svix.Svix) []operation {
	source := api.Ingest.Source
	sourceIn := models.IngestSourceIn{
		Name: "Walk", Type: models.IngestSourceInTypeSvix, Config: models.SvixConfig{Secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"},
	}
	type out = *models.IngestSourceOut
	return []operation{
		call("v1.ingest.source.list", func() (*models.ListResponseIngestSourceOut, error) { return source.List(ctx, nil) }),
		call("v1.ingest.source.create", func() (out, error) { return source.Create(ctx, sourceIn, nil) }),
		call("v1.ingest.source.get", func() (out, error) { return source.Get(ctx, "src_1") }),
		call("v1.ingest.source.update", func() (out, error) { return source.Update(ctx, "src_1", sourceIn) }),
		{"v1.ingest.source.delete", func() error { return source.Delete(ctx, "src_1") }},
		call("v1.ingest.source.rotate-token", func() (*models.RotateTokenOut, error) { return source.RotateToken(ctx, "src_1", nil) }),
		call("v1.ingest.dashboard", func() (*models.DashboardAccessOut, error) {
			return api.Ingest.Dashboard(ctx, "src_1", models.IngestSourceConsumerPortalAccessIn{}, nil)
		}),
	}
}

func ofIngestEndpoints(api *svix.Svix) []operation {
	endpoint := api.Ingest.Endpoint
	const source, id, url = "src_1", "ep_1", "https://example.com"
	type out = *models.IngestEndpointOut
	return []operation{
		call("v1.ingest.endpoint.list", func() (*models.ListResponseIngestEndpointOut, error) { return endpoint.List(ctx, source, nil) }),
		call("v1.ingest.endpoint.create", func() (out, error) {
			return endpoint.Create(ctx, source, models.IngestEndpointIn{Url: url}, nil)
		}),
		call("v1.ingest.endpoint.get", func() (out, error) { return endpoint.Get(ctx, source, id) }),
		call("v1.ingest.endpoint.update", func() (out, error) {
			return endpoint.Update(ctx, source, id, models.IngestEndpointUpdate{Url: url})
		}),
		{"v1.ingest.endpoint.delete", func() error { return endpoint.Delete(ctx, source, id) }},
		call("v1.ingest.endpoint.get-secret", func() (*models.IngestEndpointSecretOut, error) { return endpoint.GetSecret(ctx, source, id) }),
		{"v1.ingest.endpoint.rotate-secret", func() error {
			return endpoint.RotateSecret(ctx, source, id, models.IngestEndpointSecretIn{}, nil)
		}},
		call("v1.ingest.endpoint.get-headers", func() (*models.IngestEndpointHeadersOut, error) { return endpoint.GetHeaders(ctx, source, id) }),
		{"v1.ingest.endpoint.update-headers", func() error {
			headers := models.IngestEndpointHeadersIn{Headers: map[string]string{"X-Walk": "yes"}}
			return endpoint.UpdateHeaders(ctx, source, id, headers)
		}},
		call("v1.ingest.endpoint.get-transformation", func() (*models.IngestEndpointTransformationOut, error) {
			return endpoint.GetTransformation(ctx, source, id)
		}),
		{"v1.ingest.endpoint.set-transformation", func() error {
			return endpoint.SetTransformation(ctx, source, id, models.IngestEndpointTransformationPatch{})
		}},
	}
}

func ofStreams(api *svix.Svix) []operation {
	stream, eventType, events := api.Streaming.Stream, api.Streaming.EventType, api.Streaming.Events
	const id, name = "strm_1", "walk"
	type out = *models.StreamOut
	type typeOut = *models.StreamEventTypeOut
	return []operation{
		call("v1.streaming.stream.list", func() (*models.ListResponseStreamOut, error) { return stream.List(ctx, nil) }),
		call("v1.streaming.stream.create", func() (out, error) { return stream.Create(ctx, models.StreamIn{Name: "Walk"}, nil) }),
		call("v1.streaming.stream.get", func() (out, error) { return stream.Get(ctx, id) }),
		call("v1.streaming.stream.update", func() (out, error) { return stream.Update(ctx, id, models.StreamIn{Name: "Walk"}) }),
		call("v1.streaming.stream.patch", func() (out, error) {
			return stream.Patch(ctx, id, models.StreamPatch{Description: pointer("Walk")})
		}),
		{"v1.streaming.stream.delete", func() error { return stream.Delete(ctx, id) }},
		call("v1.streaming.event-type.list", func() (*models.ListResponseStreamEventTypeOut, error) { return eventType.List(ctx, nil) }),
		call("v1.streaming.event-type.create", func() (typeOut, error) {
			return eventType.Create(ctx, models.StreamEventTypeIn{Name: name}, nil)
		}),
		call("v1.streaming.event-type.get", func() (typeOut, error) { return eventType.Get(ctx, name) }),
		call("v1.streaming.event-type.update", func() (typeOut, error) {
			return eventType.Update(ctx, name, models.StreamEventTypeIn{Name: name})
		}),
		call("v1.streaming.event-type.patch", func() (typeOut, error) {
			return eventType.Patch(ctx, name, models.StreamEventTypePatch{Archived: pointer(true)})
		}),
		{"v1.streaming.event-type.delete", func() error { return eventType.Delete(ctx, name, nil) }},
		call("v1.streaming.events.get", func() (*models.EventStreamOut, error) { return events.Get(ctx, id, "sink_1", nil) }),
		call("v1.streaming.events.create", func() (*models.CreateStreamEventsOut, error) {
			made := models.CreateStreamEventsIn{Events: []models.EventIn{{EventType: name, Payload: "{}"}}}
			return events.Create(ctx, id, made, nil)
		}),
	}
}

func ofSinks(api *svix.Svix) []operation {
	sink, streaming := api.Streaming.Sink, api.Streaming
	const stream, id = "strm_1", "sink_1"
	http := models.SinkHttpConfig{Url: "https://example.com"}
	sinkIn := models.StreamSinkIn{Type: models.StreamSinkInTypeHttp, Config: http}
	type out = *models.StreamSinkOut
	return []operation{
		call("v1.streaming.sink.list", func() (*models.ListResponseStreamSinkOut, error) { return sink.List(ctx, stream, nil) }),
		call("v1.streaming.sink.create", func() (out, error) { return sink.Create(ctx, stream, sinkIn, nil) }),
		call("v1.streaming.sink.get", func() (out, error) { return sink.Get(ctx, stream, id) }),
		call("v1.streaming.sink.update", func() (out, error) { return sink.Update(ctx, stream, id, sinkIn) }),
		call("v1.streaming.sink.patch", func() (out, error) {
			// The SDK cannot write this one as JSON unless all that can be null is set.
			patch := models.StreamSinkPatch{
				BatchSize:   utils.NewNullable[uint16](1),
				MaxWaitSecs: utils.NewNullable[uint16](1),
				Status:      utils.NewNullable(models.SINKSTATUSIN_ENABLED),
				Uid:         utils.NewNullable("walk"),
				Type:        models.StreamSinkPatchTypeHttp,
				Config:      models.HttpPatchConfig{},
			}
			return sink.Patch(ctx, stream, id, patch)
		}),
		{"v1.streaming.sink.delete", func() error { return sink.Delete(ctx, stream, id) }},
		call("v1.streaming.sink.get-secret", func() (*models.SinkSecretOut, error) { return sink.GetSecret(ctx, stream, id) }),
		call("v1.streaming.sink.rotate-secret", func() (*models.EmptyResponse, error) {
			return sink.RotateSecret(ctx, stream, id, models.EndpointSecretRotateIn{}, nil)
		}),
		call("v1.streaming.sink.transformation-partial-update", func() (*models.EmptyResponse, error) {
			return sink.TransformationPartialUpdate(ctx, stream, id, models.SinkTransformIn{Code: pointer(code)})
		}),
		call("v1.streaming.sink-transformation-get", func() (*models.SinkTransformationOut, error) {
			return streaming.SinkTransformationGet(ctx, stream, id)
		}),
		call("v1.streaming.sink-headers-get", func() (*models.EndpointHeadersOut, error) { return streaming.SinkHeadersGet(ctx, stream, id) }),
		call("v1.streaming.sink-headers-patch", func() (*models.EndpointHeadersOut, error) {
			headers := models.HttpSinkHeadersPatchIn{Headers: map[string]string{"X-Walk": "yes"}}
			return streaming.SinkHeadersPatch(ctx, stream, id, headers)
		}),
	}
}

func ofStreamAccess(api *svix.Svix) []operation {
	authentication := api.Authentication
	const stream, sink = "strm_1", "sink_1"
	return []operation{
		call("v1.authentication.stream-portal-access", func() (*models.AppPortalAccessOut, error) {
			return authentication.StreamPortalAccess(ctx, stream, models.StreamPortalAccessIn{}, nil)
		}),
		{"v1.authentication.stream-expire-all", func() error {
			return authentication.StreamExpireAll(ctx, stream, models.StreamTokenExpireIn{}, nil)
		}},
		{"v1.authentication.stream-logout", func() error { return authentication.StreamLogout(ctx, nil) }},
		call("v1.authentication.get-stream-poller-token", func() (*models.ApiTokenOut, error) {
			return authentication.GetStreamPollerToken(ctx, stream, sink)
		}),
		call("v1.authentication.rotate-stream-poller-token", func() (*models.ApiTokenOut, error) {
			return authentication.RotateStreamPollerToken(ctx, stream, sink, models.RotatePollerTokenIn{}, nil)
		}),
	}
}

func (w *world) unserved() {
	// A 501 is no reason to try again.
	api := client(w.server, w.token, &[]time.Duration{})
	groups := [][]operation{
		ofApplications(api, w.uid), ofOrganisations(api), ofSources(api), ofIngestEndpoints(api),
		ofStreams(api), ofSinks(api), ofStreamAccess(api),
	}
	for _, group := range groups {
		for _, operation := range group {
			step(operation.id, "501: this version does not serve it", func() {
				fails(501, "not_implemented", operation.call())
			})
		}
	}
}
