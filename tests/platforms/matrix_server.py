"""A Matrix home server on loopback, as far as a bot and its room mates use one.

It keeps to what was tried on a real Synapse (platforms, A6, D) and refuses what that refuses: a wrong token, an event
over 65,536 bytes, more than ten messages at once and one in five seconds after them, a room where one is not. A
transaction id counts once. What a bot must never do, a token in an address among it, is kept in `errors`.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.platforms.faults import Behaviour, met

SERVER = "chat.test"
BOT, BOT_TOKEN = f"@jiesu:{SERVER}", "bot-token"
LARGEST = 65_536
BURST, PER_SECOND = 10, 0.2
CLIENT = "/_matrix/client/v3"


def errcode(code: str, http: int = 400, **more: Any) -> Behaviour:
    """A refusal with this code."""
    return Behaviour("answer", http, body=json.dumps({"errcode": code, "error": "told to", **more}))


@dataclass
class Room:
    members: dict[str, str] = field(default_factory=dict)
    invitations: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    events: list[tuple[int, dict[str, Any]]] = field(default_factory=list)


class FakeMatrix:
    """One home server. `now` is its clock; `limited` False switches its rate limit off;
    `joining` is what everybody meets who wants to join a room."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC), limited: bool = True) -> None:
        self.now = now
        self.limited = limited
        self.tokens = {BOT_TOKEN: BOT}
        self.names = {BOT: "接诉 助手"}
        self.rooms: dict[str, Room] = {}
        self.account_data: dict[tuple[str, str], Any] = {}
        self.media: dict[str, tuple[str, bytes]] = {}
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.syncs: list[Mapping[str, str]] = []
        self.port = 0
        self.position = 0
        self._taken: dict[tuple[str, str, str], str] = {}
        self._spent: dict[str, list[datetime]] = {}
        self.joining: dict[str, Behaviour] = {}
        self._script: deque[Behaviour] = deque()
        self._news = asyncio.Condition()
        self._changes = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self._quiet = asyncio.Event()

    # --------------------------------------------------------------------------------------------- what a test does

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def then(self, *behaviours: Behaviour) -> None:
        """What the next requests to send meet, in order."""
        self._script.extend(behaviours)

    def room(self, name: str, *members: str) -> str:
        """A room with these people in it; its id."""
        room = f"!{name}:{SERVER}"
        self.rooms[room] = Room()
        for member in members:
            self._member(room, member, "join", member)
        return room

    async def invite(self, room: str, by: str, account: str = BOT, direct: bool = False) -> None:
        """Somebody wants the bot, or somebody else, in a room."""
        self._member(room, account, "invite", by, is_direct=direct)
        await self._tell()

    async def join(self, room: str, account: str) -> None:
        self._member(room, account, "join", account)
        await self._tell()

    async def say(self, room: str, sender: str, body: str, **content: Any) -> str:
        """Somebody types something; the event's id."""
        event = self.event(room, sender, "m.room.message", {"msgtype": "m.text", "body": body, **content})
        await self._tell()
        return event

    def event(self, room: str, sender: str, kind: str, content: Any, **more: Any) -> str:
        """Any event, told with the next one; its id."""
        self.position += 1
        event_id = f"${self.position}"
        event = {
            "type": kind,
            "event_id": event_id,
            "sender": sender,
            "content": content,
            "origin_server_ts": 0,
            **more,
        }
        self.rooms[room].events.append((self.position, event))
        return event_id

    async def until(self, wanted: Callable[[], Any]) -> None:
        """Wait until some request has made this so."""
        async with asyncio.timeout(20), self._changes:
            await self._changes.wait_for(wanted)

    def said(self, room: str, sender: str = BOT) -> list[dict[str, Any]]:
        """The contents of somebody's messages."""
        return [
            event["content"]
            for _, event in self.rooms[room].events
            if event["sender"] == sender and event["type"] == "m.room.message"
        ]

    # ----------------------------------------------------------------------------------------------------- the server

    async def __aenter__(self) -> "FakeMatrix":
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    async def start(self) -> None:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_get("/_matrix/client/versions", self._versions)
        for method, path, handler in (
            ("GET", "/account/whoami", self._whoami),
            ("GET", "/profile/{user}/displayname", self._profile),
            ("GET", "/user/{user}/account_data/{kind}", self._read_account_data),
            ("PUT", "/user/{user}/account_data/{kind}", self._write_account_data),
            ("GET", "/sync", self._sync),
            ("GET", "/rooms/{room}/messages", self._messages),
            ("GET", "/rooms/{room}/members", self._members),
            ("POST", "/rooms/{room}/join", self._join),
            ("POST", "/join/{room}", self._join),
            ("POST", "/createRoom", self._create),
            ("PUT", "/rooms/{room}/send/{kind}/{transaction}", self._send),
        ):
            app.router.add_route(method, f"{CLIENT}{path}", self._guarded(handler))
        app.router.add_post("/_matrix/media/v3/upload", self._guarded(self._upload))
        app.router.add_get("/_matrix/client/v1/media/download/{server}/{media}", self._guarded(self._download))
        app.router.add_route("*", "/{anything:.*}", self._unrecognised)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        self._quiet.set()
        await self._tell()
        if self._runner is not None:
            await self._runner.cleanup()

    def _guarded(self, handler: Any) -> Any:
        async def guarded(request: web.Request) -> web.StreamResponse:
            self.requests.append(f"{request.method} {request.path}")
            async with self._changes:
                self._changes.notify_all()
            if "access_token" in request.query or BOT_TOKEN in str(request.rel_url):
                self.errors.append("a token in the address")
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme != "Bearer" or token not in self.tokens:
                return _refused(401, "M_UNKNOWN_TOKEN")
            answer: web.StreamResponse = await handler(request, self.tokens[token])
            async with self._changes:
                self._changes.notify_all()
            return answer

        return guarded

    async def _versions(self, request: web.Request) -> web.Response:
        return web.json_response({"versions": ["v1.11"]})

    async def _unrecognised(self, request: web.Request) -> web.Response:
        self.errors.append(f"{request.method} {request.path}")
        return _refused(404, "M_UNRECOGNIZED")

    async def _whoami(self, request: web.Request, user: str) -> web.Response:
        return web.json_response({"user_id": user, "device_id": "D"})

    async def _profile(self, request: web.Request, user: str) -> web.Response:
        name = self.names.get(request.match_info["user"])
        return _refused(404, "M_NOT_FOUND") if name is None else web.json_response({"displayname": name})

    async def _read_account_data(self, request: web.Request, user: str) -> web.Response:
        kept = self.account_data.get((user, request.match_info["kind"]))
        return _refused(404, "M_NOT_FOUND") if kept is None else web.json_response(kept)

    async def _write_account_data(self, request: web.Request, user: str) -> web.Response:
        if request.match_info["user"] != user:
            return _refused(403, "M_FORBIDDEN")
        self.account_data[user, request.match_info["kind"]] = await request.json()
        return web.json_response({})

    async def _sync(self, request: web.Request, user: str) -> web.Response:
        self.syncs.append(dict(request.query))
        async with self._changes:
            self._changes.notify_all()
        since = _position(request.query.get("since", "s0"))
        if since is None:
            return _refused(400, "M_UNKNOWN")
        patience = int(request.query.get("timeout", "0")) / 1000
        async with self._news:
            while not self._quiet.is_set() and not any(self._new(user, since)):
                try:
                    await asyncio.wait_for(self._news.wait(), patience)
                except TimeoutError:
                    break
        joined, invited = self._new(user, since, int(_filter(request).get("limit", 10)))
        rooms = {"join": joined, "invite": invited, "leave": {}}
        return web.json_response({"next_batch": f"s{self.position}", "rooms": rooms})

    def _new(self, user: str, since: int, limit: int = 10) -> tuple[dict[str, Any], dict[str, Any]]:
        joined, invited = {}, {}
        for room_id, room in self.rooms.items():
            if room.members.get(user) == "join":
                # Who comes in is shown what was said before, as far as the room lets them.
                since_entry = 0 if self._entered(room, user) > since else since
                events = [(at, event) for at, event in room.events if at > since_entry]
                if events:
                    shown = events[-limit:]
                    joined[room_id] = {
                        "timeline": {
                            "events": [event for _, event in shown],
                            "limited": len(events) > limit,
                            "prev_batch": f"s{shown[0][0] - 1}",
                        },
                        "state": {"events": []},
                        "account_data": {"events": []},
                        "ephemeral": {"events": []},
                    }
            elif room.members.get(user) == "invite" and room.invitations[user][0] > since:
                invited[room_id] = {"invite_state": {"events": [room.invitations[user][1]]}}
        return joined, invited

    def _entered(self, room: Room, user: str) -> int:
        entries = (
            at
            for at, event in room.events
            if event.get("state_key") == user and event["content"].get("membership") == "join"
        )
        return max(entries, default=0)

    async def _messages(self, request: web.Request, user: str) -> web.Response:
        room = self.rooms[request.match_info["room"]]
        start, end = _position(request.query["from"]), _position(request.query.get("to", "s0"))
        assert request.query["dir"] == "b" and start is not None and end is not None
        events = [(at, event) for at, event in reversed(room.events) if end < at <= start]
        page = events[: int(request.query.get("limit", "10"))]
        more = {"end": f"s{page[-1][0] - 1}"} if len(events) > len(page) else {}
        return web.json_response({"chunk": [event for _, event in page], "start": request.query["from"], **more})

    async def _members(self, request: web.Request, user: str) -> web.Response:
        room = self.rooms.get(request.match_info["room"])
        if room is None or room.members.get(user) != "join":
            return _refused(403, "M_FORBIDDEN")
        chunk = [
            {"type": "m.room.member", "state_key": member, "content": {"membership": state}}
            for member, state in room.members.items()
            if state != request.query.get("not_membership")
        ]
        return web.json_response({"chunk": chunk})

    async def _join(self, request: web.Request, user: str) -> web.StreamResponse:
        room = request.match_info["room"]
        if room in self.joining:
            return await met(request, self.joining[room], _nothing, b"", self._quiet)
        if room not in self.rooms or self.rooms[room].members.get(user) not in ("invite", "join"):
            return _refused(403, "M_FORBIDDEN")
        await self.join(room, user)
        return web.json_response({"room_id": room})

    async def _create(self, request: web.Request, user: str) -> web.Response:
        wanted = await request.json()
        room = self.room(f"made{len(self.rooms)}", user)
        for account in wanted.get("invite", ()):
            await self.invite(room, user, account, direct=wanted.get("is_direct", False))
        return web.json_response({"room_id": room})

    async def _send(self, request: web.Request, user: str) -> web.StreamResponse:
        behaviour = self._script.popleft() if self._script else None
        if behaviour is not None:
            return await met(request, behaviour, lambda: self._record(request, user), b"", self._quiet)
        return await self._judge(request, user, await request.read())

    async def _record(self, request: web.Request, user: str) -> None:
        taken = await self._judge(request, user, await request.read())
        assert taken.status == 200, "an event to be recorded was refused"

    async def _judge(self, request: web.Request, user: str, raw: bytes) -> web.Response:
        room = request.match_info["room"]
        if room not in self.rooms or self.rooms[room].members.get(user) != "join":
            return _refused(403, "M_FORBIDDEN")
        key = (user, room, request.match_info["transaction"])
        if key in self._taken:
            return web.json_response({"event_id": self._taken[key]})
        try:
            content = json.loads(raw)
        except ValueError:
            return _refused(400, "M_NOT_JSON")
        if not isinstance(content, dict) or not isinstance(content.get("body"), str):
            return _refused(400, "M_BAD_JSON")
        if len(json.dumps(content, ensure_ascii=False).encode()) > LARGEST - 512:
            return _refused(413, "M_TOO_LARGE")
        if self.limited and (wait := self._overdrawn(user)) > 0:
            more = {"retry_after_ms": int(wait * 1000)}
            return _refused(429, "M_LIMIT_EXCEEDED", {"Retry-After": str(int(wait) + 1)}, **more)
        self._taken[key] = self.event(room, user, request.match_info["kind"], content)
        await self._tell()
        return web.json_response({"event_id": self._taken[key]})

    def _overdrawn(self, user: str) -> float:
        """Seconds until the account's bucket holds a message again; 0 takes one out."""
        now, level, last = self.now(), float(BURST), None
        for moment in self._spent.get(user, []):
            if last is not None:
                level = min(BURST, level + (moment - last).total_seconds() * PER_SECOND)
            level, last = level - 1, moment
        if last is not None:
            level = min(BURST, level + (now - last).total_seconds() * PER_SECOND)
        if level < 1:
            return (1 - level) / PER_SECOND
        self._spent.setdefault(user, []).append(now)
        return 0

    async def _upload(self, request: web.Request, user: str) -> web.Response:
        name = f"media{len(self.media)}"
        self.media[name] = (request.content_type, await request.read())
        return web.json_response({"content_uri": f"mxc://{SERVER}/{name}"})

    async def _download(self, request: web.Request, user: str) -> web.Response:
        if request.match_info["media"] not in self.media:
            return _refused(404, "M_NOT_FOUND")
        media, data = self.media[request.match_info["media"]]
        return web.Response(body=data, content_type=media)

    def _member(self, room: str, account: str, membership: str, sender: str, **content: Any) -> None:
        known = self.rooms[room]
        before = known.members.get(account)
        unsigned = {"prev_content": {"membership": before}} if before else {}
        state = {"membership": membership, **content}
        self.event(room, sender, "m.room.member", state, state_key=account, unsigned=unsigned)
        known.members[account] = membership
        if membership == "invite":
            known.invitations[account] = known.events[-1]

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


async def _nothing() -> None:
    """What is not carried out."""


def _refused(code: int, errcode: str, headers: Mapping[str, str] | None = None, **more: Any) -> web.Response:
    return web.json_response({"errcode": errcode, "error": "refused", **more}, status=code, headers=headers)


def _position(token: str) -> int | None:
    return int(token[1:]) if token[:1] == "s" and token[1:].isdecimal() else None


def _filter(request: web.Request) -> Mapping[str, Any]:
    found = json.loads(request.query.get("filter", "{}"))
    timeline: Mapping[str, Any] = found.get("room", {}).get("timeline", {})
    return timeline
