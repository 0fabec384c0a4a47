"""Names lead to public machines only, unless the office named them; what was checked is what is connected to."""

import socket
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from aiohttp.test_utils import TestServer

from bot.platforms.posting import NoReply, Reply, answer_without_reply, request, webhook_session
from bot.platforms.resolving import is_public, trusted_hosts
from config.settings import load_settings
from tests.street import sample_organisation

SECOND = timedelta(seconds=5)


class Names(AbstractResolver):
    """Answers in turn what the test says; the last answer stays."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked.append(host)
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {"hostname": host, "host": address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for address in addresses
        ]

    async def close(self):
        pass


@pytest.fixture
async def machine():
    """A machine beside us, and what it was asked."""
    asked = []

    async def answer(got):
        asked.append(got.headers["Host"])
        return web.Response(text="inner")

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server:
        yield server.port, asked


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.7"],
        ["169.254.169.254"],
        ["192.168.1.1", "8.8.8.8"],
        ["8.8.8.8", "127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
    ],
    ids=str,
)
async def test_a_name_that_leads_into_a_private_network_is_not_called(machine, addresses):
    port, asked = machine
    async with webhook_session(resolver=Names(addresses)) as session:
        reply = await request(session, "GET", f"http://files.example:{port}/", SECOND)
    assert isinstance(reply, NoReply) and not reply.written
    assert "内网" in reply.reason and "PRIVATE_HOSTS" in reply.reason
    assert "肯定没有送到" in answer_without_reply(reply).detail
    assert asked == []


async def test_a_host_that_the_office_named_may_be_private(machine):
    port, asked = machine
    async with webhook_session(["Files.OA.example"], Names(["127.0.0.1"])) as session:
        for host in ("files.oa.example", "files.oa.example."):
            assert isinstance(await request(session, "GET", f"http://{host}:{port}/", SECOND), Reply)
        other = await request(session, "GET", f"http://other.oa.example:{port}/", SECOND)
    assert isinstance(other, NoReply)
    assert len(asked) == 2


async def test_a_name_that_means_another_machine_a_moment_later_is_checked_again(machine):
    port, asked = machine
    names = Names(["203.0.114.1"], ["127.0.0.1"])
    async with webhook_session(resolver=names) as session:
        resolver = session.connector._resolver
        assert [each["host"] for each in await resolver.resolve("files.example")] == ["203.0.114.1"]
        reply = await request(session, "GET", f"http://files.example:{port}/", SECOND)
    assert isinstance(reply, NoReply) and asked == []
    assert names.asked == ["files.example"] * 2, "asked once for a connection, and that answer is connected to"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2400:3200::1", True),
        ("100.64.0.1", False),
        ("172.16.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
        ("::", False),
        ("no address", False),
    ],
)
def test_what_is_a_public_address(address, public):
    assert is_public(address) is public


def test_the_office_names_its_platforms_robots_and_further_hosts():
    settings = load_settings(
        None,
        {
            "JIESU_WECOM__API_BASE": "https://wx.gov.example",
            "JIESU_MATRIX__HOMESERVER": "https://chat.gov.example:8448",
            "JIESU_PLATFORMS__PRIVATE_HOSTS": "files.gov.example,line.gov.example",
        },
    )
    hosts = trusted_hosts(settings, sample_organisation())
    assert {"wx.gov.example", "chat.gov.example", "files.gov.example", "line.gov.example"} <= hosts
    assert "oapi.dingtalk.com" in hosts, "what is public by default may be reached by a proxy inside"
