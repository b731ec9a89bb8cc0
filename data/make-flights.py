"""Makes flights.csv.gz from the npm package vega-datasets.

    npm pack vega-datasets@3.2.1 && tar xzf vega-datasets-3.2.1.tgz
    pip install pyarrow
    python make-flights.py package/data/flights-3m.parquet

The result is the same, byte for byte, on every run.
"""

import datetime
import gzip
import hashlib
import sys

import pyarrow.parquet

PARQUET_SHA256 = "dbeb920c90f59b6ccaff823dcc3d08f25a97fa1ce128d93f40be4e931f5900b0"
FIRST_DAY = datetime.datetime(2001, 1, 1)
END = datetime.datetime(2001, 1, 8)


def main(path):
    with open(path, "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != PARQUET_SHA256:
            sys.exit(f"{path} is not the file of vega-datasets 3.2.1")
    rows = pyarrow.parquet.read_table(path).to_pylist()
    week = sorted(
        (row["date"], row["origin"], row["destination"], row["distance"], row["delay"])
        for row in rows
        if FIRST_DAY <= row["date"] < END
    )
    lines = ["time,origin,destination,distance_miles,delay_minutes"]
    lines += [f"{time:%Y-%m-%dT%H:%M},{origin},{to},{miles},{delay}" for time, origin, to, miles, delay in week]
    text = "\n".join(lines) + "\n"
    with open("flights.csv.gz", "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as zipped:
        zipped.write(text.encode("ascii"))
    print(f"{len(week)} rows, {len(text)} bytes, sha256 {hashlib.sha256(text.encode()).hexdigest()}")


if __name__ == "__main__":
    main(sys.argv[1])
