"""`python -m tests.model_server --port 0`: prints the server's address, and serves until it is killed."""

import argparse
import socket

import uvicorn

from tests.model_server.application import Model
from tests.model_server.running import configured

parser = argparse.ArgumentParser(description="A model that does as its users' messages say.")
parser.add_argument("--port", type=int, default=0, help="0: any that is free")
parser.add_argument("--key", action="append", default=[], help="a key that is taken; any is, if none is named")
arguments = parser.parse_args()
with socket.create_server(("127.0.0.1", arguments.port)) as listening:
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(configured(Model(keys=arguments.key))).run(sockets=[listening])
