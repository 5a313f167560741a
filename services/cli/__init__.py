"""The command line: `orchestrator` and its commands."""


def main() -> None:
    """Runs the command line that the process was started with."""
    from services.cli.app import app

    app()
