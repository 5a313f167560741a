"""What `orchestrator credentials rotate-keys` and `new-key` do."""

from sqlalchemy.exc import OperationalError

from services.cli.failure import Exit, Failure, plain, print_json
from services.cli.process import current_settings
from services.store.engine import Database
from services.store.integrations_rotation import rotate
from services.store.keyring import new_key, read_keys


async def rotate_keys(as_json: bool) -> Exit:
    """Seal everything again under the current key."""
    settings = current_settings("rotate-keys", for_people=True)
    if settings.secret_key is None:
        raise Failure("SECRET_KEY isn't set: put the new key first, and the old one after a comma", "NO_SECRET_KEY")
    keys = read_keys(settings.secret_key.get_secret_value())
    try:
        async with Database(settings.database_url.get_secret_value()) as database:
            done = await rotate(database, keys)
    except OperationalError as error:
        raise Failure(f"PostgreSQL can't be reached: {error.orig}. Check DATABASE_URL", "UNAVAILABLE") from None
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
