"""The bot by encrypted HTTP callback. Every callback is made by wechatpy, somebody else's implementation."""

import asyncio
import base64
import contextlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.chat.router import understood
from bot.desk import Desk
from bot.platforms import taking
from bot.platforms.contract import Mention, Outcome, Outgoing, Table, Wiring
from bot.platforms.door import LARGEST, Door
from bot.platforms.posting import webhook_session
from bot.platforms.taking import Taking
from bot.platforms.wecom import connect
from bot.platforms.wecom.crypto import Envelope, Sealed, opened_media
from bot.platforms.wecom.media import fetchable
from bot.platforms.wecom.messages import Message, Other, Press, read
from bot.platforms.wecom.webhook import WeComWebhook
from bot.web.middleware import guard
from config.settings import load_settings
from handlers.execution import Request
from storage.errors import StoreUnavailable
from tests.platforms.conftest import NOON
from tests.platforms.official_wecom import PrpCrypto, WeChatCrypto, decrypt_file, signature_of
from tests.platforms.wecom_caller import KEY, TOKEN, Callback, text
from tests.platforms.wecom_server import FakeWeCom
from tests.street import sample_organisation

OTHER_KEY = base64.b64encode(bytes(range(1, 33))).decode()[:43]


@dataclass
class Office:
    """What stands behind the callback: what was received, and a clock that the test moves."""

    now: datetime = NOON
    received: list = field(default_factory=list)
    fails: int = 0
    strangers: bool = False

    async def knows(self, platform, native):
        return not self.strangers

    async def receive(self, incoming):
        if self.fails:
            self.fails -= 1
            raise StoreUnavailable("磁盘已满")
        files = [file.path.read_bytes() for file in incoming.files]
        self.received.append((incoming, files))
        return ["✔"]


async def nobody_leads(name, work):
    raise AssertionError("a callback needs no connection")


@contextlib.asynccontextmanager
async def serving(store, office, corp="", **environ):
    variables = {"JIESU_WECOM__TOKEN": TOKEN, "JIESU_WECOM__ENCODING_AES_KEY": KEY}
    if corp:
        variables["JIESU_WECOM__CORP_ID"] = corp
    settings = load_settings(None, variables | environ)
    desk = Desk(store)
    door = Door(desk, lambda: office.now, settings.callbacks.freshness)
    async with webhook_session() as session:
        wiring = Wiring(settings, session, office.receive, door, nobody_leads, lambda: office.now, office.knows)
        platform = connect(wiring)
        app = web.Application(middlewares=[guard])
        platform.add_routes(app)
        async with TestClient(TestServer(app)) as client:
            yield Callback(client, lambda: office.now, corp), platform
    await desk.close()


@pytest.fixture
def store(sqlite_url, open_store):
    """What these tests ask of a store, the door's own tests ask of both."""
    return open_store(sqlite_url)


@pytest.fixture
def office():
    return Office()


@pytest.fixture
async def callback(store, office, tmp_path):
    async with serving(store, office, JIESU_DATA_DIR=str(tmp_path)) as (callback, _):
        yield callback


def state(store):
    return store.read(lambda scope: scope.connection.exec_driver_sql("SELECT count(*) FROM seen").scalar(), now=NOON)


# What is taken


async def test_a_message_of_a_group_is_received_with_what_answers_it(callback, office):
    url = "https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=1"
    body = text(response_url=url, quote={"msgtype": "text", "text": {"content": "【#12】 新工单"}})

    answer = await callback.post(body)

    assert answer.status == 200
    stream = (await callback.opened(answer))["stream"]
    assert (stream["finish"], stream["content"]) == (False, "")
    ((incoming, _),) = office.received
    assert (incoming.platform, incoming.message_id, incoming.chat, incoming.account) == (
        "wecom",
        "CAIQ-1",
        "wr-dispatch",
        "zhangsan",
    )
    assert (incoming.text, incoming.quote_text, incoming.mentioned) == ("@接诉助手 /查 12", "【#12】 新工单", True)
    assert incoming.reply == {"response_url": url, "stream": stream["id"]}
    assert incoming.proven


async def test_a_single_chat_has_no_group(callback, office):
    body = text("待办", chattype="single")
    del body["chatid"]
    await callback.post(body)

    assert office.received[0][0].chat is None


