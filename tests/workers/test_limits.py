"""Limits of endpoints: shared through a real Valkey, and alone while it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from gateway.embedded import EmbeddedServers
from workers.limits import EndpointLimits, Grant, LimitSpec, server_url
from workers.limits.bucket import Bucket, LocalLimits
from workers.limits.shared import PREFIX

WIDE = LimitSpec(rpm=60_000, tpm=60_000_000, concurrency=1000)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def run(scenario: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(scenario)


def client_of(broker_url: str) -> Any:
    return redis.asyncio.Redis.from_url(server_url(broker_url) or "")


async def keys(broker_url: str) -> dict[str, int]:
    """Keys on the server and their time to live in milliseconds."""
    client = client_of(broker_url)
    try:
        return {name.decode(): await client.pttl(name) for name in await client.keys("*")}
    finally:
        await client.aclose()


async def until_granted(limits: EndpointLimits, spec: LimitSpec) -> Grant:
    """Ask until a call is granted, waiting as the grants say; less than a heartbeat, which would free slots too."""
    async with asyncio.timeout(3):
        while True:
            grant = await limits.acquire("ep", spec, 1, 1)
            if grant.n:
                return grant
            await asyncio.sleep(grant.retry_after_s)


@pytest.mark.parametrize(
    ("broker", "expected"),
    [
        ("redis://h:1/2", "redis://h:1/2"),
        ("unix:///a/b.sock?db=1", "unix:///a/b.sock?db=1"),
        ("rediss://h?ssl_cert_reqs=CERT_REQUIRED", "rediss://h?ssl_cert_reqs=required"),
        ("redis+socket:///a/b.sock", "unix:///a/b.sock"),
        ("redis+socket:///a/b.sock?virtual_host=3", "unix:///a/b.sock?db=3"),
        ("amqp://guest@h//", None),
    ],
)
def test_broker_urls(broker: str, expected: str | None) -> None:
    """Kombu's forms are translated, and a broker without counters has none."""
    assert server_url(broker) == expected


def test_unlimited_needs_no_server(tmp_path: Path) -> None:
    """An endpoint without limits grants all and asks nobody."""

    async def scenario() -> Grant:
        limits = EndpointLimits(f"unix://{tmp_path}/none.sock", local_share=0.1)
        grant = await limits.acquire("ep", LimitSpec(), 500, 10**9)
        assert limits.shared
        await limits.close()
        return grant

    assert run(scenario()) == Grant(500, 0.0)


@pytest.mark.system
def test_workers_share_the_requests(broker_url: str) -> None:
    """Two workers together get a burst of three seconds' worth, and are told when there is more."""

    async def scenario() -> tuple[Grant, Grant]:
        one, two = EndpointLimits(broker_url, local_share=1), EndpointLimits(broker_url, local_share=1)
        spec = LimitSpec(rpm=100)
        grants = await one.acquire("ep", spec, 3, 10), await two.acquire("ep", spec, 10, 10)
        await one.close()
        await two.close()
        return grants

    first, second = run(scenario())
    assert first.n == 3
    assert second.n == 2
    assert 0 < second.retry_after_s <= 60 / 95 + 0.01


@pytest.mark.system
def test_tokens_limit_too(broker_url: str) -> None:
    """Tokens bound a grant; a call larger than the whole bucket passes alone and leaves a debt."""

    async def scenario() -> list[Grant]:
        limits = EndpointLimits(broker_url, local_share=1)
        spec = LimitSpec(rpm=10_000, tpm=20_000)
        grants = [await limits.acquire("ep", spec, 10, 300), await limits.acquire("big", spec, 10, 5000)]
        grants.append(await limits.acquire("big", spec, 1, 10))
        await limits.close()
        return grants

    small, big, after = run(scenario())
    assert small.n == 3
    assert big.n == 1
    assert after.n == 0
    assert after.retry_after_s > 10


@pytest.mark.system
def test_slots_are_shared_and_come_back(broker_url: str) -> None:
    """Calls at once are bounded over all workers, and a released slot reaches the other worker."""

    async def scenario() -> None:
        one, two = EndpointLimits(broker_url, local_share=1), EndpointLimits(broker_url, local_share=1)
        spec = LimitSpec(concurrency=4)
        assert (await one.acquire("ep", spec, 3, 1)).n == 3
        partial = await two.acquire("ep", spec, 3, 1)
        assert (partial.n, partial.retry_after_s > 0) == (1, True)
        assert (await two.acquire("ep", spec, 1, 1)).n == 0
        await one.release("ep", 1)
        assert (await until_granted(two, spec)).n == 1
        await one.close()
        await two.close()

    run(scenario())


