"""The directory in Redis: a key for each record, which runs out, and a set of the ids of each kind.

The sets are there because Redis would have to walk over the keys of everything else to find these.
"""

from __future__ import annotations

from typing import Final

from common.registry.base import (
    EXPIRY_S,
    GatewayRecord,
    Listing,
    Record,
    RegistryAway,
    WorkerRecord,
    decode_records,
    encode_record,
)
from common.registry.redis_call import Argument, RedisScripts
from common.registry.redis_channel import RedisChannel

WORKERS: Final = "voxshard:workers"
GATEWAYS: Final = "voxshard:gateways"
_KEYS: Final[dict[type[Record], tuple[str, str]]] = {
    WorkerRecord: (WORKERS, "voxshard:worker:"),
    GatewayRecord: (GATEWAYS, "voxshard:gateway:"),
}
# Said when a worker comes or goes; gateways say nothing, since nobody has to know of them at once.
CHANGED: Final = "voxshard:workers:changed"
# Nobody waits for the directory.
ANSWER_WITHIN_S: Final = 1.0

# KEYS: the set, the record. ARGV: id, record, expiry in ms, channel.
_ANNOUNCE: Final = """
local before = redis.call('GET', KEYS[2])
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
if ARGV[4] ~= '' and before ~= ARGV[2] then redis.call('PUBLISH', ARGV[4], '') end
return {}
"""

_WITHDRAW: Final = """
redis.call('SREM', KEYS[1], ARGV[1])
if redis.call('DEL', KEYS[2]) == 1 and ARGV[2] ~= '' then redis.call('PUBLISH', ARGV[2], '') end
return {}
"""

# KEYS: the sets. ARGV: what stands before the id in the key of a record, for each set.
_LOOK: Final = """
local found = {}
for number, set in ipairs(KEYS) do
    found[number] = {}
    for _, id in ipairs(redis.call('SMEMBERS', set)) do
        local record = redis.call('GET', ARGV[number] .. id)
        if record then table.insert(found[number], record) else redis.call('SREM', set, id) end
    end
end
return found
"""


class RedisDirectory:
    """A `Directory` for one process. Raises `UnusableUrl`; does not connect before the first call."""

    def __init__(
        self, url: str, expiry_s: float = EXPIRY_S, answer_within_s: float = ANSWER_WITHIN_S
    ) -> None:
        self._expiry_s = expiry_s
        self._scripts = RedisScripts(url, answer_within_s)
        self._changes = RedisChannel(url, CHANGED, answer_within_s)

    async def announce(self, record: Record) -> None:
        expiry_ms = round(self._expiry_s * 1_000)
        args: list[Argument] = [record.id, encode_record(record), expiry_ms, _channel(record)]
        await self._scripts.call(_ANNOUNCE, _keys(record), args)

    async def withdraw(self, record: Record) -> None:
        await self._scripts.call(_WITHDRAW, _keys(record), [record.id, _channel(record)])

    async def look(self) -> Listing:
        sets, prefixes = zip(*_KEYS.values(), strict=True)
        try:
            workers, gateways = await self._scripts.call(_LOOK, sets, prefixes)
        except RegistryAway:
            await self._changes.stop_listening()
            raise
        return Listing(decode_records(workers, WorkerRecord), decode_records(gateways, GatewayRecord))

    async def changed(self, within_s: float) -> None:
        await self._changes.heard(within_s)

    async def close(self) -> None:
        await self._changes.close()
        await self._scripts.close()


def _keys(record: Record) -> list[str]:
    name, prefix = _KEYS[type(record)]
    return [name, prefix + record.id]


def _channel(record: Record) -> str:
    return CHANGED if isinstance(record, WorkerRecord) else ""
