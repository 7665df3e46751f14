"""Something to do once when the hub starts, and not when its configuration is only read."""

from __future__ import annotations

from typing import Any

from traitlets import Unicode
from traitlets.config import Configurable
from traitlets.utils.importstring import import_item


class StartupMixin(Configurable):
    """Runs ``startup_hook`` when the hub asks its authenticator for handlers.

    That happens once in ``jupyterhub`` itself, after the configuration was read and before any server is looked at, and
    never in ``jupyterhub token`` or ``jupyterhub --help-all``.
    """

    startup_hook = Unicode(
        "",
        help="Dotted name of a function without arguments that is called once when the hub starts.",
    ).tag(config=True)

    def get_handlers(self, app: Any) -> list[Any]:
        """The handlers of the base class, after the hook and ``on_hub_start`` have run."""
        if self.startup_hook:
            import_item(self.startup_hook)()
        self.on_hub_start(app)
        return list(super().get_handlers(app))  # type: ignore[misc]  # the other base is an Authenticator

    def on_hub_start(self, app: Any) -> None:
        """For subclasses: called after the hook."""
