"""A group's queue of jobs, and what its admins set about jobs."""
