"""A TCP proxy that flips one byte: `proxy.py --to 127.0.0.1:1234 --up 500` (towards the server) or `--down 500`."""

import argparse
import socket
import threading

from events import emit, on_commands


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", required=True, help="host:port of the server")
    parser.add_argument("--up", type=int, help="offset of the byte to flip on its way to the server")
    parser.add_argument("--down", type=int, help="offset of the byte to flip on its way to the client")
    option = parser.parse_args()
    on_commands(lambda word, rest: None)
    host, port = option.to.rsplit(":", 1)
    listener = socket.create_server(("127.0.0.1", 0))
    emit("listening", port=listener.getsockname()[1])
    while True:
        client, _ = listener.accept()
        server = socket.create_connection((host, int(port)))
        threading.Thread(target=pump, args=(client, server, option.up, "up"), daemon=True).start()
        threading.Thread(target=pump, args=(server, client, option.down, "down"), daemon=True).start()


def pump(source, sink, flip, direction):
    offset = 0
    try:
        while data := bytearray(source.recv(65536)):
            if flip is not None and offset <= flip < offset + len(data):
                data[flip - offset] ^= 1
                emit("flipped", direction=direction, offset=flip)
            offset += len(data)
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
    emit("ended", direction=direction, bytes=offset)


if __name__ == "__main__":
    main()
