"""Reading what comes in: files, pasted text and JSON become validated `IncomingOrder`s (domain, section 9).

A pure reading half. It opens no store and decides nothing about orders: whether one is new, unchanged or changed,
live or history, urgent by its text, is decided by whoever calls.

    file ─ files.read_table ─ rows.read_rows ─┐
    JSON ───────────────── rows.from_mapping ─┼→ IncomingOrder | RejectedRow
    chat ───────────────────── rows.from_text ┘
"""