@pytest.mark.system
def test_closing_gives_the_slots_back(broker_url: str) -> None:
    """A worker that stops leaves no slot behind."""

    async def scenario() -> int:
        one, two = EndpointLimits(broker_url, local_share=1), EndpointLimits(broker_url, local_share=1)
        await one.acquire("ep", LimitSpec(concurrency=4), 4, 1)
        await one.close()
        grant = await two.acquire("ep", LimitSpec(concurrency=4), 4, 1)
        await two.close()
        return grant.n

    assert run(scenario()) == 4


@pytest.mark.system
def test_a_killed_worker_loses_its_slots(broker_url: str) -> None:
    """Slots of a worker that says nothing any more come free when its lease ends."""

    async def scenario() -> tuple[int, int]:
        two = EndpointLimits(broker_url, local_share=1)
        spec = LimitSpec(concurrency=4)
        client = client_of(broker_url)
        await client.hset(f"{PREFIX}:{{ep}}:slots", "dead", "3")
        await client.zadd(f"{PREFIX}:{{ep}}:leases", {"dead": 4_000_000_000_000})
        before = await two.acquire("ep", spec, 4, 1)
        await client.zadd(f"{PREFIX}:{{ep}}:leases", {"dead": 1})
        after = await two.acquire("ep", spec, 4, 1)
        await two.close()
        await client.aclose()
        return before.n, after.n

    assert run(scenario()) == (1, 3)


@pytest.mark.system
def test_an_emptied_server_learns_the_slots_again(broker_url: str) -> None:
    """After a flush, a worker's next asking tells the server what it holds."""

    async def scenario() -> int:
        one, two = EndpointLimits(broker_url, local_share=1), EndpointLimits(broker_url, local_share=1)
        spec = LimitSpec(concurrency=4)
        await one.acquire("ep", spec, 3, 1)
        client = client_of(broker_url)
        await client.flushdb()
        await client.aclose()
        await one.acquire("ep", spec, 1, 1)
        grant = await two.acquire("ep", spec, 1, 1)
        await one.close()
        await two.close()
        return grant.n

    assert run(scenario()) == 0


@pytest.mark.system
def test_keys_are_tidy(broker_url: str) -> None:
    """Every key has the prefix and an end."""

    async def scenario() -> dict[str, int]:
        limits = EndpointLimits(broker_url, local_share=1)
        await limits.acquire("ep", LimitSpec(rpm=100, tpm=1000, concurrency=4), 1, 10_000)
        found = await keys(broker_url)
        await limits.close()
        return found

    found = run(scenario())
    assert set(found) == {f"{PREFIX}:{{ep}}:{part}" for part in ("buckets", "slots", "leases")}
    assert all(0 < ttl < 700_000 for ttl in found.values())
    # ten minutes of debt are not forgotten before they are worked off
    assert found[f"{PREFIX}:{{ep}}:buckets"] > 600_000


@pytest.mark.system
def test_blocks_are_spent_locally(broker_url: str) -> None:
    """Single permits of a wide limit come from a block leased ahead; a block that is not spent in time is given up."""

    async def scenario() -> tuple[int, int]:
        clock = Clock()
        limits = EndpointLimits(broker_url, local_share=1, clock=clock)
        client = client_of(broker_url)

        async def told() -> int:
            return int((await client.hvals(f"{PREFIX}:{{ep}}:slots"))[0])

        await limits.acquire("ep", WIDE, 1, 100)
        leased = await told()
        for _ in range(leased - 1):
            assert (await limits.acquire("ep", WIDE, 1, 100)).n == 1
        assert await told() == leased
        await limits.acquire("ep", WIDE, 1, 100)
        assert await told() == 2 * leased
        clock.now += 1.5
        await limits.acquire("ep", WIDE, 1, 100)
        after = await told()
        await limits.close()
        await client.aclose()
        return leased, after

    leased, after = run(scenario())
    assert leased == 125
    assert after == 126 + 125


@pytest.mark.system
def test_a_minute_never_holds_more_than_its_limit(broker_url: str) -> None:
    """What is granted in a stretch of time is at most the burst and the refill of that time."""

    async def scenario() -> tuple[int, float]:
        limits = EndpointLimits(broker_url, local_share=1)
        spec, granted = LimitSpec(rpm=6000), 0
        loop = asyncio.get_running_loop()
        started = loop.time()
        while loop.time() - started < 0.5:
            grant = await limits.acquire("ep", spec, 7, 1)
            granted += grant.n
            await asyncio.sleep(grant.retry_after_s)
        elapsed = loop.time() - started
        await limits.close()
        return granted, elapsed

    granted, elapsed = run(scenario())
    assert 300 < granted <= 300 + 95 * elapsed + 1


