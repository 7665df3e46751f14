"""The spawn form: from what was looked up to HTML, and from what was posted to options.

Two kinds of links lead here. ``/hub/spawn#group=physics&instance_type=small&image=python`` opens the form filled in.
``/hub/spawn/USER/physics?opt-group=physics&opt-instance_type=small&opt-image=python`` starts at once: JupyterHub does
that for any query.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from collegium.domain.errors import InvalidInput
from collegium.spawner.choices import FormView
from collegium.spawner.refusals import refusal

_environment = Environment(
    loader=PackageLoader("collegium.spawner", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
#: The hub's own arguments, which may come along with a form or a link.
NOT_OPTIONS = frozenset({"_xsrf"})


def render(view: FormView) -> str:
    """The form's inner HTML with its own submit button; without a group, an explanation and no button."""
    name = "form.html" if view.groups else "no_group.html"
    return _environment.get_template(name).render(view=view)


def render_failure(message: str) -> str:
    """What stands in the form's place while the database does not answer."""
    return _environment.get_template("failure.html").render(message=message)


def options_from(data: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a posted form or a link's query into options. A value given twice is refused: which one was meant?

    Unknown names are kept, so that the resolver refuses them by name.
    """
    options: dict[str, Any] = {}
    for name, values in data.items():
        if name in NOT_OPTIONS:
            continue
        if not isinstance(values, list):
            options[name] = values
        elif len(values) == 1:
            options[name] = values[0]
        else:
            raise refusal(InvalidInput(name, "was given more than once", values))
    return options
