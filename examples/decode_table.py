"""Decodes a table: `decode_table.py FOLDER [FILE.parquet]`. Needs pyarrow, pcodec, zstandard; made from docs/formats.md.

FOLDER has a feed with every block, as in `feeds/` and `buys/` of a market.
"""
import json, pathlib, sys
import numpy as np, pyarrow as pa, pyarrow.parquet, zstandard
from pcodec.standalone import simple_decompress

class Reader:
    def __init__(self, data):
        self.rest = memoryview(data)
    def take(self, count):
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken
    def byte(self):
        return self.take(1)[0]
    def varint(self):
        byte = self.byte()
        return byte if byte < 128 else byte - 128 + 128 * self.varint()
    def numbers(self, count, kind):
        if self.byte() == 1:
            return simple_decompress(bytes(self.take(self.varint())))
        return np.frombuffer(self.take(count * np.dtype(kind).itemsize), kind)
    def packed(self, count):
        return zstandard.decompress(self.take(self.varint()), count) if self.byte() == 1 else self.take(count)
    def bits(self, count):
        packed = np.frombuffer(self.packed((count + 7) // 8), "u1")
        return np.unpackbits(packed, count=count, bitorder="little").astype(bool)
    def strings(self, count, kind, tag=None):
        if tag is None and self.byte() == 1:
            return self.strings(self.varint(), kind, 0).take(pa.array(self.numbers(count, "<u4")))
        offsets = np.append(0, np.cumsum(self.numbers(count, "<u4"))).astype("<i4")
        return pa.Array.from_buffers(kind, count, [None, pa.py_buffer(offsets), pa.py_buffer(self.packed(self.varint()))])

def column(reader, rows, type, scale=0, **_):
    there = reader.bits(rows) if reader.byte() == 1 else np.ones(rows, bool)
    count = int(there.sum())
    if type in ("text", "bytes"):
        values = reader.strings(count, pa.string() if type == "text" else pa.binary())
    elif type == "bool":
        values = pa.array(reader.bits(count))
    else:
        numbers = reader.numbers(count, "<f8" if type == "float" else "<i8")
        values = pa.array(numbers, pa.timestamp("ns", "UTC") if type == "timestamp" else None)
        if type == "decimal":  # 128 bits in Arrow
            wide = np.stack([numbers, numbers >> 63], axis=1)
            values = pa.Array.from_buffers(pa.decimal128(18, scale), count, [None, pa.py_buffer(wide)])
    return values.take(pa.array(np.cumsum(there) - 1, mask=~there))

tree, data = (Reader((pathlib.Path(sys.argv[1]) / name).read_bytes()) for name in ("tree", "data"))
sizes = [int.from_bytes(tree.rest[at : at + 8], "big") for at in range(64, len(tree.rest), 80)]
header, *blocks = (data.take(size) for size in sizes)
fields, parts, next_row = json.loads(bytes(header))["schema"]["fields"], [], 0
for reader in (Reader(block[1:]) for block in blocks if block[0] in (1, 2)):
    first, rows, *_ = (reader.varint() for _ in range(5))
    if first + rows > next_row:  # else they came live
        columns = {field["name"]: column(Reader(reader.take(reader.varint())), rows, **field) for field in fields}
        parts, next_row = [*parts, pa.table(columns).slice(next_row - first)], first + rows
table = pa.concat_tables(parts)
print(table) if len(sys.argv) < 3 else pyarrow.parquet.write_table(table, sys.argv[2])
