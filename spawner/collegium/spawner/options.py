"""The options of a start as JupyterHub asks for them; what is made of them is decided when the server is started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collegium.domain.errors import DomainError
from collegium.spawner import choices, form


async def options_form(spawner: Any) -> str:
    """The page on which to choose."""
    try:
        view = await choices.gather(spawner)
    except DomainError as error:
        return form.render_failure(error.message)
    return form.render(view)


async def options_from_form(data: Mapping[str, Any], spawner: Any) -> dict[str, Any]:
    """What was posted."""
    options: dict[str, Any] = await spawner.checked_options(data)
    return options


def leave_options_to_start(spawner: Any, user_options: Any) -> None:
    """Nothing: see ``GroupSpawnerMixin.start``."""
