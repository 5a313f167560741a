"""A worker program that tries what a worker must not be able to do."""

import os
import resource
import socket
import sys
import time
from collections.abc import Iterator

from nodes.sandbox.confine import forbid_processes


class Engine:
    def start(self, channel: int) -> None:
        forbid_processes()

    def rest(self) -> None:
        pass

    def answer(self, request: list[bytes]) -> Iterator[list[bytes]]:
        question = request[0].decode()
        try:
            yield [str(getattr(self, question.replace(" ", "_"))()).encode()]
        except OSError as error:
            name = type(error).__name__
            yield [(name if question == "fork" else "OSError").encode()]

    def environment(self) -> list[str]:
        return sorted(set(os.environ) - {"LC_CTYPE"})

    def fork(self) -> None:
        if os.fork() == 0:
            os._exit(0)

    def write(self) -> None:
        descriptor = os.open("file", os.O_CREAT | os.O_WRONLY)
        os.write(descriptor, b"x")

    def many_files(self) -> None:
        for _ in range(20):
            os.dup(0)

    def core(self) -> tuple[int, int]:
        return resource.getrlimit(resource.RLIMIT_CORE)

    def new_privileges(self) -> int:
        import ctypes

        return int(ctypes.CDLL(None).prctl(39, 0, 0, 0, 0)) if sys.platform == "linux" else 0

    def connect(self) -> None:
        with socket.socket() as channel:
            channel.settimeout(2)
            channel.connect(("127.0.0.1", 9))

    def list(self) -> list[str]:
        return os.listdir("/")

    def user(self) -> int:
        return os.getuid()

    def descriptors(self) -> int:
        found = 0
        for descriptor in range(256):
            try:
                os.fstat(descriptor)
                found += 1
            except OSError:
                continue
        return found

    def hang(self) -> None:
        time.sleep(60)

    def large(self) -> str:
        return "x" * 2000

    def exit(self) -> None:
        os._exit(3)

    def garbage(self) -> None:
        os.write(int(__import__("json").loads(sys.argv[1])["channel"]), b"\xff" * 100)
        os._exit(0)
