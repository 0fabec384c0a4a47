"""The work itself: plain synchronous functions that record events and return what to say."""
