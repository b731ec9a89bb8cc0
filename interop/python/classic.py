"""The wire protocol of npm `dazaar` 1.6.1, written from its description and from nothing else.

It exists so that the tests have a second opinion besides the npm packages, and a peer that can be made to misbehave.
"""

import hashlib
import hmac
import os
import struct

import nacl.bindings as sodium
from Crypto.Cipher import Salsa20

OPEN, OPTIONS, STATUS, HAVE, UNHAVE, WANT, UNWANT, REQUEST, CANCEL, DATA, CLOSE = range(11)
EXTENSION = 15
NAMES = ["Open", "Options", "Status", "Have", "Unhave", "Want", "Unwant", "Request", "Cancel", "Data", "Close"]


# Keys and hashes


def blake2b(data, key=b""):
    return hashlib.blake2b(data, digest_size=32, key=key).digest()


def u64(number):
    return struct.pack(">Q", number)


def feed_keys(seed):
    """Ed25519: (public, secret)."""
    return sodium.crypto_sign_seed_keypair(seed)


def identity_keys(seed):
    """X25519: (public, secret)."""
    secret = blake2b(seed)
    return sodium.crypto_scalarmult_base(secret), secret


def derive(master, name):
    return blake2b(b"6\ndazaar" + name.encode(), key=master)


def sign(message, secret):
    return sodium.crypto_sign(message, secret)[:64]


def is_signed(message, signature, public):
    try:
        sodium.crypto_sign_open(signature + message, public)
        return True
    except Exception:
        return False


def discovery_key(public):
    return blake2b(b"hypercore", key=public)


def capability(feed, tx, rx):
    return blake2b(b"hypercore capability" + tx + feed, key=rx)


def leaf_hash(data):
    return blake2b(b"\0" + u64(len(data)) + data)


def parent_hash(size, left, right):
    return blake2b(b"\1" + u64(size) + left + right)


def tree_hash(roots):
    return blake2b(b"\2" + b"".join(digest + u64(index) + u64(size) for index, digest, size in roots))


# The flat tree


def depth(index):
    return ((index + 1) & -(index + 1)).bit_length() - 1


def node_at(depth, offset):
    return (1 + 2 * offset) * (1 << depth) - 1


def offset(index):
    return (index + 1) >> (depth(index) + 1)


def sibling(index):
    return node_at(depth(index), offset(index) ^ 1)


