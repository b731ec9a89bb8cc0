"""The package against the real program, both ways. DAZAAR_PROGRAM is the program."""

import asyncio
import json
import os
import subprocess
import sys

import dazaar
import pandas
import polars
import pyarrow
import pytest

PROGRAM = os.environ["DAZAAR_PROGRAM"]
# Nobody outside is to hear of the tests, and those who want the network say so.
os.environ["DAZAAR_NO_LAN"] = "true"
ROWS = 20_000


def frame(rows=range(ROWS)):
    return pandas.DataFrame(
        {
            "time": pandas.to_datetime([1_772_323_200 + row for row in rows], unit="s", utc=True),
            "symbol": [["BTC", "ETH"][row % 2] for row in rows],
            "price": [row % 997 / 10 for row in rows],
            "count": [row * 7 for row in rows],
        }
    )


class Program:
    """The program, run in the background until its output says what we wait for."""

    def __init__(self, dir, *arguments):
        self.process = subprocess.Popen(
            [PROGRAM, "--dir", str(dir), "--json", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def event(self, name):
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == name:
                return event
        raise AssertionError(f"the program ended without {name}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=30)


@pytest.fixture
def seller(tmp_path):
    """The program sells 20,000 rows to everybody."""
    file = tmp_path / "btcusd.csv"
    frame().to_csv(file, index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
    with Program(tmp_path / "seller", "sell", file, "--key", "symbol", "--admit-all", "--listen", "127.0.0.1:0") as program:
        yield program.event("listening")["link"]


@pytest.fixture
def market(tmp_path):
    return dazaar.Market(tmp_path / "buyer")


def test_rows_of_a_range_in_every_form(seller, market):
    table = market.open(seller)
    assert [field["name"] for field in table.schema["fields"]] == ["time", "symbol", "price", "count"]
    rows = table.range("2026-03-01T01:00:00Z", "2026-03-01T02:00:00Z")
    arrow = rows.to_arrow()
    expected = frame(range(3600, 7200))
    assert arrow.schema.field("time").type == pyarrow.timestamp("ns", "UTC")
    for column in expected:
        assert arrow[column].to_pylist() == expected[column].tolist(), column
    assert rows.to_pandas()["count"].tolist() == expected["count"].tolist()
    assert rows.to_polars()["price"].to_list() == expected["price"].tolist()
    assert isinstance(rows.to_polars(), polars.DataFrame)
    # Two of the three segments hold no such row.
    assert 0 < table.downloaded < 120_000


def test_times_are_given_as_people_have_them(seller, market):
    table = market.open(seller)
    start = pandas.Timestamp("2026-03-01T00:00:10Z")
    naive = pandas.Timestamp("2026-03-01T00:00:20").to_pydatetime()
    assert table.range(start, naive).to_arrow().num_rows == 10
    assert table.range(start.value, start.value + 5_000_000_000).to_arrow().num_rows == 5
    assert table.range("2026-03-01", last=7).to_arrow().num_rows == 7
    with pytest.raises(dazaar.DazaarError, match="moon"):
        table.range("full moon")


def test_columns_symbols_conditions_and_a_limit(seller, market):
    table = market.open(seller)
    rows = table.range(columns=["price", "time"], symbols="ETH", where=["count>=70"], limit=5).to_arrow()
    assert rows.schema.names == ["price", "time"]
    assert rows["price"].to_pylist() == [row % 997 / 10 for row in range(11, 21, 2)]
    with pytest.raises(dazaar.DazaarError, match="there is no column `cost`"):
        table.range(columns=["cost"])


def test_a_frame_is_sold_and_the_program_buys_it(tmp_path):
    market = dazaar.Market(tmp_path / "seller")
    assert market.sell(frame(range(10_000)), "prices", time="time", keys=["symbol"]) == 10_000
    # The same rows and more: what the table has is left out.
    assert market.sell(frame(), "prices") == ROWS
    assert market.sell(pyarrow.Table.from_pandas(frame(range(ROWS, ROWS + 5))), "prices", append=True) == ROWS + 5
    buyer = dazaar.Market(tmp_path / "buyer").buyer
    out = tmp_path / "prices.csv"
    with market.serve("prices") as sale:
        with pytest.raises(dazaar.Refused):
            dazaar.open(sale.link, market=dazaar.Market(tmp_path / "other"))
        market.grant("prices", buyer, 3600)
        command = [PROGRAM, "--dir", tmp_path / "buyer", "get", sale.link, "-o", out]
        subprocess.run(command, check=True, timeout=60)
    bought = pandas.read_csv(out, parse_dates=["time"])
    pandas.testing.assert_frame_equal(bought, frame(range(ROWS + 5)), check_dtype=False)


def test_polars_and_an_index_of_times_are_sold_too(tmp_path):
    market = dazaar.Market(tmp_path / "seller")
    assert market.sell(polars.DataFrame(frame(range(50))), "polars", free=True) == 50
    assert market.sell(frame(range(50)).set_index("time"), "indexed") == 50
    with market.serve("polars") as sale:
        table = dazaar.Market(tmp_path / "buyer").open(sale.link)
        assert table.range().to_pandas()["count"].tolist() == frame(range(50))["count"].tolist()


def test_rows_that_no_table_can_have_are_refused(tmp_path):
    market = dazaar.Market(tmp_path / "seller")
    with pytest.raises(dazaar.DazaarError, match="time"):
        market.sell(pandas.DataFrame({"price": [1.5]}), "untimed")
    with pytest.raises(dazaar.DazaarError, match="nested"):
        market.sell(pandas.DataFrame({"time": frame(range(1))["time"], "nested": [[1, 2]]}), "nested")


def test_live_rows_come_once_each(tmp_path):
    with Program(
        tmp_path / "seller", "sell", "-", "--name", "ticks", "--follow", "--format", "csv", "--blocks", "table",
        "--admit-all", "--listen", "127.0.0.1:0", "--flush", "1",
    ) as program:
        def say(*lines):
            program.process.stdin.write("".join(line + "\n" for line in lines))
            program.process.stdin.flush()

        say("time,price", "2026-03-01T00:00:00Z,1.5")
        link = program.event("listening")["link"]
        table = dazaar.Market(tmp_path / "buyer").open(link)

        async def read():
            live, found = table.follow(), []
            for row in range(1, 6):
                async for rows in live:
                    found += rows.to_arrow()["price"].to_pylist()
                    break
                say(f"2026-03-01T00:00:{row:02}Z,{row}.5")
            async for rows in live:
                found += rows.to_arrow()["price"].to_pylist()
                if len(found) == 6:
                    return found, live.next_row

        found, next_row = asyncio.run(asyncio.wait_for(read(), 60))
        assert found == [1.5, 1.5, 2.5, 3.5, 4.5, 5.5]
        assert next_row == 6


def test_waiting_for_live_rows_can_be_given_up(seller, market):
    table = market.open(seller)

    async def read():
        async for _ in table.follow("2027-01-01"):
            raise AssertionError("no such row is there")

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(asyncio.wait_for(read(), 0.5))
    # The table can still be used.
    assert table.range(limit=1).to_arrow().num_rows == 1


def test_rows_that_come_when_nobody_waits_are_kept(seller, market):
    async def read():
        live, found = market.open(seller).follow(columns=["count"]), []
        while len(found) < ROWS:
            try:
                found += (await asyncio.wait_for(anext(live), 0.001)).to_arrow()["count"].to_pylist()
            except asyncio.TimeoutError:
                await asyncio.sleep(0.001)
        return found

    assert asyncio.run(asyncio.wait_for(read(), 60)) == frame()["count"].tolist()


def test_an_index_that_only_counts_is_no_column(tmp_path):
    market = dazaar.Market(tmp_path / "seller")
    assert market.sell(frame(range(100))[frame(range(100)).price > 5], "filtered") == 49
    assert [field["name"] for field in market.open("filtered").schema["fields"]] == ["time", "symbol", "price", "count"]


def test_a_free_sale_can_become_one_by_grants(tmp_path):
    market = dazaar.Market(tmp_path / "seller")
    market.sell(frame(range(5)), "prices", free=True)
    market.sell(frame(range(6)), "prices", free=False)
    with market.serve("prices") as sale, pytest.raises(dazaar.Refused):
        dazaar.Market(tmp_path / "buyer").open(sale.link)


def test_a_seller_who_is_gone_is_told(market):
    with pytest.raises(dazaar.Unreachable):
        market.open("dazaar:" + "ab" * 32 + "?at=127.0.0.1:1", timeout=0.5)
    with pytest.raises(dazaar.DazaarError, match="nowhere"):
        market.open("nowhere")


@pytest.fixture
def node(tmp_path):
    """A node of the DHT, which is on this machine."""
    with Program(tmp_path / "node", "node", "--listen", "127.0.0.1:0") as program:
        yield program.event("node")["address"]


def sold(tmp_path, *options):
    """The program sells ten rows to everybody."""
    file = tmp_path / "ticks.csv"
    frame(range(10)).to_csv(file, index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
    return Program(tmp_path / "seller", "sell", file, "--admit-all", "--listen", "127.0.0.1:0", *options)


def test_a_key_is_enough_with_a_node_of_the_dht(tmp_path, node):
    with sold(tmp_path, "--bootstrap", node) as program:
        key = program.event("announced")["seller"]
        market = dazaar.Market(tmp_path / "buyer", bootstrap=node)
        assert market.open(key).range().to_arrow().num_rows == 10
        with pytest.raises(dazaar.DazaarError, match="no address"):
            dazaar.Market(tmp_path / "other").open(key)
        with pytest.raises(TypeError, match="has its own"):
            dazaar.open(key, market=market, bootstrap=node)


def test_the_variables_of_the_program_count_too(tmp_path, node, monkeypatch):
    with sold(tmp_path, "--bootstrap", node) as program:
        key = program.event("announced")["seller"]
        monkeypatch.setenv("DAZAAR_BOOTSTRAP", node)
        monkeypatch.setenv("DAZAAR_DIR", str(tmp_path / "buyer"))
        assert dazaar.open(key).range().to_arrow().num_rows == 10
        with pytest.raises(dazaar.DazaarError, match="no address"):
            dazaar.Market(tmp_path / "other", bootstrap=[]).open(key)


def test_what_python_sells_is_found_through_the_dht(tmp_path, node):
    market = dazaar.Market(tmp_path / "seller", bootstrap=[node])
    market.sell(frame(range(10)), "prices", free=True)
    dazaar.Market(tmp_path / "buyer")
    with market.serve("prices") as sale:
        out = tmp_path / "prices.csv"
        command = [PROGRAM, "--dir", tmp_path / "buyer", "buy", sale.seller, "--to", out, "--bootstrap", node]
        subprocess.run(command, check=True, timeout=60)
    assert len(pandas.read_csv(out)) == 10


def test_with_a_proxy_nobody_is_reached_around_it(tmp_path, seller):
    market = dazaar.Market(tmp_path / "proxied", proxy="socks5://127.0.0.1:1")
    with pytest.raises(dazaar.Unreachable):
        market.open(seller, timeout=1)
    with pytest.raises(dazaar.DazaarError):
        dazaar.Market(tmp_path / "proxied", proxy="http://me:secret@127.0.0.1:1")


def test_a_node_that_is_no_address_is_told(tmp_path):
    with pytest.raises(dazaar.DazaarError):
        dazaar.Market(tmp_path / "market", bootstrap="nowhere")


def test_a_switch_is_read_as_the_program_reads_it(tmp_path, monkeypatch):
    for value in ["TRUE", "yes", "1", "off", "No", ""]:
        monkeypatch.setenv("DAZAAR_NO_LAN", value)
        dazaar.Market(tmp_path / "market")
    monkeypatch.setenv("DAZAAR_NO_LAN", "perhaps")
    with pytest.raises(dazaar.DazaarError, match="DAZAAR_NO_LAN"):
        dazaar.Market(tmp_path / "market")
    dazaar.Market(tmp_path / "market", lan=False)


def test_ctrl_c_ends_the_waiting(tmp_path):
    script = f"""
import dazaar, os, signal, threading
market = dazaar.Market({str(tmp_path / "buyer")!r})
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
market.open("dazaar:" + "ab" * 32 + "?at=127.0.0.1:1", timeout=None)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert "KeyboardInterrupt" in ended.stderr
