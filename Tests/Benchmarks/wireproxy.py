#!/usr/bin/env python3
"""A TCP proxy in front of PostgreSQL that counts round trips and can add delay.

  wireproxy.py HOST PORT REPORT.json [DELAY_MS]

Listens on a free port of 127.0.0.1 and prints it. A round trip is counted when the client sends after the
server has sent, and for the first bytes of a connection. DELAY_MS is added to each round trip, half each
way. The report is written when SIGTERM comes.
"""
import asyncio
import json
import signal
import sys

HOST, PORT, REPORT = sys.argv[1], int(sys.argv[2]), sys.argv[3]
DELAY = float(sys.argv[4]) / 2000 if len(sys.argv) > 4 else 0.0
totals = {"connections": 0, "round_trips": 0, "bytes_up": 0, "bytes_down": 0}


async def deliver(queue, writer):
    """Writes each piece when its time has come, in order."""
    loop = asyncio.get_running_loop()
    while True:
        due, piece = await queue.get()
        if piece is None:
            return
        if due > loop.time():
            await asyncio.sleep(due - loop.time())
        writer.write(piece)
        await writer.drain()


async def pump(reader, writer, last, direction):
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue()
    delivery = asyncio.ensure_future(deliver(queue, writer)) if DELAY else None
    try:
        while True:
            piece = await reader.read(1 << 16)
            if not piece:
                break
            if direction == "up" and last["direction"] != "up":
                totals["round_trips"] += 1
            last["direction"] = direction
            totals["bytes_" + direction] += len(piece)
            if delivery:
                queue.put_nowait((loop.time() + DELAY, piece))
            else:
                writer.write(piece)
                await writer.drain()
    except ConnectionError:
        pass
    if delivery:
        queue.put_nowait((0, None))
        try:
            await delivery
        except ConnectionError:
            pass
    writer.close()


async def handle(reader, writer):
    totals["connections"] += 1
    server_reader, server_writer = await asyncio.open_connection(HOST, PORT)
    last = {"direction": ""}
    await asyncio.gather(
        pump(reader, server_writer, last, "up"), pump(server_reader, writer, last, "down"))


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()
    with open(REPORT, "w") as file:
        json.dump(totals, file)


asyncio.run(main())