@pytest.mark.parametrize(
    "typed", ["@接诉助手 /查 12", "@接诉助手 查 12", "@接诉助手\u2005查 12", "查 12 @接诉助手", "／查 12"]
)
def test_in_a_group_no_slash_is_needed_after_the_mention(typed):
    message = read(text(typed))
    request = understood(message.incoming, sample_organisation().person("zhang"), "dispatch")

    assert isinstance(request, Request)
    assert (request.command, [str(one) for one in request.references]) == ("查", ["#12"])


async def test_the_address_is_tested_with_an_echo(callback, office):
    for corp, echo in (("", "1616140317555161061"), ("", "x")):
        crypto = WeChatCrypto(TOKEN, KEY, corp)
        encrypted = PrpCrypto(base64.b64decode(KEY + "=")).encrypt(echo, corp).decode()
        timestamp = str(int(office.now.timestamp()))
        signature = signature_of(TOKEN, timestamp, "n", encrypted)
        assert crypto.check_signature(signature, timestamp, "n", encrypted) == echo
        query = f"msg_signature={signature}&timestamp={timestamp}&nonce=n&echostr="
        for written in (quote(encrypted, safe=""), encrypted):
            answer = await callback.client.get(f"/callbacks/wecom?{query}{written}")
            assert (answer.status, await answer.text()) == (200, echo)
        wrong = await callback.client.get(f"/callbacks/wecom?{query}{quote(encrypted[::-1], safe='')}")
        assert wrong.status == 403
    assert office.received == []


async def test_a_message_that_was_overheard_is_not_opened_as_an_echo(callback, office):
    sealed = PrpCrypto(base64.b64decode(KEY + "=")).encrypt(json.dumps(text("/查 12")), "").decode()
    timestamp = str(int(office.now.timestamp()))
    signature = signature_of(TOKEN, timestamp, "n", sealed)
    query = f"msg_signature={signature}&timestamp={timestamp}&nonce=n&echostr={quote(sealed, safe='')}"
    answer = await callback.client.get(f"/callbacks/wecom?{query}")
    assert answer.status == 403
    assert "查" not in await answer.text()


async def test_a_kind_of_chat_that_we_do_not_know_is_not_taken_for_private(callback, office):
    assert (await callback.post(text("/揭示 1 复核", chattype="room"))).status == 200
    assert office.received == []


async def test_where_a_corp_id_is_set_only_its_messages_count(store, office):
    async with serving(store, office, corp="ww1") as (callback, _):
        assert (await callback.post(text())).status == 200
        assert (await callback.post(text(msgid="2"), corp="ww2", nonce="n2")).status == 403
        assert (await callback.post(text(msgid="3"), corp="", nonce="n3")).status == 403
    assert [incoming.message_id for incoming, _ in office.received] == ["CAIQ-1"]


async def test_our_own_fault_is_answered_and_the_message_is_taken_later(store, office):
    office.fails = 2
    async with serving(store, office) as (callback, platform):
        platform._taking = Taking("wecom", lambda attempt, random: timedelta(0))

        assert (await callback.post(text())).status == 200
        await platform._taking.stop()

    assert [incoming.message_id for incoming, _ in office.received] == ["CAIQ-1"]


async def test_a_nonce_that_the_store_does_not_take_keeps_nobody_waiting(store, office, monkeypatch):
    let, first = asyncio.Event(), Door.first

    async def slow(*given):
        await let.wait()
        return await first(*given)

    monkeypatch.setattr(Door, "first", slow)
    monkeypatch.setattr(taking, "PATIENCE", timedelta(0))
    async with serving(store, office) as (callback, platform):
        async with asyncio.timeout(20):
            stream = await callback.say(text(), "n1")
            assert (await callback.fetch(stream, "n2"))["finish"] is False
        assert office.received == []
        let.set()
        await platform._taking.stop()

    assert [incoming.message_id for incoming, _ in office.received] == ["CAIQ-1"]
    assert state(store) == 1, "to ask for a stream changes nothing"


@pytest.mark.parametrize(
    "body",
    [{"msgtype": "event", "event": {"eventtype": "enter_chat"}}, {"msgtype": "stream", "stream": {"id": 7}}, {}, []],
    ids=str,
)
async def test_what_is_not_for_us_is_answered_and_ignored(callback, office, body):
    assert (await callback.post(body)).status == 200
    assert office.received == []


# What is refused, with no state changed


def flipped(raw, query):
    body = json.loads(raw)
    middle = len(body["encrypt"]) // 2
    other = "A" if body["encrypt"][middle] != "A" else "B"
    body["encrypt"] = body["encrypt"][:middle] + other + body["encrypt"][middle + 1 :]
    return json.dumps(body).encode(), query


