"""Commands that open, create and unlock a repository, as argv tuples. Pure.

None takes a lock of its own but `remove_key`. ``target`` is that of `steps.Step`.
"""

from runner.config.model import Config
from runner.steps.step import Step


def local_folder(config: Config, target: str = "") -> str:
    """Return where the repository lies if that is a folder here; "" elsewhere."""
    repository = config.repository
    second = repository.second if target else None
    variables = second.alone if second else repository.environment
    path = variables.get("RESTIC_REPOSITORY", "").strip().removeprefix("local:")
    return path.rstrip("/") if path.startswith("/") else ""


def look(target: str = "", key: str = "") -> Step:
    """Open the repository without a lock: exit 10 means that there is none."""
    argv = ("restic", "cat", "config", "--no-lock", "--json", *_by(key))
    return Step("look", argv, target=target)


def _by(key: str) -> tuple[str, ...]:
    """Return the option by which restic tries this key first; it may be a prefix of its id."""
    return ("--key-hint", key) if key else ()


def look_locked() -> Step:
    """Open the repository with a lock, as a backup does: a torn one keeps all others out."""
    return Step("look", ("restic", "cat", "config", "--json"))


def init(target: str = "") -> Step:
    """Create the repository; a second one so that what is copied to it takes no more space."""
    if not target:
        return Step("init", ("restic", "init", "--json"))
    return Step("init", ("restic", "init", "--json", "--copy-chunker-params"), target="both")


def keys(target: str = "", key: str = "") -> Step:
    """List the keys; a repository that was initialised once has exactly one."""
    argv = ("restic", "key", "list", "--no-lock", "--json", *_by(key))
    return Step("keys", argv, target=target)


def held_snapshots(key: str, target: str = "") -> Step:
    """List the ids of all snapshots, also of those that this key cannot read."""
    argv = ("restic", "list", "snapshots", "--no-lock", "-q", *_by(key))
    return Step("list", argv, target=target)


def remove_key(identifier: str, key: str, target: str = "") -> Step:
    """Remove a key that opens nothing."""
    argv = ("restic", "key", "remove", identifier, "-q", *_by(key))
    return Step("key", argv, target=target)


def locks() -> Step:
    """List the ids of all locks."""
    return Step("locks", ("restic", "list", "locks", "--no-lock", "-q"))


def lock(identifier: str) -> Step:
    """Read one lock."""
    return Step("lock", ("restic", "cat", "lock", identifier, "--no-lock", "-q"))


def unlock_all() -> Step:
    """Remove every lock, read or not; see `locks` for when that is safe."""
    return Step("unlock", ("restic", "unlock", "--remove-all", "-q"))


def unlock() -> Step:
    """Remove what restic itself takes for stale."""
    return Step("unlock", ("restic", "unlock", "-q"))
