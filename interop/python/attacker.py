"""A peer that misbehaves in one way, against a real seller or buyer, and says how that ended.

    attacker.py buyer --port 1234 --seller <hex> <attack>
    attacker.py seller <attack>

It ends with the event `closed` if the other side closed the connection, or `answered` if the other side ignored the attack
and served an honest request afterwards.
"""

import argparse
import socket

import attacks
from classic import *
from events import block, emit, on_commands
from seller import FEED, IDENTITY

BLOCKS = 10


def main():
    parser = argparse.ArgumentParser()
    roles = parser.add_subparsers(dest="role", required=True)
    buyer = roles.add_parser("buyer")
    buyer.add_argument("attack", choices=[*attacks.BEFORE, *attacks.INSIDE, *attacks.ON_FEED, "wrong-capability", "rekeyed-write"])
    buyer.add_argument("--port", type=int, required=True)
    buyer.add_argument("--seller", required=True, help="its public key")
    buyer.add_argument("--master", help="the seller's master key, for rekeyed-write")
    buyer.add_argument("--data-feed", help="the feed that is sold, for rekeyed-write")
    seller = roles.add_parser("seller")
    seller.add_argument("attack", choices=[*attacks.BEFORE, *attacks.INSIDE, *attacks.ON_FEED, "wrong-capability", *Seller.LIES])
    option = parser.parse_args()
    on_commands(lambda word, rest: None)
    try:
        (attack_as_buyer if option.role == "buyer" else attack_as_seller)(option)
    except (EOFError, OSError) as error:
        emit("closed", error=str(error))


def strike(connection, attack, make_peer):
    """Goes as far as the attack needs, then does it. Returns the peer if there is one."""
    if attack in attacks.BEFORE:
        attacks.BEFORE[attack](connection)
        emit("struck")
        while connection.recv(65536):
            pass
        raise EOFError
    peer = make_peer(connection)
    if attack in attacks.INSIDE:
        attacks.INSIDE[attack](peer.session)
    else:
        peer.open(wrong=attack == "wrong-capability")
        if attack in attacks.ON_FEED:
            attacks.ON_FEED[attack](peer)
    emit("struck")
    return peer


def attack_as_buyer(option):
    connection = socket.create_connection(("127.0.0.1", option.port))
    peer = strike(connection, option.attack, lambda connection: Buyer(connection, bytes.fromhex(option.seller)))
    if option.attack == "rekeyed-write":
        peer.write_through(option)
    peer.probe()
    emit("answered")


def attack_as_seller(option):
    listener = socket.create_server(("127.0.0.1", 0))
    emit("listening", seller=IDENTITY[0], feed=FEED[0], port=listener.getsockname()[1], length=BLOCKS)
    connection, _ = listener.accept()
    peer = strike(connection, option.attack, Seller)
    peer.serve(option.attack)


class Peer:
    """The other side of one feed."""

    def __init__(self, connection, initiator, keys, expected=None):
        self.session = Session(connection, initiator, keys, expected)
        self.feed, self.names = None, []
        emit("connected", peer=self.session.remote)

    def send(self, kind, body=b""):
        self.session.send(self.channel, kind, body)

    def until(self, *kinds):
        """The fields of the next message of these kinds on a feed."""
        while True:
            channel, kind, body = self.session.receive()
            if channel == 0 and kind == OPTIONS:
                self.names = [name.decode() for name in fields(body).get(1, [])]
            if channel == 0 and kind == EXTENSION:
                number, start = read_varint(body)
                if self.names[number] == "dazaar/one-time-feed":
                    self.feed = body[start:]
                    if EXTENSION in kinds:
                        return EXTENSION, {}
            elif kind in kinds and channel:
                return kind, fields(body)
            elif kind == CLOSE:
                raise EOFError("channel closed")

    def open_channel(self, wrong):
        proof = bytes(32) if wrong else capability(self.feed, self.session.tx, self.session.rx)
        self.send(OPEN, bytes_field(1, discovery_key(self.feed)) + bytes_field(2, proof))


