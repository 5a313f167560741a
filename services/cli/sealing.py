"""What `orchestrator credentials rotate-keys` and `new-key` do."""

from services.cli.failure import Exit, Failure, plain, print_json
from services.cli.operating import operated
from services.store.integrations_rotation import rotate
from services.store.keyring import new_key, read_keys


async def rotate_keys(as_json: bool) -> Exit:
    """Seal everything again under the current key."""
    async with operated("rotate-keys") as (settings, database):
        if settings.secret_key is None:
            raise Failure("SECRET_KEY isn't set: put the new key first, and the old one after a comma", "NO_SECRET_KEY")
        keys = read_keys(settings.secret_key.get_secret_value())
        done = await rotate(database, keys)
    if as_json:
        shown = {"sealed_again": done.sealed_again, "current_already": done.current_already, "stuck": done.stuck}
        print_json({"key": keys.current, **shown})
    else:
        print(f"Sealed {done.sealed_again} values again under {keys.current}; {done.current_already} were already.")
        for stuck in done.stuck:
            print(plain(f"Not opened: {stuck}"))
    return Exit.FAILED if done.stuck else Exit.OK


async def print_new_key() -> Exit:
    """Print a key."""
    print(new_key())
    return Exit.OK
