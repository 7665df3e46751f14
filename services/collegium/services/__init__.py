"""The service program: the REST API, the controller that runs jobs, and a landing page. One program, three roles."""

VERSION = "0.1.0"
#: The newest version of the HTTP contract; it is part of every path.
API_VERSION = "v1"
#: Clients older than this are asked to update.
OLDEST_CLIENT = "0.1.0"
