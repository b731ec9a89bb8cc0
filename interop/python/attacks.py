"""What a stranger can send, by name. Each attack is one function; the decorator says how far it gets before it strikes.

before:   a TCP connection, no handshake. The function gets the socket.
inside:   after the handshake. The function gets the session.
on_feed:  after both sides opened the feed. The function gets the peer (`attacker.py`).
"""

import os

from classic import *
from events import emit

BEFORE, INSIDE, ON_FEED = {}, {}, {}
U64_MAX = 2**64 - 1
ENDLESS_BYTES_MAX = 256 << 20


def register(table):
    def decorate(function):
        table[function.__name__.replace("_", "-")] = function
        return function

    return decorate


before, inside, on_feed = register(BEFORE), register(INSIDE), register(ON_FEED)


def endless(send, chunk):
    """Sends until the other side has had enough."""
    sent = 0
    try:
        while sent < ENDLESS_BYTES_MAX:
            send(chunk)
            sent += len(chunk)
        emit("unbounded", sent=sent)
    except OSError:
        emit("stopped", sent=sent)


# Before the handshake


@before
def oversize_handshake(socket):
    socket.sendall(varint(70000) + bytes(70000))


@before
def endless_handshake(socket):
    socket.sendall(varint(1 << 40))
    endless(socket.sendall, bytes(65536))


@before
def endless_varint(socket):
    endless(socket.sendall, b"\xff" * 65536)


@before
def wrong_handshake(socket):
    """Messages of the right size that say nothing, whichever of them is next."""
    socket.sendall(varint(58) + b"\xff" * 58)
    socket.sendall(varint(90) + b"\xff" * 90)


@before
def zero_ephemeral(socket):
    """A key that makes every shared secret zero; as first message, or as second one."""
    payload = bytes_field(1, bytes(24))
    socket.sendall(varint(58) + bytes(32) + payload)


@before
def cut_handshake(socket):
    socket.sendall(varint(58) + bytes(20))
    socket.shutdown(1)


# Inside the session


@inside
def length_bomb(session):
    session.send_raw(varint(1 << 40))
    endless(session.send_raw, bytes(65536))


@inside
def frame_over_limit(session):
    session.send_raw(varint(9 << 20))
    endless(session.send_raw, bytes(65536))


@inside
def endless_frame_varint(session):
    endless(session.send_raw, b"\xff" * 65536)


@inside
def header_past_frame(session):
    session.send_raw(b"\x01\x80")


@inside
def cut_protobuf(session):
    session.send(0, OPTIONS, b"\x0a\x7f\x61")


@inside
def wrong_wire_type(session):
    session.send(3, OPEN, number_field(1, 1))


@inside
def group_wire_type(session):
    session.send(3, OPEN, b"\x0b\x0c" + bytes_field(1, bytes(32)))


@inside
def short_discovery_key(session):
    session.send(3, OPEN, bytes_field(1, bytes(31)))


@inside
def missing_field(session):
    session.send(3, OPEN, b"")


@inside
def many_channels(session):
    for channel in range(100, 20100):
        session.send(channel, OPEN, bytes_field(1, os.urandom(32)) + bytes_field(2, bytes(32)))


@inside
def many_names(session):
    session.send(0, OPTIONS, b"".join(bytes_field(1, b"%x" % number) for number in range(1_000_000)))


@inside
def unknown_messages(session):
    """Reserved kinds, channels that nobody opened, extensions without a name: all to be ignored."""
    for kind in (11, 12, 13, 14):
        session.send(0, kind, bytes(100))
    session.send(99, DATA, data_message(0, b"x"))
    session.send(99, HAVE, number_field(1, 0))
    session.send(0, EXTENSION, varint(2**60) + b"x")


def send_json(session, text):
    session.announce(["user-message", "valid", "invalid"])
    for name in ("user-message", "valid", "invalid"):
        session.send_extension(name, text)


@inside
def json_null(session):
    send_json(session, b"null")


