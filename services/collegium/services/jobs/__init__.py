"""Jobs over HTTP, and what makes them run."""
