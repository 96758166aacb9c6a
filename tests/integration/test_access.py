"""Who is refused by a real gateway, in the words of each dialect, and what is left of it in the logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from client.stream import StreamClient, StreamError
from gateway.access.credentials import SUBPROTOCOL
from tests.support.issuer import Issuer
from tests.support.processes import Deployment, Plan
from tests.support.tenants import FOREIGN, PAGE, Tenants
from tests.support.wire import WireClient, eventually, in_loop, spoken, whole_session, wire_client

QUERY = "session_id=named-by-the-client&token=in-the-address"


@dataclass
class Site:
    """A system with tenants, and every secret that a client has shown to it."""

    deployment: Deployment
    tenants: Tenants
    shown: list[str] = field(default_factory=list)

    def headers(self, credential: str | None, origin: str | None = None) -> dict[str, str]:
        if credential is not None:
            self.shown.append(credential)
        named = {"Authorization": credential and f"Bearer {credential}", "Origin": origin}
        return {name: value for name, value in named.items() if value is not None}

    async def refusal(
        self, credential: str | None, origin: str | None = None, query: str = ""
    ) -> InvalidStatus:
        """How the upgrade is refused."""
        with pytest.raises(InvalidStatus) as refused:
            async with wire_client(self.url + query, self.headers(credential, origin)):
                pass
        return refused.value

    async def rewrite(self, acme_key: str, issuer: Issuer, gone: str | None = None) -> None:
        """The file, until the gateway has read it again."""
        times = self.deployment.logs.count("tenants file read") + 1
        self.tenants.write(acme_key, issuer, gone)
        await eventually(lambda: self.deployment.logs.count("tenants file read") == times, 10, "it is read")

    @property
    def url(self) -> str:
        return self.deployment.url + "/"

    def rejections(self, reason: str) -> float:
        return self.deployment.metrics().total("asr_admission_rejections_total", reason=reason)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    tenants = Tenants(tmp_path_factory.mktemp("tenants"))
    flags = ("--tenants-file", str(tenants.path), "--log-level", "debug")
    with Deployment(Plan(flags=flags)) as deployment:
        yield (site := Site(deployment, tenants))
        _nothing_in_the_logs(site)
    # What is said at the end counts as well.
    _nothing_in_the_logs(site)


def _nothing_in_the_logs(site: Site) -> None:
    said = site.deployment.logs + site.deployment.output
    parts = [part for secret in site.shown for part in secret.split(".")]
    forbidden = [*site.tenants.secrets, *parts, "in-the-address", "Authorization", "Bearer", FOREIGN]
    assert not [word for word in forbidden if word in said]
    assert " ERROR " not in said and "Traceback" not in said


CREDENTIALS = [
    ("missing", "no_credentials"),
    ("wrong key", "bad_credentials"),
    ("no key at all", "bad_credentials"),
    ("expired token", "token_expired"),
    ("token for another service", "bad_credentials"),
    ("token of a former issuer", "bad_credentials"),
    ("token for an unknown tenant", "bad_credentials"),
    ("token that is cut off", "bad_credentials"),
]


def credential(tenants: Tenants, what: str) -> str | None:
    return {
        "missing": None,
        "wrong key": tenants.keys["stranger"],
        "no key at all": "hello-there-is-no-such-key",
        "expired token": tenants.token(expires_in_s=-60),
        "token for another service": tenants.token(audience="another"),
        "token of a former issuer": tenants.former_issuer.for_tenant("acme", 4_000_000_000),
        "token for an unknown tenant": tenants.token("nobody"),
        "token that is cut off": tenants.token()[:-20],
    }[what]


@pytest.mark.parametrize(("what", "code"), CREDENTIALS)
@in_loop
async def test_program_without_a_good_key_is_answered_401(site: Site, what: str, code: str) -> None:
    counted = site.rejections(code)
    refused = await site.refusal(credential(site.tenants, what), query=f"?{QUERY}")
    assert refused.response.status_code == 401
    assert refused.response.headers["WWW-Authenticate"] == "Bearer"
    body = json.loads(refused.response.body or b"")
    assert (body["code"], body["retryable"]) == (code, False)
    assert site.rejections(code) == counted + 1


@pytest.mark.parametrize(("what", "code"), CREDENTIALS)
@in_loop
async def test_page_without_a_good_key_is_told_in_its_dialect_and_closed_4401(
    site: Site, what: str, code: str
) -> None:
    headers = site.headers(credential(site.tenants, what), PAGE)
    async with wire_client(f"{site.url}?{QUERY}", headers) as client:
        assert await client.closed() == 4401
        assert [message["code"] for message in client.messages] == [code]


@pytest.mark.parametrize(("what", "code"), CREDENTIALS[1:])
@in_loop
async def test_page_is_not_answered_with_its_key(site: Site, what: str, code: str) -> None:
    shown = credential(site.tenants, what)
    assert shown is not None
    site.shown.append(shown)
    offered = [Subprotocol(SUBPROTOCOL), Subprotocol(f"{SUBPROTOCOL}.key.{shown}")]
    async with connect(site.url, origin=Origin(PAGE), subprotocols=offered, proxy=None) as connection:
        assert connection.subprotocol == SUBPROTOCOL
        client = WireClient(connection)
        assert await client.closed() == 4401
        assert [message["code"] for message in client.messages] == [code]
        assert shown not in str(client.messages)


@in_loop
async def test_foreign_page_is_answered_403_even_with_a_good_key_or_token(site: Site) -> None:
    for good in (site.tenants.keys["acme"], site.tenants.token()):
        counted = site.rejections("origin_refused")
        refused = await site.refusal(good, FOREIGN)
        assert refused.response.status_code == 403
        assert json.loads(refused.response.body or b"")["code"] == "origin_refused"
        assert site.rejections("origin_refused") == counted + 1


@in_loop
async def test_key_and_token_open_a_session(site: Site) -> None:
    for good in (site.tenants.keys["acme"], site.tenants.token()):
        async with wire_client(site.url, site.headers(good)) as client:
            await client.start()
            await client.send_audio(spoken(speech_ms=600, silence_ms=100))
            assert len((await client.stop())["sentences"]) == 1


@in_loop
async def test_our_own_client_shows_its_key_and_tells_the_refusal(site: Site) -> None:
    async with StreamClient(site.url, api_key=site.tenants.keys["acme"]) as stream:
        await stream.send(spoken(speech_ms=600, silence_ms=100))
        assert len(await stream.finish()) == 1
    with pytest.raises(StreamError) as refused:
        async with StreamClient(site.url):
            pass
    assert (refused.value.code, refused.value.retryable) == ("no_credentials", False)


@in_loop
async def test_page_gives_its_key_as_a_subprotocol(site: Site) -> None:
    for good in (site.tenants.keys["acme"], site.tenants.token()):
        site.shown.append(good)
        offered = [Subprotocol(SUBPROTOCOL), Subprotocol(f"{SUBPROTOCOL}.key.{good}")]
        async with connect(site.url, origin=None, subprotocols=offered, proxy=None) as connection:
            assert connection.subprotocol == SUBPROTOCOL
            await WireClient(connection).start()


@in_loop
async def test_key_in_the_address_is_no_key(site: Site) -> None:
    refused = await site.refusal(None, query=f"?token={site.tenants.keys['acme']}")
    assert json.loads(refused.response.body or b"")["code"] == "no_credentials"


@in_loop
async def test_tenant_with_all_its_streams_is_answered_429_until_one_ends(site: Site) -> None:
    headers = site.headers(site.tenants.keys["small"])
    async with wire_client(site.url, headers) as early, wire_client(site.url, headers) as running:
        await running.start()
        refused = await site.refusal(site.tenants.keys["small"])
        assert refused.response.status_code == 429
        assert int(refused.response.headers["Retry-After"]) > 0
        body = json.loads(refused.response.body or b"")
        assert (body["code"], body["retryable"]) == ("stream_quota", True) and body["retry_after_s"] > 0
        # Whoever is connected already is told at START.
        await early.send("START")
        assert (await early.error())["retry_after_s"] > 0
        assert await early.closed() == 4429
        await running.send("STOP")
        await running.event("stopped")
    async with wire_client(site.url, headers) as client:
        await client.start()
        client.drop()
    await eventually(lambda: site.deployment.rows().gateways[0].sessions == 0, 5, "the dropped one ended")
    async with wire_client(site.url, headers) as client:
        await client.start()


@in_loop
async def test_page_over_its_quota_is_told_in_its_dialect_and_closed_4429(site: Site) -> None:
    async with wire_client(site.url, site.headers(site.tenants.keys["small"])) as running:
        await running.start()
        async with wire_client(site.url, site.headers(site.tenants.keys["small"], PAGE)) as page:
            assert await page.closed() == 4429
            assert [message["code"] for message in page.messages] == ["stream_quota"]


@in_loop
async def test_audio_beyond_the_quota_ends_the_session_with_its_text(site: Site) -> None:
    async with wire_client(site.url, site.headers(site.tenants.keys["quiet"])) as client:
        await client.start()
        await client.send_audio(spoken(speech_ms=4_000, silence_ms=1_500) + bytes(32_000))
        assert await client.closed() == 4429
        final, stopped, error = client.messages[-3:]
        assert final["is_final"] and final["sentences"] and stopped["event"] == "stopped"
        assert (error["code"], error["retryable"]) == ("audio_quota", True)
        assert 0 < error["retry_after_s"] <= 60
    refused = await site.refusal(site.tenants.keys["quiet"])
    assert refused.response.status_code == 429


@in_loop
async def test_audio_that_is_used_up_refuses_page_and_start(site: Site) -> None:
    headers = site.headers(site.tenants.keys["mute"])
    async with wire_client(site.url, headers) as early, wire_client(site.url, headers) as running:
        await running.start()
        await running.send_audio(spoken(speech_ms=1_000, silence_ms=1_500))
        assert await running.closed() == 4429
        # Whoever is connected already is told at START.
        await early.send("START")
        error = await early.error()
        assert (error["code"], error["retryable"]) == ("audio_quota", True) and error["retry_after_s"] > 0
        assert await early.closed() == 4429
    async with wire_client(site.url, site.headers(site.tenants.keys["mute"], PAGE)) as page:
        assert await page.closed() == 4429
        assert [message["code"] for message in page.messages] == ["audio_quota"]


@in_loop
async def test_log_names_the_tenant_that_is_refused_and_the_reason(site: Site) -> None:
    await site.refusal(site.tenants.keys["acme"], FOREIGN, query=f"?{QUERY}")
    assert "tenant refused tenant=acme reason=origin_refused\n" in site.deployment.logs


@in_loop
async def test_keys_are_exchanged_while_the_gateway_runs(site: Site) -> None:
    former, following = site.tenants.keys["acme"], site.tenants.keys["stranger"]
    async with wire_client(site.url, site.headers(former)) as client:
        await client.start()
        await site.rewrite(following, site.tenants.former_issuer)
        assert (await site.refusal(former)).response.status_code == 401
        assert (await site.refusal(site.tenants.token())).response.status_code == 401
        async with wire_client(site.url, site.headers(following)) as other:
            await other.start()
        # Who is inside stays.
        await client.send_audio(spoken(speech_ms=600, silence_ms=100))
        assert len((await client.stop())["sentences"]) == 1
    await site.rewrite(former, site.tenants.issuer)


@in_loop
async def test_tenant_that_is_gone_ends_its_session_and_is_refused_at_the_next_start(site: Site) -> None:
    key = site.tenants.keys["acme"]
    async with wire_client(site.url, site.headers(key)) as client:
        await client.start()
        await site.rewrite(key, site.tenants.issuer, gone="acme")
        await client.send_audio(spoken(speech_ms=600, silence_ms=100))
        assert len((await client.stop())["sentences"]) == 1
        await client.send("START")
        assert (await client.error())["code"] == "bad_credentials"
        assert await client.closed() == 4401
    for nobodys in (key, site.tenants.token()):
        assert (await site.refusal(nobodys)).response.status_code == 401
    await site.rewrite(key, site.tenants.issuer)


@in_loop
async def test_list_of_origins_works_without_tenants() -> None:
    with Deployment(Plan(flags=("--allowed-origins", PAGE))) as deployment:
        assert deployment.logs.count("no tenants file: no key is asked for") == 1
        assert await whole_session(deployment.url, spoken(speech_ms=600, silence_ms=100))
        async with wire_client(deployment.url, {"Origin": PAGE}) as client:
            await client.start()
        with pytest.raises(InvalidStatus, match="403"):
            async with wire_client(deployment.url, {"Origin": FOREIGN}):
                pass