@pytest.mark.system
def test_alone_while_the_server_is_away_and_shared_again(private_servers: EmbeddedServers) -> None:
    """Without the server the local share serves, at once; when it is back, limits are shared again."""

    async def scenario() -> None:
        clock = Clock()
        limits = EndpointLimits(private_servers.urls.broker, local_share=0.5, clock=clock)
        spec = LimitSpec(rpm=6000, concurrency=8)
        assert (await limits.acquire("ep", spec, 1, 1)).n == 1
        await asyncio.to_thread(private_servers.kill_broker)
        grant = await limits.acquire("ep", spec, 8, 1)
        modes = [limits.shared]
        assert grant.n <= 4
        assert (await limits.acquire("ep", spec, 8, 1)).n == 0
        await asyncio.to_thread(private_servers.start_broker)
        clock.now += 1.1
        assert [*modes, limits.shared] == [False, True]
        # the calls still out count: 8 at once, no more
        held = 1 + grant.n
        assert (await limits.acquire("ep", spec, 8, 1)).n == 8 - held
        await limits.close()

    run(scenario())


def test_no_server_at_all() -> None:
    """With a broker that keeps no counters each process has its share."""

    async def scenario() -> list[int]:
        clock = Clock()
        limits = EndpointLimits("amqp://h", local_share=0.25, clock=clock)
        spec = LimitSpec(rpm=1200, concurrency=16)
        granted = [(await limits.acquire("ep", spec, 9, 1)).n]
        await limits.release("ep", 4)
        granted.append((await limits.acquire("ep", spec, 9, 1)).n)
        await limits.release("ep", 4)
        granted.append((await limits.acquire("ep", spec, 9, 1)).n)
        await limits.release("ep", 4)
        granted.append((await limits.acquire("ep", spec, 9, 1)).n)
        clock.now += 60
        granted.append((await limits.acquire("ep", spec, 9, 1)).n)
        assert not limits.shared
        await limits.close()
        return granted

    # 4 of 16 slots; a burst of 15 of 300 a minute, full again after a while
    assert run(scenario()) == [4, 4, 4, 3, 1]


@pytest.mark.parametrize("per_minute", [2, 10, 59, 600, 100_000])
def test_local_bucket_keeps_the_minute(per_minute: int) -> None:
    """In any minute a bucket gives at most its limit, and at least nine tenths of it over an hour of asking."""
    bucket, given, now = Bucket(per_minute, 0.0), [], 0.0
    while now < 600:
        n = bucket.room(1.0, now)
        bucket.take(n)
        given.append((now, n))
        now += max(bucket.wait_s(1.0), 0.25)
    assert sum(n for at, n in given if at < 60) <= per_minute
    assert sum(n for at, n in given if 100 <= at < 160) <= per_minute
    assert sum(n for _, n in given) >= 0.45 * per_minute * 10


def test_local_share_of_a_small_limit() -> None:
    """A share of less than one slot is still one."""
    alone = LocalLimits(LimitSpec(concurrency=2), 0.1, 0.0)
    assert alone.take(5, 1, 0, 0.0).n == 1
    assert alone.take(5, 1, 1, 0.0).n == 0


@pytest.mark.parametrize("limits", [{"rpm": 0}, {"tpm": -1}, {"concurrency": 0}])
def test_limits_are_positive(limits: dict[str, int]) -> None:
    """A limit of nothing is a mistake, told by name."""
    with pytest.raises(ValueError, match=next(iter(limits))):
        LimitSpec(**limits)


def test_arguments_are_checked() -> None:
    """A share outside its range and a negative want are told."""
    with pytest.raises(ValueError, match="local_share"):
        EndpointLimits(None, local_share=0)

    async def scenario() -> None:
        await EndpointLimits(None, local_share=1).acquire("ep", WIDE, -1, 1)

    with pytest.raises(ValueError, match="want"):
        run(scenario())


@pytest.mark.system
def test_leases_of_long_calls_are_renewed(broker_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose calls outlast its lease keeps its slots without asking for more."""
    monkeypatch.setattr("workers.limits.endpoint._HEARTBEAT_S", 0.02)

    async def scenario() -> None:
        limits = EndpointLimits(broker_url, local_share=1)
        client = client_of(broker_url)
        lease = f"{PREFIX}:{{ep}}:leases"
        await limits.acquire("ep", LimitSpec(concurrency=4), 2, 1)
        ((_, first),) = await client.zrange(lease, 0, -1, withscores=True)
        later = first
        async with asyncio.timeout(10):
            while later == first:
                ((_, later),) = await client.zrange(lease, 0, -1, withscores=True)
        assert later > first
        assert await client.hvals(f"{PREFIX}:{{ep}}:slots") == [b"2"]
        await limits.close()
        assert await client.exists(lease) == 0
        await client.aclose()

    run(scenario())
