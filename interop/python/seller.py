"""A seller of one feed that admits everybody. Commands on stdin: `append <text>`, `quit`."""

import argparse
import json
import queue
import socket

from classic import *
from events import block, emit, on_commands

CHANNEL = 5  # any number will do, and the buyer must not expect 1
IDENTITY = identity_keys(b"\x66" * 32)
FEED = feed_keys(b"\x67" * 32)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--blocks", type=int, default=37)
    parser.add_argument("--form", type=int, default=32, help="bytes that are signed: 32 (re-keyed feeds) or 40")
    option = parser.parse_args()

    appends = queue.Queue()
    on_commands(lambda word, rest: appends.put(rest.encode() + b"\n"))
    tree = Tree(block(index) for index in range(option.blocks))
    listener = socket.create_server(("127.0.0.1", option.port))
    emit("listening", seller=IDENTITY[0], feed=FEED[0], port=listener.getsockname()[1], length=option.blocks)
    while True:
        connection, _ = listener.accept()
        try:
            Seller(connection, tree, option.form).serve(appends)
        except (EOFError, OSError) as error:
            emit("closed", error=str(error))


class Seller:
    def __init__(self, connection, tree, form=32):
        self.tree, self.form = tree, form
        self.session = Session(connection, False, IDENTITY)
        emit("connected", buyer=self.session.remote)

    def admit(self):
        self.session.announce(["one-time-feed", "seller-id", "valid", "invalid"])
        self.session.send_extension("seller-id", bytes(32))
        self.session.send_extension("one-time-feed", FEED[0])
        self.session.open(CHANNEL, FEED[0])
        self.session.send_extension("valid", json.dumps({"type": "time", "remaining": 1000}).encode())

    def serve(self, appends):
        self.admit()
        self.session.socket.settimeout(0.05)
        while True:
            while not appends.empty():
                self.append(appends.get())
            try:
                message = self.session.receive()
            except TimeoutError:
                continue
            self.session.socket.settimeout(None)
            self.handle(*message)
            self.session.socket.settimeout(0.05)

    def append(self, value):
        self.tree.append(value)
        self.session.send(CHANNEL, HAVE, number_field(1, len(self.tree.blocks) - 1))
        emit("appended", length=len(self.tree.blocks))

    def handle(self, channel, kind, body):
        if kind == OPEN:
            assert fields(body)[2][0] == capability(FEED[0], self.session.rx, self.session.tx)
            emit("opened", channel=channel)
        elif kind == WANT and fields(body)[1][0] == 0:
            self.have(fields(body)[2][0])
        elif kind == REQUEST:
            self.data(fields(body)[1][0])

    def have(self, length):
        bits = literal_runs(bitmap(len(self.tree.blocks)))
        self.session.send(CHANNEL, HAVE, number_field(1, 0) + number_field(2, length) + bytes_field(3, bits))

    def data(self, index):
        signature = self.tree.signature(FEED[1], self.form)
        message = data_message(index, self.tree.blocks[index], self.tree.proof(index), signature)
        self.session.send(CHANNEL, DATA, message)


if __name__ == "__main__":
    main()
