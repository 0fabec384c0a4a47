"""The office's rules, typed: one immutable snapshot of what holds on a day.

Each field of `Rules` is a key of the policy file; titles, values and sources are in `policy.toml`, so that nothing
here decides a number.
"""

import re
import unicodedata
from datetime import time, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)

from config.durations import Duration, TimeOfDay, parse_duration
from config.shanghai import span_text

UpstreamStep = Literal["待签收", "签收", "派单", "办理", "办结", "退回成功", "退回驳回"]
Word = Annotated[str, Field(min_length=1)]
Words = Annotated[tuple[Word, ...], Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limit(_Value):
    """A span of natural time, and in `source` what it rests on, ready for a clock's explanation."""

    span: Duration
    source: str = ""

    @model_validator(mode="wrap")
    @classmethod
    def _bare(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """In the file a limit is only its duration."""
        return value if isinstance(value, cls) else handler({"span": parse_duration(value)})

    def sourced(self, source: str) -> "Limit":
        """The same limit with its source."""
        return Limit.model_construct(span=self.span, source=source)


class Limits(_Value):
    """A limit for urgent orders and one for the others."""

    urgent: Limit
    other: Limit

    def of(self, *, urgent: bool) -> Limit:
        """The one that holds."""
        return self.urgent if urgent else self.other

    def sourced(self, source: str) -> "Limits":
        """The same limits with their source."""
        return Limits(urgent=self.urgent.sourced(source), other=self.other.sourced(source))


class CloseOutEntry(_Value):
    """One line of the 办结 matcher: it applies when any condition it states holds, or when it states none."""

    label: Word
    limit: Limit
    level: tuple[Literal["紧急", "一般", "疑难"], ...] = ()
    type: tuple[Word, ...] = ()
    category: tuple[Word, ...] = ()

    @property
    def unconditional(self) -> bool:
        """Whether it states no condition."""
        return not (self.level or self.type or self.category)

    def applies(self, level: str, type_: str, category: str) -> bool:
        """Whether an order of this level, type and category path falls under it."""
        return (
            self.unconditional
            or level in self.level
            or type_ in self.type
            or any(word in category for word in self.category)
        )

    def sourced(self, source: str) -> "CloseOutEntry":
        """The same entry with a limit whose source names the label."""
        return self.model_copy(update={"limit": self.limit.sourced(f"{self.label}，{source}")})


class ReminderSteps(_Value):
    """When to remind: `before` holds negative offsets from the due time, earliest first; then at it; then every …"""

    before: tuple[Duration, ...]
    every: Duration

    @field_validator("before")
    @classmethod
    def _negative(cls, before: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
        return tuple(sorted(-abs(offset) for offset in before))


class Reminders(_Value):
    """The steps by kind of clock; `short` is for ordinary clocks whose whole limit is at most `short_up_to`."""

    ordinary: ReminderSteps
    short: ReminderSteps
    short_up_to: Duration
    urgent: ReminderSteps

    def of(self, *, urgent: bool, limit: timedelta) -> ReminderSteps:
        """The steps for a clock of this length."""
        if urgent:
            return self.urgent
        return self.short if limit <= self.short_up_to else self.ordinary


class Hours(_Value):
    """Part of each day, from `start` up to but without `end`; it may go over midnight. Shanghai time."""

    start: TimeOfDay
    end: TimeOfDay

    def contains(self, at: time) -> bool:
        """Whether a time of day lies in it."""
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


class Silence(Hours):
    """An alarm when nothing came in for `after` within the hours."""

    after: Duration


class Attachments(_Value):
    """What is kept of pictures and files that people send with an order: megabytes of one, how many, all together."""

    file_mb: Annotated[int, Field(ge=1, le=50)]
    count: Count
    total_mb: Count


class BindingCodes(_Value):
    """One-time codes: how long one is `valid`, after how many wrong `tries` an account is `locked`, and how long."""

    valid: Duration
    tries: Count
    locked: Duration


class StandingTimes(_Value):
    """Times of the daily messages (domain, section 4), Shanghai time."""

    handover: TimeOfDay
    due_lists: tuple[TimeOfDay, ...]
    review_list: TimeOfDay
    undispatched: tuple[TimeOfDay, ...]
    day_close: TimeOfDay


class Arrivals(_Value):
    """When ordinary new orders are told together: beyond `above` of them `within` a time the next ones are held for
    at most `hold`, or until `most` of them wait."""

    above: Count
    within: Duration
    hold: Duration
    most: Count


class Doubtful(_Value):
    """Messages that may not have arrived: `collect`ed, then named at most `most` at a time, `again` where in doubt."""

    collect: Duration
    again: Duration
    most: Count


class Acknowledged(_Value):
    """For how long ordinary nudges rest after 知悉: `rest` unless a time was given, of at most `longest`."""

    rest: Duration
    longest: Duration


class Merging(_Value):
    """Ordinary notices to one robot become one when they would wait for its limits longer than `wait`; at most `most`
    of them in one."""

    wait: Duration
    most: Annotated[int, Field(ge=2)]


class OnWorkday(_Value):
    """A time on the n-th workday of a week or month."""

    workday: Count
    at: TimeOfDay


class ScoreWeights(_Value):
    """Shares of the three rates in the score; together 1."""

    responded: Share
    solved: Share
    satisfied: Share

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = self.responded + self.solved + self.satisfied
        if abs(total - 1) > 1e-9:
            raise ValueError(f"三项权重之和应为 1，现为 {total:g}")
        return self


class Tariff(_Value):
    """The price of a clause in fen: `price` each, from the `higher_from`-th in a month `higher` each."""

    clause: Word
    price: Count
    higher_from: Count | None = None
    higher: Count | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.higher is None) != (self.higher_from is None):
            raise ValueError("higher 和 higher_from 要么都写，要么都不写")
        return self


class Rules(_Value):
    """Everything that holds on a day. `version` names it for clocks and reports, `calendar_version` the working
    calendar that its workdays are counted by."""

    version: str
    calendar_version: str = ""

    sign_off: Limits
    dispatch: Limits
    dispatch_same_day: bool
    respond: Limits
    urgent_handling: Limit
    close_out: tuple[CloseOutEntry, ...]
    evaluation: Limit
    over_four_days: Limit
    refer_again: Limit
    suspended_max_days: Count
    followup_days: tuple[Count, ...]

    reminders: Reminders
    quiet_hours: Hours
    urge_interval: Duration
    acknowledged: Acknowledged
    intake_silence: Silence
    standing_times: StandingTimes
    digest_threshold: Count
    together_above: Count
    arrivals: Arrivals
    doubtful: Doubtful
    merging: Merging
    robot_rest: Duration
    robot_closed: Duration
    robot_waiting: Duration
    robot_failing: Duration
    robot_failing_again: Duration
    no_way_out: Duration

    attachments: Attachments
    kept_exports: Duration
    binding: BindingCodes

    return_kinds: Words
    return_text_min: Annotated[int, Field(ge=0)]
    contacts_needed_unreachable: Count
    undo_window: Duration
    bare_date_time: TimeOfDay
    facts: Words
    facts_with_category: tuple[Word, ...]

    upstream: dict[UpstreamStep, tuple[Word, ...]]
    finished_words: tuple[Word, ...]
    urgent_words: tuple[Word, ...]
    title_noise: tuple[Word, ...]

    satisfied_weight: Share
    score_weights: ScoreWeights
    unrated_leaves_denominator: bool
    assessment_first_day: Annotated[int, Field(ge=1, le=28)]
    ranked_min: Count

    daily_report: TimeOfDay
    weekly_report: OnWorkday
    monthly_report: OnWorkday
    correction_workdays: Count

    penalties: tuple[Tariff, ...]
    training_from: Count
    final_workdays: Count

    def close_out_limit(self, level: str, type: str, category: str) -> Limit:
        """The 办结 limit of an order: the first entry that applies; its label stands in the limit's source."""
        return self.close_out_entry(level, type, category).limit

    def close_out_entry(self, level: str, type: str, category: str) -> CloseOutEntry:
        """The line of the matcher that gives the 办结 limit."""
        return next(entry for entry in self.close_out if entry.applies(level, type, category))

    def urgent_word(self, text: str) -> str | None:
        """The first words in a text that make an order urgent; None when there are none."""
        found = self._urgent.search("".join(unicodedata.normalize("NFKC", text).split(" ")))
        return found.group() if found else None

    def is_urgent(self, text: str) -> bool:
        """Whether a text makes an order urgent."""
        return self.urgent_word(text) is not None

    def upstream_step(self, word: str) -> str | None:
        """The step that a word of the source's system means; None for a blank or unknown word."""
        return self._steps.get(word.strip())

    def without_noise(self, title: str) -> str:
        """A title without the marks that channels append to it."""
        for noise in self.title_noise:
            title = title.replace(noise, "")
        return title.strip()

    def tariff(self, clause: str) -> Tariff | None:
        """The price of a clause, by its name."""
        return next((tariff for tariff in self.penalties if tariff.clause == clause), None)

    @field_validator(
        "sign_off",
        "dispatch",
        "respond",
        "urgent_handling",
        "evaluation",
        "over_four_days",
        "refer_again",
        "close_out",
    )
    @classmethod
    def _sources(cls, value: Any, info: ValidationInfo) -> Any:
        """The validation context maps a field to what it rests on."""
        source = (info.context or {}).get(info.field_name, "")
        return tuple(part.sourced(source) for part in value) if isinstance(value, tuple) else value.sourced(source)

    @field_validator("close_out")
    @classmethod
    def _total(cls, entries: tuple[CloseOutEntry, ...]) -> tuple[CloseOutEntry, ...]:
        if not entries or not entries[-1].unconditional:
            raise ValueError("最后一条应不写条件，作为兜底")
        if any(entry.unconditional for entry in entries[:-1]):
            raise ValueError("只有最后一条可以不写条件，否则后面的永远用不上")
        return entries

    @field_validator("arrivals")
    @classmethod
    def _far_below_the_limit(cls, arrivals: Arrivals, info: ValidationInfo) -> Arrivals:
        limits = info.data.get("sign_off")
        if limits is not None and arrivals.hold * 4 > limits.other.span:
            raise ValueError("最多等候的时间不能超过一般工单签收时限的四分之一")
        return arrivals

    @field_validator("upstream")
    @classmethod
    def _one_step_each(cls, upstream: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        words = [word for step in upstream.values() for word in step]
        twice = next((word for word in words if words.count(word) > 1), None)
        if twice:
            raise ValueError(f"“{twice}” 只能属于一个步骤")
        return upstream

    @cached_property
    def _steps(self) -> dict[str, str]:
        return {word: step for step, words in self.upstream.items() for word in words}

    @cached_property
    def _urgent(self) -> re.Pattern[str]:
        if not self.urgent_words:
            return re.compile(r"(?!)")
        patterns = (re.escape(unicodedata.normalize("NFKC", word)) for word in self.urgent_words)
        # A star stands for a few characters of the same sentence.
        return re.compile("|".join(pattern.replace(r"\*", r"[^。！？!?\n]{0,10}?") for pattern in patterns))


def value_text(value: Any) -> str:
    """A rule's value as people read it."""
    for kind, text in _TEXTS:
        if isinstance(value, kind):
            return str(text(value))
    return str(value)


def _span_text(span: timedelta) -> str:
    seconds = span.total_seconds()
    return span_text(span) if seconds >= 60 else f"{seconds:g}秒"


def _fields(value: BaseModel) -> str:
    return "，".join(
        f"{_WORDS.get(name, name)} {value_text(part)}"
        for name, part in value
        if part is not None and (part or isinstance(part, int))
    )


def _steps_text(steps: ReminderSteps) -> str:
    before = "、".join(span_text(-offset) for offset in steps.before)
    return f"{f'提前 {before}，' if before else ''}到期时，之后每 {span_text(steps.every)}"


def _tariff_text(tariff: Tariff) -> str:
    text = f"{tariff.clause} 每次 {tariff.price / 100:g} 元"
    return f"{text}，当月第 {tariff.higher_from} 次起 {tariff.higher / 100:g} 元" if tariff.higher else text


_WORDS = {
    "urgent": "紧急",
    "other": "其他",
    "ordinary": "一般",
    "short": "短时限",
    "short_up_to": "短时限不超过",
    "after": "超过",
    "start": "从",
    "end": "到",
    "handover": "交接班",
    "due_lists": "到期与超4天",
    "review_list": "待评定、待结案",
    "undispatched": "未派单",
    "day_close": "日终",
    "above": "超过件数",
    "within": "时段",
    "hold": "最多等",
    "collect": "先攒",
    "again": "再次核对间隔",
    "most": "一条最多列几件",
    "wait": "逐条发要等超过",
    "rest": "不写时长时",
    "longest": "最长",
    "responded": "响应",
    "solved": "解决",
    "satisfied": "满意",
}

_TEXTS: tuple[tuple[type, Any], ...] = (
    (bool, lambda value: "是" if value else "否"),
    (timedelta, _span_text),
    (time, lambda value: f"{value:%H:%M}"),
    (Limit, lambda value: span_text(value.span)),
    (CloseOutEntry, lambda value: f"{value.label} {span_text(value.limit.span)}"),
    (ReminderSteps, _steps_text),
    (Tariff, _tariff_text),
    (OnWorkday, lambda value: f"第{value.workday}个工作日 {value.at:%H:%M}"),
    (Silence, lambda value: f"{value.start:%H:%M}–{value.end:%H:%M} 超过 {span_text(value.after)}"),
    (
        Attachments,
        lambda value: f"每个不超过 {value.file_mb} MB，每件工单不超过 {value.count} 个、共 {value.total_mb} MB",
    ),
    (
        BindingCodes,
        lambda value: f"{span_text(value.valid)}内有效，试错 {value.tries} 次停用 {span_text(value.locked)}",
    ),
    (Hours, lambda value: f"{value.start:%H:%M}–{value.end:%H:%M}"),
    (BaseModel, _fields),
    (float, lambda value: f"{value:g}"),
    (dict, lambda value: "；".join(f"{key}：{value_text(part)}" for key, part in value.items())),
    (
        tuple,
        lambda value: ("；" if any(isinstance(v, BaseModel) for v in value) else "、").join(map(value_text, value)),
    ),
)