class Buyer(Peer):
    channel = 7

    def __init__(self, connection, seller):
        super().__init__(connection, True, identity_keys(b"\x55" * 32), seller)

    def open(self, wrong=False):
        self.until(EXTENSION)
        self.open_channel(wrong)
        self.send(WANT, number_field(1, 0) + number_field(2, 1 << 20))
        self.until(HAVE)

    def probe(self):
        """An honest request, which an honest seller answers."""
        if self.feed is None:
            self.open()
        self.send(REQUEST, number_field(1, 0))
        while self.until(DATA)[1][1][0] != 0:
            pass

    def write_through(self, option):
        """Offers a block signed with the secret key of our own feed: it must not end up in the seller's data."""
        name = f"sales/{option.data_feed}/feeds/{self.session.public.hex()}"
        public, secret = feed_keys(derive(bytes.fromhex(option.master), name))
        assert public == self.feed, "the derived key is not that of the feed"
        tree = Tree(self.block(index) for index in range(self.length()))
        index = len(tree.blocks)
        tree.append(b"EVIL")
        evil = data_message(index, b"EVIL", tree.proof(index), tree.signature(secret))
        self.send(HAVE, number_field(1, index))
        self.send(DATA, evil)
        emit("offered", index=index)
        self.send(REQUEST, number_field(1, 0))
        while (message := self.until(DATA, REQUEST))[0] == REQUEST:
            # A seller may ask for the proof of what a buyer claims, but for no data.
            proof_only = message[1].get(3, [0])[-1] == 1
            emit("asked", index=index, proof_only=proof_only)
            if not proof_only:
                self.send(DATA, evil)

    def block(self, index):
        self.send(REQUEST, number_field(1, index))
        return self.until(DATA)[1][2][0]

    def length(self):
        self.send(WANT, number_field(1, 0) + number_field(2, 1 << 20))
        while True:
            message = self.until(HAVE)[1]
            if 3 in message:
                return sum(bin(byte).count("1") for byte in run_lengths(message[3][0]))


class Seller(Peer):
    channel = 5

    def flipped_block(self, index):
        value = bytes([self.tree.blocks[index][0] ^ 1]) + self.tree.blocks[index][1:]
        return data_message(index, value, self.tree.proof(index), self.tree.signature(FEED[1]))

    def flipped_signature(self, index):
        signature = self.tree.signature(FEED[1])
        return data_message(index, self.tree.blocks[index], self.tree.proof(index), bytes([signature[0] ^ 1]) + signature[1:])

    def flipped_node(self, index):
        (first, digest, size), *others = self.tree.proof(index)
        nodes = [(first, bytes([digest[0] ^ 1]) + digest[1:], size), *others]
        return data_message(index, self.tree.blocks[index], nodes, self.tree.signature(FEED[1]))

    def wrong_size(self, index):
        (first, digest, size), *others = self.tree.proof(index)
        return data_message(index, self.tree.blocks[index], [(first, digest, size + 1), *others], self.tree.signature(FEED[1]))

    def other_block(self, index):
        """A valid proof, but of another block than the one that was asked for."""
        other = (index + 1) % BLOCKS
        return data_message(index, self.tree.blocks[other], self.tree.proof(other), self.tree.signature(FEED[1]))

    def without_signature(self, index):
        return data_message(index, self.tree.blocks[index], self.tree.proof(index))

    def contradicting_proof(self, index):
        """Honest until everything is sold; then one more block, properly signed, of a history in which all was different."""
        tree = self.tree if index < BLOCKS else Tree([*(b"another past\n" for _ in range(BLOCKS)), b"more\n"])
        self.answered.add(index)
        if len(self.answered) == BLOCKS:
            self.send(HAVE, number_field(1, BLOCKS))
        return data_message(index, tree.blocks[index], tree.proof(index), tree.signature(FEED[1]))

    LIES = {
        "flipped-block": flipped_block,
        "flipped-signature": flipped_signature,
        "flipped-node": flipped_node,
        "wrong-size": wrong_size,
        "other-block": other_block,
        "without-signature": without_signature,
        "contradicting-proof": contradicting_proof,
    }

    def __init__(self, connection):
        super().__init__(connection, False, IDENTITY)
        self.tree, self.answered, self.feed, self.opened = Tree(block(index) for index in range(BLOCKS)), set(), FEED[0], False

    def open(self, wrong=False):
        self.opened = True
        self.session.announce(["one-time-feed", "valid"])
        self.session.send_extension("one-time-feed", self.feed)
        self.open_channel(wrong)
        self.session.send_extension("valid", b'{"type":"free"}')
        if not wrong:
            self.until(OPEN)

    def serve(self, attack):
        """An honest seller from here on, except for the one lie."""
        if not self.opened:
            self.open()
        answer = self.LIES.get(attack, lambda self, index: self.honest(index))
        while True:
            kind, message = self.until(WANT, REQUEST)
            if kind == WANT:
                if message[1][0] == 0:
                    self.send(HAVE, number_field(1, 0) + number_field(2, 1 << 20) + bytes_field(3, literal_runs(bitmap(BLOCKS))))
            else:
                index = message[1][0]
                self.send(DATA, answer(self, index))
                emit("sent", index=index)

    def honest(self, index):
        return data_message(index, self.tree.blocks[index], self.tree.proof(index), self.tree.signature(FEED[1]))


if __name__ == "__main__":
    main()
