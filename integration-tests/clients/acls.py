"""Allows users of a Kafka cluster to do things: acls.py ADDRESS USER:OPERATION:KIND:NAME...

KIND is topic or group; NAME may be * for all. What nobody was allowed is denied.
"""

import sys

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)


def binding(text):
    user, operation, kind, name = text.split(":")
    return AclBinding(
        ResourceType[kind.upper()],
        name,
        ResourcePatternType.LITERAL,
        f"User:{user}",
        "*",
        AclOperation[operation.upper()],
        AclPermissionType.ALLOW,
    )


def main():
    address, *allowed = sys.argv[1:]
    client = AdminClient({"bootstrap.servers": address})
    for done in client.create_acls([binding(text) for text in allowed]).values():
        done.result(30)


main()
