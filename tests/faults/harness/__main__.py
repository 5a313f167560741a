"""`python -m tests.faults.harness --seed S --faults 200`: random faults, the checks after each round, a report."""

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
from pathlib import Path

from tests.faults.harness.cluster import Cluster
from tests.faults.harness.faults import kinds
from tests.faults.harness.report import show, summary
from tests.faults.harness.round import Result, Rounds

_A_ROUND = 20


async def _main(seed: str, faults: int, scale: float, path: Path | None, only: list[str]) -> int:
    print(f"seed {seed}, {faults} faults, durations times {scale:g}", flush=True)
    with tempfile.TemporaryDirectory(prefix="orchestrator-faults-") as folder:
        os.chmod(folder, 0o755)
        cluster = Cluster(Path(folder))
        try:
            await cluster.start()
            print(f"kinds: {', '.join(kinds(cluster))}", flush=True)
            rounds = Rounds(cluster, scale, only=only)
            results = [_told(await rounds.undisturbed())]
            for number, begin in enumerate(range(0, faults, _A_ROUND)):
                results.append(_told(await rounds.run(f"{seed}.{number}", min(_A_ROUND, faults - begin))))
            found = summary(seed, scale, results, cluster.journal())
        finally:
            await cluster.stop()
    show(found, path)
    return 1 if found["wrong"] else 0


def _told(result: Result) -> Result:
    """Prints how a round went."""
    print(f"round {result.seed}: {result.runs} runs, {len(result.faults)} faults", flush=True)
    for wrong in result.wrong:
        print(f"  WRONG {wrong}", flush=True)
    return result


def main() -> int:
    """Reads what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", default="")
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--scale", type=float, default=0.15)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="kinds of faults; all without it")
    given = parser.parse_args()
    return asyncio.run(_main(given.seed or secrets.token_hex(4), given.faults, given.scale, given.json, given.only))


if __name__ == "__main__":
    sys.exit(main())
