"""Writes and reads messages with the clients that others use: confluent-kafka, nats-py and pika.

client.py put KIND ADDRESS NAME          messages on standard input, one JSON object a line
client.py take KIND ADDRESS NAME COUNT   messages on standard output, in the order of their arrival

KIND is kafka, nats or amqp; NAME a topic, a stream (its subject is NAME.x), or a queue. A message is
{"body": base64, "headers": {name: text}}.
"""

import asyncio
import base64
import json
import sys

PATIENCE = 60


def message(body, headers):
    text = {}
    for name, value in headers:
        text[name] = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return {"body": base64.b64encode(body or b"").decode(), "headers": text}


def kafka_put(address, topic, messages):
    from confluent_kafka import Producer

    failed = []
    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True})
    for body, headers in messages:
        producer.produce(
            topic,
            value=body,
            key=b"one",
            headers=list(headers.items()),
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
        producer.poll(0)
    if producer.flush(PATIENCE) or failed:
        raise SystemExit(f"not written: {failed}")


def kafka_take(address, topic, count):
    from confluent_kafka import Consumer

    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": "reader", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    for _ in range(count):
        record = consumer.poll(PATIENCE)
        if record is None or record.error():
            raise SystemExit(f"no record: {record and record.error()}")
        yield message(record.value(), record.headers() or [])
    consumer.close()


async def nats_put(address, stream, messages):
    import nats

    client = await nats.connect(address)
    for body, headers in messages:
        await client.jetstream().publish(f"{stream}.x", body, stream=stream, headers=headers)
    await client.close()


async def nats_take(address, stream, count):
    import nats

    client = await nats.connect(address)
    subscription = await client.jetstream().subscribe(
        f"{stream}.>", stream=stream, ordered_consumer=True
    )
    taken = []
    for _ in range(count):
        one = await subscription.next_msg(timeout=PATIENCE)
        taken.append(message(one.data, (one.headers or {}).items()))
    await client.close()
    return taken


def amqp_put(address, queue, messages):
    import pika

    connection = pika.BlockingConnection(pika.URLParameters(address))
    channel = connection.channel()
    channel.confirm_delivery()
    for body, headers in messages:
        properties = pika.BasicProperties(headers=headers, delivery_mode=2)
        channel.basic_publish("", queue, body, properties, mandatory=True)
    connection.close()


def amqp_take(address, queue, count):
    import pika

    connection = pika.BlockingConnection(pika.URLParameters(address))
    channel = connection.channel()
    for _ in range(count):
        method, properties, body = next(channel.consume(queue, inactivity_timeout=PATIENCE))
        if method is None:
            raise SystemExit("no message")
        channel.basic_ack(method.delivery_tag)
        yield message(body, (properties.headers or {}).items())
    connection.close()


def put(kind, address, name):
    lines = [json.loads(line) for line in sys.stdin]
    messages = [(base64.b64decode(line["body"]), line["headers"]) for line in lines]
    if kind == "nats":
        asyncio.run(nats_put(address, name, messages))
    else:
        {"kafka": kafka_put, "amqp": amqp_put}[kind](address, name, messages)


def take(kind, address, name, count):
    if kind == "nats":
        taken = asyncio.run(nats_take(address, name, int(count)))
    else:
        taken = {"kafka": kafka_take, "amqp": amqp_take}[kind](address, name, int(count))
    for one in taken:
        print(json.dumps(one), flush=True)


{"put": put, "take": take}[sys.argv[1]](*sys.argv[2:])
