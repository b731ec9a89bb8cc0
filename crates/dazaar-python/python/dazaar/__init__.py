"""Buy and sell time series over a peer-to-peer network.

    import dazaar

    btc = dazaar.open("dazaar:4f1c...?at=203.0.113.7:49737")
    march = btc.range("2026-03-01", "2026-04-01", columns=["time", "price"])
    march.to_pandas()                        # or to_polars(), to_arrow(), or anything that takes an Arrow stream

    async for rows in btc.follow(since="1h ago"):
        print(rows.to_arrow())

    market = dazaar.Market()
    market.sell(frame, "prices", time="time", keys=["symbol"])
    with market.serve("prices") as sale:
        print(sale.link)

Times are text ("2026-03-01", "2026-03-01T09:30:00Z", "2h ago"), datetimes (without a zone they are UTC), or whole nanoseconds.
"""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timezone

from . import _dazaar
from ._dazaar import DazaarError, Refused, Sale, Unreachable

__all__ = ["Batch", "DazaarError", "Live", "Market", "Refused", "Rows", "Sale", "Table", "Unreachable", "open"]

# How long a thread waits for new rows before it looks whether anybody still wants them.
_WAIT_SECONDS = 0.25


class Market:
    """A market folder: who I am, what I sell, what I buy. By default the one that the program `dazaar` uses.

    Sellers are found and reached as the program does it, and its environment variables count for what is not said: `bootstrap` is a
    node of the DHT to begin with ("host:port", or "default" for those of npm hyperswarm), or a list of them; without one the DHT is not
    used. `lan=False` leaves the local network out. With a `proxy` ("socks5://host:port") sellers are dialled through it only, and looked
    for neither in the DHT nor on the local network. What is sold here is found in the same ways.
    """

    def __init__(self, dir=None, *, passphrase=None, bootstrap=None, lan=None, proxy=None):
        nodes = None if bootstrap is None else _list(bootstrap)
        self._native = _dazaar.Market(dir, passphrase=passphrase, bootstrap=nodes, lan=lan, proxy=proxy)

    @property
    def buyer(self) -> str:
        """The key by which sellers know me."""
        return self._native.buyer

    def open(self, table, **how) -> Table:
        """Opens a table: the name of a listing or purchase, a key, a folder, a link, or the file of a card.

        `connect` is a list of addresses to try, `accept_terms` the hash of terms of use that I accept, `timeout` the seconds
        without a connection after which to give up (None never does). A seller who refuses raises `Refused`, unless
        `wait_for_admission` is true.
        """
        return Table(self._native.open(str(table), **how))

    def sell(self, data, name, *, time=None, keys=(), late=None, append=False, free=None) -> int:
        """Publishes rows as the table `name`, and lists it. Returns how many rows the table has.

        `data` is a DataFrame of pandas or polars, a table of pyarrow, or anything with an Arrow stream. The rows that the
        table has already are left out, so that the same frame with more rows can be sold again; `append` adds all rows.
        Buyers are admitted by `grant`; with `free=True`, everybody is. It stays as it was if nothing is said.
        """
        stream = _ipc(data)
        return self._native.publish(
            stream, name, time=time, keys=list(keys), late=late, append=append, free=free
        )

    def grant(self, name, buyer, seconds=None) -> None:
        """Lets a buyer read a listing for so many seconds, or for ever."""
        self._native.grant(name, buyer, seconds)

    def serve(self, name, listen="127.0.0.1:0") -> Sale:
        """Serves a listing in the background: a context manager with a `link`."""
        return self._native.serve(name, listen)