def cut(raw, query):
    body = json.loads(raw)
    return json.dumps({"encrypt": body["encrypt"][: len(body["encrypt"]) // 2]}).encode(), query


@pytest.mark.parametrize(
    "given",
    [
        {"token": "another-token"},
        {"key": OTHER_KEY},
        {"corp": "ww-other"},
        {"at": NOON + timedelta(seconds=301)},
        {"at": NOON - timedelta(seconds=301)},
        {"mend": flipped},
        {"mend": cut},
        {"mend": lambda raw, query: (raw, query | {"timestamp": str(int(NOON.timestamp()) + 1)})},
        {"mend": lambda raw, query: (raw, query | {"nonce": "another"})},
        {"mend": lambda raw, query: (raw, query | {"msg_signature": ""})},
        {"mend": lambda raw, query: (b"{}", query)},
        {"mend": lambda raw, query: (b'{"encrypt": 1}', query)},
        {"mend": lambda raw, query: (b"\xff", query)},
        {"mend": lambda raw, query: (raw, {})},
    ],
    ids=[
        "token",
        "key",
        "corp",
        "ahead",
        "behind",
        "flip",
        "cut",
        "time",
        "nonce",
        "unsigned",
        "empty",
        "number",
        "bytes",
        "bare",
    ],
)
async def test_what_is_not_the_platforms_is_refused(callback, office, store, given):
    answer = await callback.post(text(), **given)

    assert answer.status == 403
    assert "没有接受" in (await answer.json())["error"]
    assert answer.headers["X-Request-ID"]
    assert office.received == []
    assert state(store) == 0


async def test_a_replay_is_the_same_message_and_another_body_under_its_nonce_is_refused(callback, office, store):
    kept = []

    def keep(raw, query):
        kept.append((raw, query))
        return raw, query

    assert (await callback.post(text(), mend=keep)).status == 200
    assert (await callback.post(text(), mend=lambda *_: kept[0])).status == 200
    assert {incoming.message_id for incoming, _ in office.received} == {"CAIQ-1"}
    count = len(office.received)

    assert (await callback.post(text("/结案 12", msgid="other"))).status == 403
    office.now += timedelta(seconds=301)
    assert (await callback.post(text(), mend=lambda *_: kept[0])).status == 403
    assert len(office.received) == count
    assert state(store) == 1


async def test_a_body_too_large_is_refused_before_any_cryptography(callback, office):
    answer = await callback.post(text(), mend=lambda raw, query: (b"x" * (LARGEST + 1), query))

    assert answer.status == 413
    assert "256 KiB" in (await answer.json())["error"]
    assert office.received == []


ENVELOPE = Envelope(SecretStr(TOKEN), SecretStr(KEY), "")
SEALED = PrpCrypto(base64.b64decode(KEY + "=")).encrypt('{"msgid":"1"}', "")


@given(st.binary(max_size=300) | st.integers(0, len(SEALED) - 1).map(lambda n: SEALED[:n]))
def test_whatever_is_opened_is_whole_or_refused(data):
    for given_text in (data.decode("latin-1"), base64.b64encode(data).decode()):
        try:
            opened = ENVELOPE.open(given_text)
        except Sealed:
            continue
        assert given_text.encode() == SEALED or opened != b'{"msgid":"1"}'


@given(st.integers(0, len(base64.b64decode(SEALED)) * 8 - 1))
def test_a_flipped_bit_never_passes_the_signature(bit):
    data = bytearray(base64.b64decode(SEALED))
    data[bit // 8] ^= 1 << bit % 8
    changed = base64.b64encode(bytes(data)).decode()
    signature = signature_of(TOKEN, "1", "n", SEALED.decode())
    assert ENVELOPE.signed(signature, "1", "n", SEALED.decode())
    assert not ENVELOPE.signed(signature, "1", "n", changed)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "msgid",
                    "from",
                    "userid",
                    "chatid",
                    "chattype",
                    "msgtype",
                    "text",
                    "content",
                    "mixed",
                    "msg_item",
                    "quote",
                    "event",
                    "eventtype",
                    "template_card_event",
                    "task_id",
                    "event_key",
                    "selected_items",
                    "selected_item",
                    "option_ids",
                    "option_id",
                    "image",
                    "url",
                    "aeskey",
                    "response_url",
                ]
            ),
            inner | st.sampled_from(["group", "event", "text", "mixed", "image", "template_card_event"]),
            max_size=8,
        )
    ),
    max_leaves=30,
)