@inside
def json_deep(session):
    send_json(session, b"[" * 1_000_000)


@inside
def json_wrong_types(session):
    send_json(session, b'{"error":{"a":[1e999,-1]},"name":7,"type":null}')


@inside
def not_utf8(session):
    session.announce(["terms-of-use", "invalid"])
    session.send_extension("invalid", b'{"error":"\xff\xfe"}')
    session.send_extension("terms-of-use", b"\xff\xfe")


@inside
def short_feed_key(session):
    session.announce(["one-time-feed"])
    session.send_extension("one-time-feed", bytes(31))


@inside
def status_flood(session):
    for number in range(100_000):
        session.send(1, STATUS, number_field(1, number & 1) + number_field(2, 1))


# On an open feed


@on_feed
def have_huge(peer):
    peer.send(HAVE, number_field(1, 0) + number_field(2, 1 << 44))


@on_feed
def have_overflow(peer):
    peer.send(HAVE, number_field(1, U64_MAX) + number_field(2, U64_MAX))


@on_feed
def rle_bomb(peer):
    bits = varint((1 << 36) << 2 | 3)
    peer.send(HAVE, number_field(1, 0) + number_field(2, 1 << 20) + bytes_field(3, bits))


@on_feed
def rle_beyond(peer):
    bits = varint(1000 << 1) + b"\xff"
    peer.send(HAVE, number_field(1, 0) + number_field(2, 1 << 20) + bytes_field(3, bits))


@on_feed
def unhave_overflow(peer):
    peer.send(UNHAVE, number_field(1, 1) + number_field(2, U64_MAX))


@on_feed
def want_overflow(peer):
    peer.send(WANT, number_field(1, 2**64 - 8192) + number_field(2, 2**63))


@on_feed
def want_huge(peer):
    peer.send(WANT, number_field(1, 0) + number_field(2, 1 << 60))


@on_feed
def wrong_types(peer):
    peer.send(REQUEST, bytes_field(1, b"\x00"))
    peer.send(HAVE, bytes_field(1, b"\x00"))
    peer.send(DATA, number_field(1, 0) + number_field(3, 5))


@on_feed
def request_beyond(peer):
    peer.send(REQUEST, number_field(1, 1 << 50))


@on_feed
def request_overflow(peer):
    peer.send(REQUEST, number_field(1, U64_MAX))


@on_feed
def seek_beyond(peer):
    peer.send(REQUEST, number_field(1, 0) + number_field(2, U64_MAX))


@on_feed
def huge_digest(peer):
    peer.send(REQUEST, number_field(1, 0) + number_field(4, U64_MAX))


@on_feed
def unrequested_data(peer):
    peer.send(DATA, data_message(3, b"nobody asked for this"))


@on_feed
def node_beyond(peer):
    peer.send(DATA, number_field(1, 0) + node_fields([(U64_MAX, bytes(32), U64_MAX), (U64_MAX - 1, bytes(32), U64_MAX)]))


@on_feed
def many_nodes(peer):
    peer.send(DATA, number_field(1, 0) + node_fields([(index, bytes(32), 1) for index in range(100_000)]))


@on_feed
def short_hash(peer):
    peer.send(DATA, number_field(1, 0) + node_fields([(0, bytes(31), 1)]))


@on_feed
def data_without_proof(peer):
    peer.send(DATA, number_field(1, 0))


@on_feed
def close_and_go_on(peer):
    """Uses the channel after closing it."""
    peer.send(CLOSE)
    peer.send(REQUEST, number_field(1, 0))
    peer.send(CLOSE)


@on_feed
def request_flood(peer):
    """Asks without end and never reads an answer."""
    message = varint(peer.channel << 4 | REQUEST) + number_field(1, 0)
    peer.session.socket.settimeout(3)
    endless(peer.session.send_raw, (varint(len(message)) + message) * 5000)
    peer.session.socket.settimeout(None)
