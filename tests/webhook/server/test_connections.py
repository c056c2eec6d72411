"""Which connection gives way where there are too many: one that asked nothing, else an idle one."""

import asyncio
from collections import Counter
from typing import cast

from webhook.server.connections import Connection, Gate


class _Transport:
    """Stands for the socket: remembers that it was closed."""

    closed = False

    def abort(self) -> None:
        self.closed = True


class _Caller:
    """A connection without a server behind it."""

    def __init__(self) -> None:
        self.transport = _Transport()

    @property
    def there(self) -> bool:
        return not self.transport.closed


def _opened(gate: Gate, count: int) -> list[_Caller]:
    callers = [_Caller() for _ in range(count)]
    for each in callers:
        gate.opened(cast("Connection", each))
    return callers


def _there(*callers: _Caller) -> list[bool]:
    return [each.there for each in callers]


def test_the_oldest_connection_without_a_request_is_closed() -> None:
    closed: Counter[str] = Counter()
    gate = Gate(lambda reason: closed.update([reason]), most=3)
    idle, busy, silent = _opened(gate, 3)
    gate.idle(cast("Connection", idle))
    gate.busy(cast("Connection", busy))

    (new,) = _opened(gate, 1)

    assert _there(idle, busy, silent, new) == [True, True, False, True]
    assert closed == {"crowded": 1}
    assert len(gate) == 3


def test_otherwise_the_longest_idle_connection_is_closed() -> None:
    gate = Gate(most=3)
    first, second, third = _opened(gate, 3)
    for each in (second, first, third):
        gate.idle(cast("Connection", each))

    (new,) = _opened(gate, 1)

    assert _there(first, second, third, new) == [True, False, True, True]


def test_a_connection_with_a_request_in_progress_is_never_closed() -> None:
    gate = Gate(most=2)
    busy = _opened(gate, 2)
    for each in busy:
        gate.busy(cast("Connection", each))

    (new,) = _opened(gate, 1)

    assert _there(*busy, new) == [True, True, False]


def test_a_closed_connection_is_not_counted() -> None:
    gate = Gate(most=2)
    first, second = _opened(gate, 2)
    gate.forget(cast("Connection", first))

    (new,) = _opened(gate, 1)

    assert _there(second, new) == [True, True]


def test_the_protocol_is_one_of_asyncio() -> None:
    assert issubclass(Gate().protocol(), asyncio.Protocol)
