"""HTTP: health, metrics, the intake API, and the middleware that every request passes."""
