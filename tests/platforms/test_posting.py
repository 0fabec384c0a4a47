"""Requests beside the plain POST of a robot: methods, headers, forms, and bodies that go to a file."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from bot.platforms.contract import Answer, Outcome
from bot.platforms.posting import NoReply, Redirected, Reply, multipart, request, unlisted

SECOND = timedelta(seconds=1)


@pytest.fixture
async def server():
    seen = []

    async def answer(asked: web.Request) -> web.StreamResponse:
        if asked.path == "/cut":
            response = web.StreamResponse(headers={"Content-Length": "10"})
            await response.prepare(asked)
            await response.write(b"half")
            asked.transport.close()
            return response
        if asked.content_type == "multipart/form-data":
            form = await asked.post()
            file = form["file"]
            seen.append((form["kind"], file.filename, file.content_type, file.file.read()))
        else:
            seen.append((asked.method, asked.headers.get("Authorization"), await asked.read()))
        headers = {"Date": "Mon, 01 Jun 2026 04:00:00 GMT"}
        return web.Response(status=200 if asked.path == "/" else 400, body=b"0123456789", headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", seen
    await runner.cleanup()


async def test_any_method_goes_with_its_headers_and_tells_the_clock_of_the_other_side(session, server):
    url, seen = server
    reply = await request(session, "PATCH", f"{url}/", SECOND, body=b"{}", headers={"Authorization": "Bearer x"})

    assert reply == Reply(200, b"0123456789", None, datetime(2026, 6, 1, 4, tzinfo=UTC))
    assert seen == [("PATCH", "Bearer x", b"{}")]


async def test_a_session_follows_no_redirect_not_even_to_a_websocket(session, elsewhere):
    with pytest.raises(Redirected):
        await session.ws_connect(elsewhere.url)
    with pytest.raises(Redirected):
        await session.get(elsewhere.url.replace("ws", "http", 1))
    reply = await request(session, "GET", elsewhere.url.replace("ws", "http", 1), SECOND)

    assert isinstance(reply, Reply) and reply.status == 302
    assert (elsewhere.sent_on, elsewhere.asked) == (3, [])


async def test_a_form_arrives_with_its_file_whatever_its_name_is(session, server):
    url, seen = server
    body, media = multipart({"kind": "图"}, "file", '现场"\r\n\\.png', "image/png", b"\x00\r\n--bytes")
    await request(session, "POST", f"{url}/", SECOND, body=body, media=media)

    assert seen == [("图", "现场____.png", "image/png", b"\x00\r\n--bytes")]


@pytest.mark.parametrize(("most", "read", "written"), [(10, b"", b"0123456789"), (9, None, b"")])
async def test_a_body_goes_to_a_file_up_to_its_limit(session, server, most, read, written):
    file = io.BytesIO()
    reply = await request(session, "GET", f"{server[0]}/", SECOND, into=file, most=most)

    assert (reply.body, file.getvalue()) == (read, written)


async def test_an_error_is_read_and_not_taken_for_the_file(session, server):
    file = io.BytesIO()
    reply = await request(session, "GET", f"{server[0]}/error", SECOND, into=file)

    assert (reply.status, reply.body, file.getvalue()) == (400, b"0123456789", b"")


async def test_half_a_file_is_no_file(session, server):
    assert (await request(session, "GET", f"{server[0]}/cut", SECOND, into=io.BytesIO(), most=99)).body is None


async def test_where_nobody_answers_nothing_was_written(session):
    reply = await request(session, "GET", "http://127.0.0.1:1/", SECOND)

    assert isinstance(reply, NoReply)
    assert not reply.written


def test_of_an_unlisted_answer_the_platforms_own_words_are_kept_without_what_may_be_secret():
    answer = Answer(Outcome.UNKNOWN, "没见过的错误码（错误码 77777）", 200, 77777)
    words = (
        "content risk,\nhint: [1633000000abcdef0123456789], from ip: 10.1.2.3, call 13800001234, see https://a.test/x"
    )
    detail = unlisted(answer, words).detail
    assert "原话：content risk, hint: […], from ip: …, call …" in detail
    assert not any(secret in detail for secret in ("1633000000", "10.1.2.3", "13800001234", "a.test", "\n"))
    assert unlisted(answer, None) == unlisted(answer, "") == answer
    known = Answer(Outcome.RETRY, "忙", 200, -1)
    assert unlisted(known, "busy") == known
