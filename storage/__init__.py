"""One transaction: the journal, its projections, inbox and outbox, the personal-data vault."""
