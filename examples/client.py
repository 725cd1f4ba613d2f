"""Calls the service `images` from Python. It needs nats-py (pip install nats-py) and nothing of this project."""

import asyncio
import json
import os

import nats
from nats.errors import NoRespondersError


async def call(nc, subject, argument, timeout=60):
    """The result; waits up to `timeout` seconds, for an executor as well. What is bytes stays bytes."""
    is_bytes = isinstance(argument, bytes)
    body = argument if is_bytes else json.dumps(argument).encode()
    until = asyncio.get_running_loop().time() + timeout
    while True:
        left = until - asyncio.get_running_loop().time()
        headers = {"Timeout-Ms": str(max(1, round(left * 1000)))}
        if is_bytes:
            headers["Content-Type"] = "application/octet-stream"
        try:
            reply = await nc.request(subject, body, timeout=left, headers=headers)
            break
        except NoRespondersError:
            if left < 0.5:
                raise
            await asyncio.sleep(0.25)
    about = reply.headers or {}
    if "Nats-Service-Error-Code" in about:
        raise RuntimeError(f"{about['Nats-Service-Error-Code']}: {about['Nats-Service-Error']}")
    return reply.data if about.get("Content-Type") == "application/octet-stream" else json.loads(reply.data)


async def main():
    nc = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
    print(await call(nc, "images.mix", {"from": "#ff0000", "to": "#ffffff"}))
    print(list(await call(nc, "images.invert", bytes([0, 10, 255, 7]))))
    colors = ["#ff0000", "#00ff00", "blue"]
    calls = [call(nc, "images.mix", {"from": color, "to": "#ffffff"}) for color in colors]
    for color, result in zip(colors, await asyncio.gather(*calls, return_exceptions=True)):
        print(color, result)
    await nc.close()


asyncio.run(main())
