"""What all commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from collegium.domain.errors import DomainError


def plain_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Print what a user may read and end with status 1; let everything else be the bug that it is."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except DomainError as error:
            click.echo(error.message, err=True)
            sys.exit(1)

    return run
