"""A real Matrix home server on loopback, and people who use it through the ordinary client interface.

It is Synapse from its own virtual environment (`make test-servers` makes it), with the limits that it has by default.
"""

import asyncio
import hashlib
import hmac
import itertools
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".servers" / "bin" / "python"
NAME = "chat.test"
CLIENT = "/_matrix/client/v3"
SECRET = "registration-on-loopback"
PATIENCE = 60.0
"""Seconds within which whatever is waited for must come."""


class Synapse:
    """One home server in a folder. `start` and `stop` may be called again: the folder keeps everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        configuration = {
            "server_name": NAME,
            "listeners": [
                {
                    "port": self.port,
                    "type": "http",
                    "tls": False,
                    "bind_addresses": ["127.0.0.1"],
                    "resources": [{"names": ["client"]}],
                }
            ],
            "database": {"name": "sqlite3", "args": {"database": str(folder / "homeserver.db")}},
            "media_store_path": str(folder / "media"),
            "signing_key_path": str(folder / "signing.key"),
            "pid_file": str(folder / "homeserver.pid"),
            "registration_shared_secret": SECRET,
            "macaroon_secret_key": SECRET,
            "form_secret": SECRET,
            "report_stats": False,
            "trusted_key_servers": [],
            "suppress_key_server_warning": True,
            "federation_domain_whitelist": [],
            "presence": {"enabled": False},
            "bcrypt_rounds": 4,
        }
        self._file = folder / "homeserver.yaml"
        self._file.write_text(json.dumps(configuration), encoding="utf-8")
        self._call("--generate-keys")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; returns when it answers."""
        with (self.folder / "synapse.log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), cwd=self.folder, stdout=log, stderr=log)
        for _ in range(600):
            assert self._process.poll() is None, (self.folder / "synapse.log").read_text()[-2000:]
            try:
                with urllib.request.urlopen(f"{self.url}/_matrix/client/versions", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise AssertionError("the home server does not answer")

    def stop(self) -> None:
        """Stop this very process and wait for its end."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def register(self, name: str, display_name: str = "") -> str:
        """A new account; its access token."""
        address = f"{self.url}/_synapse/admin/v1/register"
        with urllib.request.urlopen(address, timeout=30) as answer:
            nonce = json.load(answer)["nonce"]
        word = "pw-" + name
        signed = b"\0".join(part.encode() for part in (nonce, name, word, "notadmin"))
        mac = hmac.new(SECRET.encode(), signed, hashlib.sha1)
        body = {"nonce": nonce, "username": name, "password": word, "admin": False, "mac": mac.hexdigest()}
        if display_name:
            body["displayname"] = display_name
        request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(json.load(answer)["access_token"])

    def _command(self, *arguments: str) -> list[str]:
        return [str(PYTHON), "-m", "synapse.app.homeserver", "-c", str(self._file), *arguments]

    def _call(self, *arguments: str) -> None:
        environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run(self._command(*arguments), cwd=self.folder, env=environ, check=True, capture_output=True)


class Account:
    """Somebody at a client: speaks, and reads everything in the rooms they are in."""

    def __init__(self, session: aiohttp.ClientSession, synapse: Synapse, name: str, token: str) -> None:
        self.id = f"@{name}:{NAME}"
        self.token = token
        self.session = session
        self.synapse = synapse
        self.since: str | None = None
        self.seen: dict[str, list[dict[str, Any]]] = {}
        self.invited: dict[str, str] = {}
        self._numbers = itertools.count(time.time_ns())

    async def call(
        self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """One request; status and answer."""
        async with self.session.request(
            method,
            f"{self.synapse.url}{path}",
            json=body,
            params=query,
            headers={"Authorization": f"Bearer {self.token}"},
        ) as answer:
            return answer.status, await answer.json(content_type=None)

    async def done(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        """A request that must succeed, as soon as the server's limits allow it."""
        while True:
            status, answer = await self.call(method, path, body, query)
            if status != 429:
                assert status == 200, answer
                return answer
            await asyncio.sleep(answer["retry_after_ms"] / 1000)

    async def room(self, name: str, *people: str, **more: Any) -> str:
        """A new room, not encrypted, with these people invited."""
        body = {"name": name, "preset": "private_chat", "invite": list(people), **more}
        return str((await self.done("POST", f"{CLIENT}/createRoom", body))["room_id"])

    async def join(self, room: str) -> None:
        await self.done("POST", f"{CLIENT}/rooms/{quote(room)}/join", {})

    async def say(self, room: str, text: str, quoting: str | None = None, **more: Any) -> str:
        """Type something; the event's id."""
        content: dict[str, Any] = {"msgtype": "m.text", "body": text, **more}
        if quoting is not None:
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": quoting}}
        path = f"{CLIENT}/rooms/{quote(room)}/send/m.room.message/{next(self._numbers)}"
        return str((await self.done("PUT", path, content))["event_id"])

    async def share(self, room: str, name: str, media: str, data: bytes, **more: Any) -> str:
        """Send a picture or file; the event's id."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": media}
        address = f"{self.synapse.url}/_matrix/media/v3/upload"
        async with self.session.post(address, data=data, params={"filename": name}, headers=headers) as answer:
            assert answer.status == 200
            uploaded = (await answer.json())["content_uri"]
        kind = "m.image" if media.startswith("image/") else "m.file"
        info = {"size": len(data), "mimetype": media}
        return await self.say(room, name, msgtype=kind, url=uploaded, filename=name, info=info, **more)

    async def look(self, wait: float = 0) -> None:
        """Read what is new."""
        query = {"timeout": str(int(wait * 1000)), "filter": json.dumps({"room": {"timeline": {"limit": 1000}}})}
        if self.since is not None:
            query["since"] = self.since
        found = await self.done("GET", f"{CLIENT}/sync", query=query)
        self.since = found["next_batch"]
        rooms = found.get("rooms", {})
        for room, state in rooms.get("join", {}).items():
            self.seen.setdefault(room, []).extend(state["timeline"]["events"])
        for room, state in rooms.get("invite", {}).items():
            self.invited[room] = next(
                event["sender"] for event in state["invite_state"]["events"] if event.get("state_key") == self.id
            )

    def messages(self, room: str, sender: str | None = None) -> list[dict[str, Any]]:
        """What was said in a room as far as it was read, in order."""
        return [
            event
            for event in self.seen.get(room, ())
            if event["type"] == "m.room.message" and (sender is None or event["sender"] == sender)
        ]

    async def until(self, wanted: Callable[[], Any], what: str) -> Any:
        """Read on until something is so; what it is then."""
        async with asyncio.timeout(PATIENCE):
            try:
                while not (found := wanted()):
                    await self.look(wait=5)
            except TimeoutError:
                pass
            else:
                return found
        raise AssertionError(f"{what} did not come; there is {json.dumps(self.seen, ensure_ascii=False)[-3000:]}")

    async def reads(self, room: str, words: str, sender: str, count: int = 1) -> dict[str, Any]:
        """The newest of `count` messages of somebody that hold these words."""

        def wanted() -> Any:
            found = [event for event in self.messages(room, sender) if words in event["content"]["body"]]
            return found[-1] if len(found) >= count else None

        event: dict[str, Any] = await self.until(wanted, f"“{words}” from {sender}")
        return event

    async def member(self, room: str, account: str) -> None:
        """Wait until somebody is in a room."""

        def wanted() -> bool:
            return any(
                event["type"] == "m.room.member"
                and event["state_key"] == account
                and event["content"]["membership"] == "join"
                for event in self.seen.get(room, ())
            )

        await self.until(wanted, f"{account} in {room}")


class Line:
    """A line to the server that can be cut: it passes bytes on until told otherwise."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self.port = 0
        self.cut_answers = 0
        """How many answers to `PUT …/send/…` are lost after the server took the request."""
        self.lost = 0

    async def __aenter__(self) -> "Line":
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exception: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        sending = False

        async def forth() -> None:
            nonlocal sending
            while data := await reader.read(65536):
                sending = sending or (data.startswith(b"PUT ") and b"/send/m.room.message/" in data.split(b"\r\n")[0])
                to_writer.write(data)
            to_writer.close()

        asking = asyncio.create_task(forth())
        try:
            while data := await to_reader.read(65536):
                if sending and self.cut_answers:
                    self.cut_answers -= 1
                    self.lost += 1
                    writer.transport.abort()
                    return
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            to_writer.close()
            writer.close()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
