"""The embedded work group: a chat platform like the others, with a page in the browser."""