@given(json_values)
def test_no_json_is_a_fault(body):
    message = read(body, "r1")

    assert isinstance(message, Message | Press | Other)
    if isinstance(message, Message):
        message.incoming.text.encode()


# Answers by response_url


@pytest.fixture
async def answering():
    """Takes one answer per address, as the platform does."""
    said = []
    used = set()

    async def respond(request):
        code = request.query["response_code"]
        if code in used:
            return web.json_response({"errcode": 846609, "errmsg": "used"})
        used.add(code)
        said.append(await request.json())
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    app = web.Application()
    app.router.add_post("/cgi-bin/aibot/response", respond)
    async with TestServer(app) as server:
        yield server, said


async def test_an_answer_goes_to_the_address_of_its_question_once(store, office, answering):
    server, said = answering
    base = f"http://127.0.0.1:{server.port}"
    async with serving(store, office, JIESU_WECOM__API_BASE=base) as (_, platform):
        chat = platform.chat("wr-dispatch")
        reply = {"response_url": f"{base}/cgi-bin/aibot/response?response_code=1"}
        message = Outgoing(1, "✔ 【#12】 <已签收>", (Mention("zhang", "张三", "zhangsan"),), reply=reply)
        (part,) = chat.parts(message)

        assert (await chat.send(part)).outcome is Outcome.SENT
        assert (await chat.send(part)).outcome is Outcome.PERMANENT
        assert (await chat.send(Outgoing(2, "通知"))).outcome is Outcome.PERMANENT

    assert said == [{"msgtype": "markdown", "markdown": {"content": "✔ 【#12】 <已签收>\n<@zhangsan>"}}]


@pytest.mark.parametrize("lines", [500, 501, 502, 503, 5000])
async def test_what_is_too_long_for_one_answer_ends_with_what_to_do_and_promises_no_second(
    store, office, answering, lines
):
    server, said = answering
    base = f"http://127.0.0.1:{server.port}"
    text = "".join(f"【#{number}】 **占道**经营，请处理\n" for number in range(lines))
    async with serving(store, office, JIESU_WECOM__API_BASE=base) as (_, platform):
        chat = platform.chat("wr-dispatch")
        reply = {"response_url": f"{base}/cgi-bin/aibot/response?response_code=1"}
        mentions = (Mention("zhang", "张三", "zhangsan"), Mention("li", "李四"))
        (part,) = chat.parts(Outgoing(1, text, mentions, reply=reply))
        assert (await chat.send(part)).outcome is Outcome.SENT

    content = said[0]["markdown"]["content"]
    assert 20000 < len(content.encode()) <= 20480
    assert content.endswith("\n内容太长，其余没有显示：请缩小范围再查\n@李四\n<@zhangsan>")
    assert "(1/" not in content


async def test_what_is_too_long_for_the_groups_robot_is_not_counted_as_a_part_either(store, office, session):
    async with FakeWeCom() as wecom, serving(store, office) as (_, platform):
        chat = platform.chat("wr-dispatch")
        chat.beside = lambda: WeComWebhook(session, wecom.webhook, limits=())
        table = Table(("科室", "件数"), (("城管科", "3"),))
        zhang = (Mention("zhang", "张三", "zhangsan"),)
        for message in (
            Outgoing(1, "【#12】 长\n" + "居民反映路灯不亮。\n" * 200, zhang),
            Outgoing(2, "统计\n城管科 3", zhang, markdown="**统计**", table=table),
        ):
            (part,) = chat.parts(message)
            assert (await chat.send(part)).outcome is Outcome.SENT

    long, short = wecom.contents
    assert 2000 < len(long.encode()) <= 2048 and "(1/" not in long
    assert long.endswith("\n内容太长，其余没有显示：请缩小范围再查")
    assert short == "统计\n城管科 3", "the table would need a second message for who is called"
    assert [message.mentioned for message in wecom.messages] == [("zhangsan",)] * 2
    assert wecom.errors == []


@pytest.mark.parametrize(
    "url",
    ["https://qyapi.weixin.qq.com.evil.example/x", "http://127.0.0.1:1/x", "https://u@qyapi.weixin.qq.com/x", "x"],
)
async def test_an_address_that_is_not_the_platforms_is_never_called(store, office, url):
    async with serving(store, office) as (_, platform):
        answer = await platform.chat("wr1").send(Outgoing(1, "答", reply={"response_url": url}))

    assert answer.outcome is Outcome.PERMANENT
    assert url not in answer.detail


