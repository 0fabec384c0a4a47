"""What `/metrics` shows; no label ever carries text from people."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

COMMANDS = Counter("jiesu_commands", "Commands taken, by name and result.", ["command", "result"], registry=REGISTRY)
COMMAND_SECONDS = Histogram(
    "jiesu_command_seconds",
    "From a verified message to its durable reply.",
    ["command"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
    registry=REGISTRY,
)
REQUESTS = Counter("jiesu_http_requests", "HTTP requests, by route and status.", ["route", "status"], registry=REGISTRY)
INTAKE = Counter("jiesu_intake_rows", "Rows taken in, by origin and result.", ["origin", "result"], registry=REGISTRY)
OUTBOX = Gauge("jiesu_outbox_messages", "Messages in the outbox, by state.", ["state"], registry=REGISTRY)
CONNECTED = Gauge(
    "jiesu_platform_connected", "Whether a bot's connection stands in this process.", ["platform"], registry=REGISTRY
)
FAILING = Gauge("jiesu_robots_failing", "Robots and chats that failed long enough for an alarm.", registry=REGISTRY)
JOURNAL = Gauge("jiesu_journal_events", "Events in the journal.", registry=REGISTRY)
FAULTS = Counter("jiesu_faults", "Faults of ours that a person was told about.", registry=REGISTRY)
