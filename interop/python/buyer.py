"""A buyer that requests every block without ever telling what it has, verifies each, and ends with `--until-length`."""

import argparse
import socket

from classic import *
from events import emit, on_commands

CHANNEL = 7  # any number will do, and the seller must not expect 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seller", required=True, help="its public key")
    parser.add_argument("--until-length", type=int, required=True)
    parser.add_argument("--to", help="write all blocks to this file")
    option = parser.parse_args()
    on_commands(lambda word, rest: None)

    connection = socket.create_connection(("127.0.0.1", option.port))
    session = Session(connection, True, identity_keys(b"\x55" * 32), bytes.fromhex(option.seller))
    emit("connected", seller=session.remote)
    blocks = Buyer(session).blocks(option.until_length)
    if option.to:
        with open(option.to, "wb") as file:
            file.writelines(blocks[index] for index in range(option.until_length))
    emit("done", length=len(blocks))


class Buyer:
    def __init__(self, session):
        self.session, self.names, self.feed, self.got, self.asked = session, [], None, {}, set()

    def blocks(self, length):
        while len(self.got) < length:
            channel, kind, body = self.session.receive()
            if kind == EXTENSION and channel == 0:
                self.handle_extension(body)
            elif kind == OPTIONS and channel == 0:
                self.names = [name.decode() for name in fields(body).get(1, [])]
            elif kind in (OPEN, HAVE, DATA):
                {OPEN: self.handle_open, HAVE: self.handle_have, DATA: self.handle_data}[kind](fields(body))
        return self.got

    def handle_extension(self, body):
        number, start = read_varint(body)
        name, payload = self.names[number].removeprefix("dazaar/"), body[start:]
        if name == "one-time-feed" and self.feed is None:
            self.feed = payload
            emit("feed", feed=payload)
            self.session.open(CHANNEL, payload)
            self.session.send(CHANNEL, WANT, number_field(1, 0) + number_field(2, 1 << 20))
        elif name in ("valid", "invalid", "terms-of-use"):
            emit(name, text=payload.decode())

    def handle_open(self, message):
        assert message[1][0] == discovery_key(self.feed)
        assert message[2][0] == capability(self.feed, self.session.rx, self.session.tx)

    def handle_have(self, message):
        start, length = message[1][0], message.get(2, [1])[0]
        if 3 in message:
            bits = run_lengths(message[3][0])
            indices = [start + i for i in range(8 * len(bits)) if bits[i >> 3] & 128 >> (i & 7)]
        else:
            indices = range(start, start + length)
        for index in indices:
            if index not in self.asked:
                self.asked.add(index)
                self.session.send(CHANNEL, REQUEST, number_field(1, index))

    def handle_data(self, message):
        index, value = message[1][0], message[2][0]
        verify(self.feed, index, value, read_nodes(message), message[4][0])
        self.got[index] = value


if __name__ == "__main__":
    main()
