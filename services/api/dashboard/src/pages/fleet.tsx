import { useQuery } from '@tanstack/react-query'
import { ask, client, type Schemas } from '../api/client'
import type { PageProps } from '../app/routes'
import { grouped } from '../text/consumers'
import { bytes, count, counted } from '../text/number'
import { Answer, Card, Empty, PageHead } from '../ui/page'
import { StatusBadge } from '../ui/status'
import { Time } from '../ui/time'

type Fleet = Schemas['FleetOut']

const POLL = 3_000
/** A consumer that has this much before it is behind. */
const BEHIND = 1_000

/** The streams, who reads them and how far behind, and which sender has which partitions. */
export default function FleetPage(_: PageProps) {
  const query = useQuery({
    queryKey: ['fleet'],
    queryFn: () => ask(client.GET('/api/v1/fleet')),
    refetchInterval: POLL,
  })
  return (
    <>
      <PageHead title="Fleet" about="Streams, their consumers and the senders, as NATS JetStream has them." />
      <Answer query={query} lines={8}>
        {(fleet) => (
          <div className="stack">
            <dl className="tiles">
              <Tile name="Version" value={fleet.version} />
              <Tile name="NATS" value={fleet.nats.version} about={fleet.nats.cluster ?? 'a single server'} />
              <Tile name="Senders" value={count(fleet.senders.length)} />
              <Tile
                name="Partitions without a sender"
                value={count(fleet.partitionsWithoutSender.length)}
                about={fleet.partitionsWithoutSender.slice(0, 12).join(', ') || 'each has one'}
              />
            </dl>
            <Consumers consumers={fleet.consumers} />
            <Streams streams={fleet.streams} />
            <Senders senders={fleet.senders} />
          </div>
        )}
      </Answer>
    </>
  )
}

function Tile({ name, value, about }: { name: string; value: string; about?: string }) {
  return (
    <div className="tile card">
      <dt>{name}</dt>
      <dd className="num">{value}</dd>
      {about && <dd className="about">{about}</dd>}
    </div>
  )
}

function Consumers({ consumers }: { consumers: Fleet['consumers'] }) {
  return (
    <Card title="Consumers" body={false}>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Consumer</th>
            <th scope="col">Stream</th>
            <th scope="col">Lag</th>
            <th scope="col" className="right">
              Waiting
            </th>
            <th scope="col" className="right">
              In flight
            </th>
            <th scope="col" className="right">
              Handed out again
            </th>
            <th scope="col">Oldest</th>
          </tr>
        </thead>
        <tbody>
          {grouped(consumers).map((consumer) => (
            <tr key={`${consumer.stream} ${consumer.name}`}>
              <td data-label="Consumer" className="mono small">
                {consumer.name}
              </td>
              <td data-label="Stream" className="mono small">
                {consumer.stream}
              </td>
              <td data-label="Lag">
                {consumer.waiting > BEHIND ? (
                  <StatusBadge tone="wait" word="Behind" />
                ) : (
                  <StatusBadge tone="ok" word="Keeps up" />
                )}
              </td>
              <td data-label="Waiting" className="right num">
                {count(consumer.waiting)}
              </td>
              <td data-label="In flight" className="right num">
                {count(consumer.inFlight)}
              </td>
              <td data-label="Handed out again" className="right num">
                {count(consumer.redelivered)}
              </td>
              <td data-label="Oldest">
                <Time at={consumer.oldestAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  )
}

function Streams({ streams }: { streams: Fleet['streams'] }) {
  return (
    <Card title="Streams" body={false}>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Stream</th>
            <th scope="col" className="right">
              Messages
            </th>
            <th scope="col" className="right">
              Size
            </th>
            <th scope="col" className="right">
              Limit
            </th>
            <th scope="col" className="right">
              Copies
            </th>
            <th scope="col">Oldest</th>
          </tr>
        </thead>
        <tbody>
          {streams.map((stream) => (
            <tr key={stream.name}>
              <td data-label="Stream" className="mono small">
                {stream.name}
              </td>
              <td data-label="Messages" className="right num">
                {count(stream.messages)}
              </td>
              <td data-label="Size" className="right num">
                {bytes(stream.bytes)}
              </td>
              <td data-label="Limit" className="right num">
                {stream.maxBytes ? bytes(stream.maxBytes) : <span className="dim">none</span>}
              </td>
              <td data-label="Copies" className="right num">
                {stream.replicas}
              </td>
              <td data-label="Oldest">
                <Time at={stream.firstAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  )
}

function Senders({ senders }: { senders: Fleet['senders'] }) {
  if (senders.length === 0) {
    return (
      <Card title="Senders">
        <Empty title="No sender is there">Events are accepted, and wait until there is one.</Empty>
      </Card>
    )
  }
  return (
    <Card title="Senders" body={false}>
      <ul className="rows">
        {senders.map((sender) => (
          <li key={sender.name}>
            <span className="mono small grow">{sender.name}</span>
            <span className="num">{counted(sender.partitions.length, 'partition')}</span>
          </li>
        ))}
      </ul>
    </Card>
  )
}
