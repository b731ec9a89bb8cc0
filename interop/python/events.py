"""One JSON object a line on stdout; the end of stdin ends the program, so that no peer outlives its test."""

import json
import os
import sys
import threading


def emit(event, **fields):
    plain = {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}
    print(json.dumps({"event": event, **plain}), flush=True)


def on_commands(handle):
    """Calls `handle(word, rest)` for each line of stdin, on a thread of its own."""

    def read():
        for line in sys.stdin:
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "quit":
                break
            handle(word, rest)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()


def block(index):
    """Block number `index` of every generated feed, the same as that of the JavaScript peers."""
    return b"row %d %s\n" % (index, b"x" * (index % 23))