# Pictures and files


def sealed_file(data, key):
    count = 32 - len(data) % 32
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return encryptor.update(data + bytes([count]) * count) + encryptor.finalize()


async def test_a_picture_beside_a_quote_is_fetched_and_opened(store, office, tmp_path):
    key = bytes(range(32))
    sealed = sealed_file(b"\x89PNG picture", key)

    async def give(request):
        return web.Response(body=sealed) if request.path == "/a" else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{any}", give)
    async with TestServer(app) as server:
        base = f"http://127.0.0.1:{server.port}"
        items = [
            {"msgtype": "text", "text": {"content": "@助手 现场照片"}},
            {"msgtype": "image", "image": {"url": f"{base}/a", "aeskey": base64.b64encode(key).decode()}},
            {"msgtype": "image", "image": {"url": f"{base}/gone", "aeskey": base64.b64encode(key).decode()}},
            {"msgtype": "image", "image": {"url": f"{base}/a", "aeskey": base64.b64encode(key[::-1]).decode()}},
            {"msgtype": "file", "file": {"url": "https://127.0.0.1/b", "aeskey": "x"}},
        ]
        body = text(msgtype="mixed", mixed={"msg_item": items})
        environ = {"JIESU_WECOM__API_BASE": base, "JIESU_DATA_DIR": str(tmp_path)}
        async with serving(store, office, **environ) as (callback, _):
            assert (await callback.post(body)).status == 200

    ((incoming, files),) = office.received
    assert incoming.text == "@助手 现场照片"
    assert files == [b"\x89PNG picture", b"", b"", b""]
    assert [file.size for file in incoming.files] == [12, 0, 0, 0]
    reasons = ("HTTP 404", "密文解不开", "不能访问的地址")
    assert incoming.files[0].lost == ""
    for file, why in zip(incoming.files[1:], reasons, strict=True):
        assert file.lost.startswith("没有从企业微信取到") and why in file.lost and "没有" not in file.name
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("jiesu")] == []


def test_a_file_is_opened_as_the_official_client_opens_it():
    for key in (bytes(range(32)), bytes(range(7, 39))):
        for data in (b"x", b"12345678" * 4, b"z" * 100):
            sealed, name = sealed_file(data, key), base64.b64encode(key).decode().rstrip("=")
            assert opened_media(sealed, name) == decrypt_file(sealed, name) == data


@given(st.binary(max_size=200), st.text(max_size=60))
def test_no_bytes_of_a_file_are_a_fault(data, key):
    with contextlib.suppress(Sealed):
        opened_media(data, key)


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://ww-aibot.cos.ap-guangzhou.myqcloud.example/x?sign=1", True),
        ("http://cos.example/x", False),
        ("https://127.0.0.1/x", False),
        ("https://[::1]/x", False),
        ("https://localhost/x", False),
        ("https://127.1/x", False),
        ("https://0x7f.1/x", False),
        ("https://0177.0.0.1/x", False),
        ("https://127.0.0.1./x", False),
        ("https://１２７.0.0.1/x", False),
        ("https://cos.example:8443/x", False),
        ("https://u:p@cos.example/x", False),
        ("https://wx.gov.example/x", True),
        ("file:///etc/passwd", False),
        ("https://[", False),
    ],
)
def test_files_are_fetched_from_named_hosts_only(url, may):
    assert fetchable(url, "https://wx.gov.example") is may


async def test_files_of_strangers_are_not_fetched(store, office, tmp_path):
    asked = []

    async def give(request):
        asked.append(request.path)
        return web.Response(body=b"x")

    office.strangers = True
    app = web.Application()
    app.router.add_get("/{any}", give)
    async with TestServer(app) as server:
        base = f"http://127.0.0.1:{server.port}"
        items = [{"msgtype": "image", "image": {"url": f"{base}/a", "aeskey": ""}}]
        body = text(msgtype="mixed", mixed={"msg_item": items})
        async with serving(store, office, JIESU_WECOM__API_BASE=base, JIESU_DATA_DIR=str(tmp_path)) as (callback, _):
            assert (await callback.post(body)).status == 200

    ((incoming, _),) = office.received
    assert incoming.files == ()
    assert asked == []
