"""Publishes one event: pip install nats-py==2.16.0, then python publish.py acme"""
import asyncio, json, os, sys, nats

async def main(application):
    bus = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
    event = {"type": "order.created", "data": {"order": 1}}
    # The ack means: stored. The id makes it one event, however often it is sent.
    ack = await bus.jetstream().publish(f"posthorn.events.{application}.{event['type']}",
        json.dumps(event).encode(), headers={"Nats-Msg-Id": "order-1-created"})
    print(f"stored in {ack.stream} as {ack.seq}")
    await bus.close()

asyncio.run(main(*sys.argv[1:2] or ["acme"]))