def parent(index):
    return node_at(depth(index) + 1, offset(index) // 2)


def right_span(index):
    return index + (1 << depth(index)) - 1


def full_roots(length):
    roots, start = [], 0
    while length:
        power = 1 << (length.bit_length() - 1)
        roots.append(start + power - 1)
        start += 2 * power
        length -= power
    return roots


class Tree:
    """All nodes over some blocks: index -> (hash, size)."""

    def __init__(self, blocks=()):
        self.nodes, self.blocks = {}, []
        for block in blocks:
            self.append(block)

    def append(self, block):
        index = 2 * len(self.blocks)
        self.blocks.append(block)
        self.nodes[index] = (leaf_hash(block), len(block))
        while sibling(index) < index:
            left, right = self.nodes[sibling(index)], self.nodes[index]
            index = parent(index)
            self.nodes[index] = (parent_hash(left[1] + right[1], left[0], right[0]), left[1] + right[1])

    def roots(self):
        return [(index, *self.nodes[index]) for index in full_roots(len(self.blocks))]

    def proof(self, block):
        """Every node that a peer needs who has none."""
        roots, index, path = full_roots(len(self.blocks)), 2 * block, []
        while index not in roots:
            path.append(sibling(index))
            index = parent(index)
        return [(index, *self.nodes[index]) for index in path + [root for root in roots if root != index]]

    def signature(self, secret, form=32):
        message = tree_hash(self.roots())
        return sign(message if form == 32 else message + u64(len(self.blocks)), secret)


def verify(feed, index, value, nodes, signature):
    """The length that a complete proof is for; an exception if it proves nothing."""
    top, digest, size = 2 * index, leaf_hash(value), len(value)
    nodes = list(nodes)
    while nodes and nodes[0][0] == sibling(top):
        other, other_digest, other_size = nodes.pop(0)
        left, right = (digest, other_digest) if top < other else (other_digest, digest)
        size += other_size
        digest, top = parent_hash(size, left, right), parent(top)
    length = max(right_span(top), right_span(nodes[-1][0] if nodes else top)) // 2 + 1
    found = {top: (digest, size), **{index: (digest, size) for index, digest, size in nodes}}
    message = tree_hash([(root, *found[root]) for root in full_roots(length)])
    if not is_signed(message, signature, feed) and not is_signed(message + u64(length), signature, feed):
        raise ValueError("bad signature")
    return length


# Integers, messages, run lengths


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def read_varint(data, start=0):
    number = shift = 0
    while True:
        byte = data[start]
        start += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, start


def number_field(field, number):
    return varint(field << 3) + varint(number)


def bytes_field(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def fields(data):
    """Field number -> its values."""
    at, out = 0, {}
    while at < len(data):
        tag, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if tag & 7 == 2:
            value, at = data[at : at + value], at + value
        elif tag & 7 != 0:
            raise ValueError(f"wire type {tag & 7}")
        out.setdefault(tag >> 3, []).append(value)
    return out


def node_fields(nodes):
    pack = lambda index, digest, size: number_field(1, index) + bytes_field(2, digest) + number_field(3, size)
    return b"".join(bytes_field(3, pack(*node)) for node in nodes)


def data_message(index, value, nodes=(), signature=None):
    message = number_field(1, index) + bytes_field(2, value) + node_fields(nodes)
    return message + (bytes_field(4, signature) if signature else b"")


def read_nodes(message):
    nodes = map(fields, message.get(3, []))
    return [(node[1][0], node[2][0], node[3][0]) for node in nodes]


def run_lengths(data):
    """The bytes of a bitfield."""
    at, out = 0, b""
    while at < len(data):
        header, at = read_varint(data, at)
        if header & 1:
            out += (b"\xff" if header & 2 else b"\0") * (header >> 2)
        else:
            out += data[at : at + (header >> 1)]
            at += header >> 1
    return out


def literal_runs(bits):
    """Run-length coding that never finds a run, which is valid."""
    bits = bytes(bits).rstrip(b"\0")
    return varint(2 * len(bits)) + bits if bits else b""


def bitmap(length):
    bits = bytearray((length + 7) // 8)
    for index in range(length):
        bits[index >> 3] |= 128 >> (index & 7)
    return bits


# The handshake: Noise_XX_25519_ChaChaPoly_BLAKE2b


def hkdf(chaining, material):
    mac = lambda key, data: hmac.new(key, data, hashlib.blake2b).digest()
    secret = mac(chaining, material)
    first = mac(secret, b"\1")
    return first, mac(secret, first + b"\2")


class Noise:
    def __init__(self, initiator, keys, ephemeral=None):
        self.hash = self.chaining = b"Noise_XX_25519_ChaChaPoly_BLAKE2b".ljust(64, b"\0")
        self.initiator, self.static, self.key = initiator, keys, None
        self.ephemeral = ephemeral or identity_keys(os.urandom(32))
        self.mix_hash(b"")

    def mix_hash(self, data):
        self.hash = hashlib.blake2b(self.hash + data).digest()

    def mix_key(self, mine, theirs):
        self.chaining, key = hkdf(self.chaining, sodium.crypto_scalarmult(mine[1], theirs))
        self.key, self.count = key[:32], 0

    def nonce(self):
        self.count += 1
        return bytes(4) + struct.pack("<Q", self.count - 1)

    def seal(self, plain):
        box = plain if self.key is None else sodium.crypto_aead_chacha20poly1305_ietf_encrypt(plain, self.hash, self.nonce(), self.key)
        self.mix_hash(box)
        return box

    def open(self, box):
        plain = box if self.key is None else sodium.crypto_aead_chacha20poly1305_ietf_decrypt(box, self.hash, self.nonce(), self.key)
        self.mix_hash(box)
        return plain

    def write_first(self, payload):
        self.mix_hash(self.ephemeral[0])
        return self.ephemeral[0] + self.seal(payload)

    def read_first(self, message):
        self.remote_ephemeral = message[:32]
        self.mix_hash(self.remote_ephemeral)
        return self.open(message[32:])

    def write_second(self, payload):
        self.mix_hash(self.ephemeral[0])
        self.mix_key(self.ephemeral, self.remote_ephemeral)
        static = self.seal(self.static[0])
        self.mix_key(self.static, self.remote_ephemeral)
        return self.ephemeral[0] + static + self.seal(payload)

    def read_second(self, message):
        self.remote_ephemeral = message[:32]
        self.mix_hash(self.remote_ephemeral)
        self.mix_key(self.ephemeral, self.remote_ephemeral)
        self.remote = self.open(message[32:80])
        self.mix_key(self.ephemeral, self.remote)
        return self.open(message[80:])

    def write_third(self, payload):
        static = self.seal(self.static[0])
        self.mix_key(self.static, self.remote_ephemeral)
        return static + self.seal(payload)

    def read_third(self, message):
        self.remote = self.open(message[:48])
        self.mix_key(self.ephemeral, self.remote)
        return self.open(message[48:])

    def split(self):
        """(key to send with, key to receive with)."""
        first, second = (key[:32] for key in hkdf(self.chaining, b""))
        return (first, second) if self.initiator else (second, first)


def rotate(x, bits):
    return (x << bits | x >> (32 - bits)) & 0xFFFFFFFF


def hsalsa20(key, nonce):
    constants, keys, nonces = struct.unpack("<4I", b"expand 32-byte k"), struct.unpack("<8I", key), struct.unpack("<4I", nonce)
    x = [constants[0], *keys[:4], constants[1], *nonces, constants[2], *keys[4:], constants[3]]
    columns = (0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11)
    rows = (0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14)
    for _ in range(10):
        for a, b, c, d in columns + rows:
            x[b] ^= rotate((x[a] + x[d]) & 0xFFFFFFFF, 7)
            x[c] ^= rotate((x[b] + x[a]) & 0xFFFFFFFF, 9)
            x[d] ^= rotate((x[c] + x[b]) & 0xFFFFFFFF, 13)
            x[a] ^= rotate((x[d] + x[c]) & 0xFFFFFFFF, 18)
    return struct.pack("<8I", *(x[i] for i in (0, 5, 10, 15, 6, 7, 8, 9)))


def xsalsa20(key, nonce):
    return Salsa20.new(key=hsalsa20(key, nonce[:16]), nonce=nonce[16:])


class Session:
    """One connection after its handshake: messages go in and out."""

    def __init__(self, socket, initiator, keys, expected=None):
        self.socket, self.buffer, self.extensions = socket, b"", []
        self.public, nonce = keys[0], os.urandom(24)
        payload, noise = bytes_field(1, nonce), Noise(initiator, keys)
        if initiator:
            self.frame(noise.write_first(payload))
            remote = noise.read_second(self.read_frame())
            if expected and noise.remote != expected:
                raise ValueError("not the expected seller")
            self.frame(noise.write_third(payload))
        else:
            noise.read_first(self.read_frame())
            self.frame(noise.write_second(payload))
            remote = noise.read_third(self.read_frame())
        self.remote = noise.remote
        self.tx, self.rx = noise.split()
        self.encrypt, self.decrypt = xsalsa20(self.tx, nonce), xsalsa20(self.rx, fields(remote)[1][0])
        raw, self.buffer = self.buffer, b""
        self.handle(raw)

    def handle(self, raw):
        self.buffer += self.decrypt.encrypt(raw) if raw else b""

    def frame(self, message):
        self.socket.sendall(varint(len(message)) + message)

    def read_frame(self, decrypted=False):
        while True:
            try:
                length, start = read_varint(self.buffer)
                if len(self.buffer) >= start + length:
                    frame, self.buffer = self.buffer[start : start + length], self.buffer[start + length :]
                    return frame
            except IndexError:
                pass
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            if decrypted:
                self.handle(data)
            else:
                self.buffer += data

    def send_raw(self, plain):
        self.socket.sendall(self.encrypt.encrypt(plain))

    def send(self, channel, kind, body=b""):
        message = varint(channel << 4 | kind) + body
        self.send_raw(varint(len(message)) + message)

    def receive(self):
        """(channel, kind, body) of the next message; keep-alives are skipped."""
        while True:
            frame = self.read_frame(decrypted=True)
            if frame:
                header, start = read_varint(frame)
                return header >> 4, header & 15, frame[start:]

    def announce(self, names):
        """Registers extensions under `dazaar/`."""
        self.extensions = sorted("dazaar/" + name for name in names)
        self.send(0, OPTIONS, b"".join(bytes_field(1, name.encode()) for name in self.extensions))

    def send_extension(self, name, body):
        self.send(0, EXTENSION, varint(self.extensions.index("dazaar/" + name)) + body)

    def open(self, channel, feed):
        self.send(channel, OPEN, bytes_field(1, discovery_key(feed)) + bytes_field(2, capability(feed, self.tx, self.rx)))