class Table:
    """A table that is open. Nothing of it is downloaded before rows are asked for."""

    def __init__(self, native):
        self._native = native

    @property
    def schema(self) -> dict:
        """Columns with types, units and descriptions, which of them is the time, and which are keys."""
        return json.loads(self._native.schema_json)

    @property
    def downloaded(self) -> int:
        """Bytes of blocks that came from the seller."""
        return self._native.downloaded

    def range(self, start=None, end=None, *, columns=(), symbols=(), where=(), last=None, limit=None) -> Rows:
        """The rows from `start` (inclusive) to `end` (exclusive).

        `symbols` are values of the first key column, `where` conditions such as "price>=100".
        """
        return Rows(
            self._native.rows(
                _moment(start),
                _moment(end),
                columns=_list(columns),
                symbols=_list(symbols),
                conditions=_list(where),
                last=last,
                limit=limit,
            )
        )

    def follow(self, since=None, *, from_row=0, columns=(), symbols=(), where=()) -> Live:
        """The rows since a time, or from a row on, and then new ones as they come: an async iterator."""
        return Live(
            self._native.follow(
                _moment(since),
                from_row,
                columns=_list(columns),
                symbols=_list(symbols),
                conditions=_list(where),
            )
        )

    def flush(self) -> None:
        """Makes what was downloaded survive a power cut."""
        self._native.flush()


class _Arrow:
    """Something with an Arrow stream."""

    def __init__(self, native):
        self._native = native

    def __arrow_c_stream__(self, requested_schema=None):
        return self._native.__arrow_c_stream__(requested_schema)

    def to_arrow(self):
        """A table of pyarrow."""
        import pyarrow

        return self._taken(lambda: pyarrow.RecordBatchReader.from_stream(self).read_all())

    def to_pandas(self, **how):
        """A DataFrame of pandas."""
        return self.to_arrow().to_pandas(**how)

    def to_polars(self):
        """A DataFrame of polars."""
        import polars

        return self._taken(lambda: polars.DataFrame(self))

    def _taken(self, take):
        """What `take` makes of the stream. Errors on the way are ours, not those of whoever reads the stream."""
        try:
            return take()
        except Exception:
            self._native.raise_error()
            raise


class Rows(_Arrow):
    """The rows of a question. They are read when they are taken, and again each time."""

    @property
    def bytes(self) -> int:
        """Bytes of the segments that have the rows, without those that are not in the index yet."""
        return self._native.bytes

    @property
    def gone(self) -> list:
        """Rows that nobody has any more, each as the number of the first and of the one after the last; known once rows were taken."""
        return self._native.gone


class Batch(_Arrow):
    """Rows that came together."""

    def __len__(self) -> int:
        return len(self._native)


class Live:
    """Rows as they come: an async iterator of batches. Who asks again from `next_row` on loses and doubles none."""

    def __init__(self, native):
        self._native = native
        self._waiting = None

    @property
    def next_row(self) -> int:
        """The number of the row that comes next."""
        return self._native.next_row

    def __aiter__(self):
        return self

    async def __anext__(self) -> Batch:
        while True:
            # A thread goes on when nobody waits any more; what it finds is for whoever waits next.
            if self._waiting is None:
                self._waiting = asyncio.ensure_future(asyncio.to_thread(self._native.next, _WAIT_SECONDS))
            try:
                batch = await asyncio.shield(self._waiting)
            except asyncio.CancelledError:
                raise
            except BaseException:
                self._waiting = None
                raise
            self._waiting = None
            if batch is not None:
                return Batch(batch)


def open(table, *, market=None, bootstrap=None, lan=None, proxy=None, **how) -> Table:
    """Opens a table with the market of the program `dazaar`, or with another; see `Market.open`.

    How the seller is found and reached (see `Market`) is said here, unless the market says it.
    """
    network = {"bootstrap": bootstrap, "lan": lan, "proxy": proxy}
    if market is None:
        market = Market(**network)
    elif any(setting is not None for setting in network.values()):
        raise TypeError("a market has its own bootstrap, lan and proxy")
    return market.open(table, **how)


def _list(values) -> list:
    return [values] if isinstance(values, str) else list(values)


def _moment(time):
    if time is None or isinstance(time, str):
        return time
    if isinstance(time, datetime):
        # A Timestamp of pandas is one too, and shows its nanoseconds.
        return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).isoformat()
    if isinstance(time, int):
        seconds, nanoseconds = divmod(time, 1_000_000_000)
        text = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{text}.{nanoseconds:09}Z"
    return str(time)


def _ipc(data) -> bytes:
    import pyarrow

    if type(data).__module__.split(".")[0] == "pandas":
        # An index without a name only counts, or did.
        table = pyarrow.Table.from_pandas(data, preserve_index=None if data.index.name else False)
    else:
        table = pyarrow.RecordBatchReader.from_stream(data).read_all()
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()
